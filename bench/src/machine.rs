//! When and where a run was made, and of what.

use std::process::Command;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The versions that this program was built with.
const LOCKFILE: &str = include_str!("../Cargo.lock");

/// The lines that stand above every section, as a list in Markdown.
pub(crate) fn settings(packages: &[&str]) -> String {
    let profile = match option_env!("CARGO_PROFILE_RELEASE_LTO") {
        _ if cfg!(debug_assertions) => "dev: these figures mean nothing".to_owned(),
        None => "release, thin LTO".to_owned(),
        Some(changed) => format!("release, but LTO {changed}"),
    };
    let load = load();
    let versions: Vec<_> = packages.iter().filter_map(|name| version(name)).collect();
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.contains('/')).collect();
    format!(
        "- {}, {}, load before the run {load}; foctet at {}\n- build: {profile}; arguments: `{}`\n- versions: {}\n",
        date(),
        machine(),
        commit(),
        arguments.join(" "),
        versions.join(", ")
    )
}

/// `NAME VERSION` of a package that this program was built with.
fn version(name: &str) -> Option<String> {
    let (_, rest) = LOCKFILE.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    let (version, _) = rest.split_once('"')?;
    Some(format!("{name} {version}"))
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown CPU", |(_, model)| model);
    format!("{cores} CPUs of {model}, {} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim())
}

/// How many processes ran or wanted to, on the average of the minute before this was first called: later it would be
/// our own doing.
pub(crate) fn load() -> &'static str {
    static LOAD: OnceLock<String> = OnceLock::new();
    LOAD.get_or_init(|| read("/proc/loadavg").split_whitespace().next().unwrap_or("unknown").to_owned())
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Which commit this is built from, as far as can be told.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "an unknown commit".to_owned() };
    match git(&["status", "--porcelain", "--untracked-files=no", "--", "..", ":!../docs"]) {
        Some(changes) if changes.is_empty() => format!("commit {commit}"),
        _ => format!("commit {commit} with changes"),
    }
}

/// Today in UTC, as YYYY-MM-DD.
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    date_of(seconds / 86_400)
}

/// The date that is so many days after 1970-01-01.
fn date_of(days: u64) -> String {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_by_the_gregorian_calendar() {
        assert_eq!(date_of(0), "1970-01-01");
        assert_eq!(date_of(11_016), "2000-02-29");
        assert_eq!(date_of(20_453), "2025-12-31");
        assert_eq!(date_of(20_454), "2026-01-01");
    }

    #[test]
    fn versions_come_from_the_lockfile() {
        assert!(version("tokio").is_some_and(|text| text.starts_with("tokio 1.")));
        assert_eq!(version("no such package"), None);
    }
}
