//! The ways to bring a file or a tree to another place.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Running;
use super::used::Used;
use super::{COLD_MILLISECONDS, FSYNC, MILLISECONDS, RATE, SECOND_CPU, SECOND_PEAK};
use crate::options::Options;
use crate::results::Metric;

mod transfer;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Cp,
    Scp,
    RsyncSsh,
    RsyncDaemon,
    TarNc,
    Socat,
    Floor,
    Foctet { transport: &'static str, syncing: Syncing },
}

/// What becomes of foctet's syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syncing {
    /// They take the time that they take.
    Counted,
    /// Those of files do nothing.
    Void,
    /// Their time is measured and taken off, which is right where nothing else goes on meanwhile.
    TakenOff,
}

const TCP: Way = Way::Foctet { transport: "tcp", syncing: Syncing::Counted };
const QUIC: Way = Way::Foctet { transport: "quic", syncing: Syncing::Counted };
const AUTO: Way = Way::Foctet { transport: "auto", syncing: Syncing::Counted };
const TCP_UNSYNCED: Way = Way::Foctet { transport: "tcp", syncing: Syncing::Void };
const QUIC_UNSYNCED: Way = Way::Foctet { transport: "quic", syncing: Syncing::Void };
const TCP_APART: Way = Way::Foctet { transport: "tcp", syncing: Syncing::TakenOff };

/// What is to be brought where.
pub(super) struct Job<'a> {
    from: &'a Path,
    /// An empty directory.
    into: PathBuf,
    /// For whatever the processes need.
    work: PathBuf,
    /// Above all of these.
    scratch: &'a Path,
    /// Whether CPU time and memory are measured, which costs each process a few milliseconds.
    measured: bool,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        from: &'a Path,
        directory: &Path,
        scratch: &'a Path,
        measured: bool,
    ) -> anyhow::Result<Self> {
        let (into, work) = (directory.join("into"), directory.join("work"));
        std::fs::create_dir(&into)?;
        std::fs::create_dir(&work)?;
        Ok(Self { from, into, work, scratch, measured })
    }

    fn name(&self) -> &OsStr {
        self.from.file_name().unwrap_or_default()
    }

    /// Where it is once it has arrived.
    pub(super) fn arrival(&self) -> PathBuf {
        self.into.join(self.name())
    }

    fn start(&self, command: &Command, name: &str) -> anyhow::Result<Running> {
        Running::start(command, &self.work, name, self.measured)
    }
}

/// What one transfer took.
pub(super) struct Taken {
    /// Seconds; see `Run::about` from when to when.
    pub(super) seconds: f64,
    /// Seconds until the first of two processes was ready for the second.
    pub(super) start: Option<f64>,
    /// The sending or only side.
    pub(super) first: Option<Used>,
    /// The receiving side.
    pub(super) second: Option<Used>,
    /// Seconds that its syncs took, if they were taken off.
    pub(super) syncs: Option<f64>,
}

impl Way {
    pub(super) const FILE: [Self; 10] = [
        Self::Cp,
        Self::RsyncDaemon,
        Self::Socat,
        Self::Floor,
        TCP_UNSYNCED,
        TCP,
        QUIC_UNSYNCED,
        QUIC,
        Self::RsyncSsh,
        Self::Scp,
    ];
    pub(super) const BYTE: [Self; 7] =
        [Self::RsyncDaemon, Self::Socat, Self::Floor, AUTO, TCP, QUIC, Self::Scp];
    pub(super) const TREE: [Self; 6] =
        [Self::Cp, Self::TarNc, Self::RsyncDaemon, TCP_APART, QUIC, Self::RsyncSsh];

    /// As in the tables and after `--only`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cp => "cp",
            Self::Scp => "scp",
            Self::RsyncSsh => "rsync over ssh",
            Self::RsyncDaemon => "rsync daemon",
            Self::TarNc => "tar over nc",
            Self::Socat => "socat over TLS",
            Self::Floor => "floor",
            Self::Foctet { transport: "tcp", syncing: Syncing::Counted | Syncing::TakenOff } => "foctet tcp",
            Self::Foctet { transport: "tcp", syncing: Syncing::Void } => "foctet tcp, data not synced",
            Self::Foctet { transport: "quic", syncing: Syncing::Void } => "foctet quic, data not synced",
            Self::Foctet { transport: "quic", .. } => "foctet quic",
            Self::Foctet { .. } => "foctet auto",
        }
    }

    pub(super) fn names(ways: &[Self], options: &Options) -> Vec<&'static str> {
        ways.iter().map(|way| way.name()).filter(|name| options.takes(name)).collect()
    }

    pub(super) fn file_name(self) -> String {
        self.name().replace([' ', ','], "")
    }

    /// Whether what it brought is synced when it ends.
    pub(super) fn syncs(self) -> bool {
        matches!(self, Self::Foctet { syncing: Syncing::Counted, .. })
    }

    /// Those of the columns that it has a figure for.
    pub(super) fn metrics(self, columns: &[Metric]) -> Vec<Metric> {
        let applies = |metric: &Metric| match *metric {
            RATE | FSYNC => !self.syncs(),
            SECOND_CPU | SECOND_PEAK => self != Self::Cp,
            _ => true,
        };
        columns.iter().copied().filter(applies).collect()
    }

    /// The same where a byte is sent: a server that runs already has no start.
    pub(super) fn byte_metrics(self) -> &'static [Metric] {
        match self {
            Self::Scp | Self::RsyncDaemon => &[MILLISECONDS],
            _ => &[MILLISECONDS, COLD_MILLISECONDS],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for ways in [&Way::FILE[..], &Way::BYTE, &Way::TREE] {
            let names: std::collections::BTreeSet<_> = ways.iter().map(|way| way.name()).collect();
            assert_eq!(names.len(), ways.len());
        }
    }
}
