//! Shows what is offered and asks for it. Nothing has touched the disk yet.

use std::path::Path;

use foctet_transfer::{Escaped, Incoming, Manifest, OnConflict};

use super::target::Outlook;
use crate::args::{ConflictChoice, ReceiveArgs};
use crate::ask;
use crate::exit::{Exit, Failure};
use crate::offered::{self, Item};
use crate::report::{NAME_COLUMNS, Report, Terminal, can_ask, escape_within, show_bytes, show_files};

/// The most lines that the list of what is offered takes.
const MAX_LINES: usize = 12;

/// What the user wants.
pub(super) enum Answer {
    /// To receive, and this about names that exist.
    Receive(OnConflict),
    /// Nothing; and this is why.
    Decline(Failure),
}

/// Asks where someone can answer. Elsewhere the answer is no, unless `args` say yes.
///
/// # Cancel safety
/// As [`ask::choose`].
pub(super) async fn ask(args: &ReceiveArgs, incoming: &Incoming, report: &Report) -> Answer {
    let given = args.on_conflict.map_or(OnConflict::Fail, on_conflict);
    if args.to_stdout() {
        return Answer::Receive(given);
    }
    let dir = args.output.as_path();
    let items = offered::items(incoming.manifest());
    let outlook = Outlook::of(incoming, dir);
    if let Some(terminal) = report.people() {
        terminal.line(&list(&items, incoming.manifest(), &outlook));
    }
    let asked = report.people().filter(|_| can_ask());
    if !args.yes {
        let Some(terminal) = asked else {
            return Answer::Decline(Failure::new(
                Exit::Declined,
                "consent-needed",
                "declined: receiving needs a yes, and there is no terminal to ask at",
                "add -y to receive without being asked",
            ));
        };
        if ask::choose(terminal, &question(dir), &["yes", "no"]).await != Some(0) {
            return declined();
        }
    }
    match asked {
        Some(terminal) if args.on_conflict.is_none() => conflicts(terminal, &items, &outlook).await,
        _ => Answer::Receive(given),
    }
}

/// Asks what to do about names that exist, if any do.
async fn conflicts(terminal: &Terminal, items: &[Item], outlook: &Outlook) -> Answer {
    let mut existing = items.iter().filter(|item| outlook.existing.contains(&item.name));
    let Some(first) = existing.next() else { return Answer::Receive(OnConflict::Fail) };
    let name = Escaped::text(&first.name).to_string();
    let name = escape_within(&name, NAME_COLUMNS);
    let what = match existing.count() {
        0 => format!("{name} exists"),
        others => format!("{name} and {others} more exist"),
    };
    let question = format!("{what} here: cancel, skip, rename or overwrite? [C/s/r/o]");
    match ask::choose(terminal, &question, &["cancel", "skip", "rename", "overwrite"]).await {
        Some(1) => Answer::Receive(OnConflict::Skip),
        Some(2) => Answer::Receive(OnConflict::Rename),
        Some(3) => Answer::Receive(OnConflict::Overwrite),
        _ => declined(),
    }
}

fn declined() -> Answer {
    let hint = "nothing was written, and the sender has been told";
    Answer::Decline(Failure::new(Exit::Declined, "declined", "declined", hint))
}

/// `holiday.mkv  381 MB  (new; 212 GB free)`, a line an item.
fn list(items: &[Item], manifest: &Manifest, outlook: &Outlook) -> String {
    let room = match outlook.free {
        Some(free) if free < manifest.total_bytes() => format!("; only {} free", show_bytes(free)),
        Some(free) => format!("; {} free", show_bytes(free)),
        None => String::new(),
    };
    let shown = if items.len() > MAX_LINES { MAX_LINES - 1 } else { items.len() };
    let mut lines: Vec<String> = items
        .iter()
        .take(shown)
        .map(|item| {
            let state = if outlook.existing.contains(&item.name) { "exists" } else { "new" };
            let room = if items.len() == 1 { room.as_str() } else { "" };
            format!("{}  ({state}{room})", describe(item))
        })
        .collect();
    if items.len() > shown {
        lines.push(format!("and {} more", items.len() - shown));
    }
    if items.len() != 1 {
        let all = show_files(manifest.files().into());
        lines.push(format!("in all {all}, {}{room}", show_bytes(manifest.total_bytes())));
    }
    lines.join("\n")
}

fn describe(item: &Item) -> String {
    let name = escape_within(&Escaped::text(&item.name).to_string(), NAME_COLUMNS);
    if item.is_directory {
        format!("{name}/  {}, {}", show_files(item.files), show_bytes(item.bytes))
    } else {
        format!("{name}  {}", show_bytes(item.bytes))
    }
}

fn question(dir: &Path) -> String {
    if dir == Path::new(".") {
        "Receive into the current directory? [Y/n]".to_owned()
    } else {
        format!("Receive into {}? [Y/n]", escape_within(&Escaped::path(dir).to_string(), NAME_COLUMNS))
    }
}

fn on_conflict(choice: ConflictChoice) -> OnConflict {
    match choice {
        ConflictChoice::Fail => OnConflict::Fail,
        ConflictChoice::Skip => OnConflict::Skip,
        ConflictChoice::Rename => OnConflict::Rename,
        ConflictChoice::Overwrite => OnConflict::Overwrite,
    }
}

#[cfg(test)]
mod tests {
    use foctet_transfer::EntryKind::{Directory, File};

    use super::*;
    use crate::offered::tests::manifest;

    fn shown(manifest: &Manifest, existing: &[&str], free: Option<u64>) -> Vec<String> {
        let existing = existing.iter().map(|name| (*name).to_owned()).collect();
        let outlook = Outlook { existing, free };
        list(&offered::items(manifest), manifest, &outlook).lines().map(str::to_owned).collect()
    }

    #[test]
    fn one_item_takes_one_line() {
        let one = manifest(&[(None, File, "holiday.mkv", 381_000_000)]);
        let free = Some(212_000_000_000);
        assert_eq!(shown(&one, &[], free), ["holiday.mkv  381 MB  (new; 212 GB free)"]);
        assert_eq!(shown(&one, &["holiday.mkv"], free), ["holiday.mkv  381 MB  (exists; 212 GB free)"]);
        assert_eq!(shown(&one, &[], Some(7)), ["holiday.mkv  381 MB  (new; only 7 B free)"]);
        assert_eq!(shown(&one, &[], None), ["holiday.mkv  381 MB  (new)"]);
    }

    #[test]
    fn many_items_are_cut_short_and_summed() {
        let names: Vec<String> = (0..100).map(|i| format!("file {i}")).collect();
        let mut entries = vec![(None, Directory, "dir", 0)];
        entries.extend(names.iter().map(|name| (None, File, name.as_str(), 10)));
        let lines = shown(&manifest(&entries), &["file 0"], Some(5000));
        assert_eq!(lines[..2], ["dir/  0 files, 0 B  (new)", "file 0  10 B  (exists)"]);
        assert_eq!(lines.len(), MAX_LINES + 1);
        assert_eq!(lines[MAX_LINES - 1..], ["and 90 more", "in all 100 files, 1.0 kB; 5.0 kB free"]);
    }

    #[test]
    fn names_are_escaped_and_cut() {
        let name = format!("\u{1b}[2J{}", "x".repeat(200));
        let evil = manifest(&[(None, File, &name, 1)]);
        let lines = shown(&evil, &[], None);
        assert!(lines[0].starts_with("\\u{1b}[2Jxxx") && lines[0].chars().count() < 120, "{lines:?}");
    }
}
