//! What is offered, as it is told.

use std::collections::HashMap;

use foctet_transfer::{EntryKind, Manifest};

use crate::events::{self, Event, MAX_MANIFEST_ENTRIES};

/// The event that lists `manifest`.
pub(crate) fn event(manifest: &Manifest) -> Event {
    let entries = manifest.entries().take(MAX_MANIFEST_ENTRIES).map(|entry| events::Entry {
        path: entry.path(),
        bytes: entry.size(),
        kind: match entry.kind() {
            EntryKind::File => "file",
            EntryKind::Directory => "directory",
            EntryKind::Symlink => "symlink",
        },
    });
    Event::Manifest {
        files: manifest.files().into(),
        bytes: manifest.total_bytes(),
        entries: entries.collect(),
    }
}

/// What the whole is called where there is room for one name.
pub(crate) fn label(manifest: &Manifest) -> String {
    let mut top = manifest.top_level();
    match (top.next(), top.next()) {
        (Some(only), None) => only.name().to_owned(),
        _ => format!("{} items", manifest.top_level().count()),
    }
}

/// What appears in the directory that is received into: one file, directory or link, with what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) is_directory: bool,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// The top level of `manifest`, in its order.
pub(crate) fn items(manifest: &Manifest) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut places = HashMap::new();
    for entry in manifest.entries() {
        let top = entry.top();
        let place = *places.entry(top.index()).or_insert_with(|| {
            items.push(Item {
                name: top.name().to_owned(),
                is_directory: top.kind() == EntryKind::Directory,
                files: 0,
                bytes: 0,
            });
            items.len() - 1
        });
        if let Some(item) = items.get_mut(place) {
            item.files += u64::from(entry.kind() == EntryKind::File);
            item.bytes = item.bytes.saturating_add(entry.size());
        }
    }
    items
}

#[cfg(test)]
pub(crate) mod tests {
    use foctet_transfer::{ManifestBuilder, NewEntry};

    use super::*;

    /// A manifest of these entries: parent, kind, name and size.
    pub(crate) fn manifest(entries: &[(Option<u32>, EntryKind, &str, u64)]) -> Manifest {
        let mut builder = ManifestBuilder::new();
        for (parent, kind, name, size) in entries {
            let target: &[u8] = if *kind == EntryKind::Symlink { b"x" } else { b"" };
            let entry = NewEntry {
                parent: *parent,
                kind: *kind,
                name: name.as_bytes(),
                mode: 0o644,
                mtime: 0,
                size: *size,
                target,
            };
            builder.push(entry).unwrap();
        }
        builder.finish().unwrap()
    }

    #[test]
    fn items_sum_what_they_hold() {
        let manifest = manifest(&[
            (None, EntryKind::Directory, "photos", 0),
            (None, EntryKind::File, "notes.txt", 7),
            (Some(0), EntryKind::Directory, "2026", 0),
            (Some(2), EntryKind::File, "x", 100),
            (Some(0), EntryKind::File, "b", 11),
        ]);
        let item = |name: &str, is_directory, files, bytes| Item {
            name: name.to_owned(),
            is_directory,
            files,
            bytes,
        };
        assert_eq!(items(&manifest), [item("photos", true, 2, 111), item("notes.txt", false, 1, 7)]);
        assert_eq!(label(&manifest), "2 items");
    }

    #[test]
    fn the_event_lists_a_thousand_entries_and_counts_them_all() {
        let names: Vec<String> = (0..1500).map(|i| format!("file {i}")).collect();
        let entries: Vec<_> = names.iter().map(|name| (None, EntryKind::File, name.as_str(), 2)).collect();
        let Event::Manifest { files, bytes, entries } = event(&manifest(&entries)) else { unreachable!() };
        assert_eq!((files, bytes, entries.len()), (1500, 3000, MAX_MANIFEST_ENTRIES));
    }
}
