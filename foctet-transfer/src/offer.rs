//! What this side has to send.

mod scan;
mod source;

use std::path::PathBuf;

use crate::error::OfferError;
use crate::event::Skipped;
use crate::manifest::{MAX_ENTRIES, Manifest};
use crate::os::Dir;

pub(crate) use self::source::{Source, SourceError, disk_error};

/// How to look for what is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanOptions {
    /// Most entries; never more than [`MAX_ENTRIES`].
    pub max_entries: u32,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { max_entries: MAX_ENTRIES }
    }
}

impl ScanOptions {
    /// Stops with an error at more than `limit` entries.
    pub fn with_max_entries(mut self, limit: u32) -> Self {
        self.max_entries = limit;
        self
    }
}

/// Files and directories of this machine, ready to be sent to any number of receivers.
///
/// It holds a handle of each directory that a given path is in, and for each file what tells whether it is still the
/// one that was offered. No content has been read.
#[derive(Debug)]
pub struct Offer {
    manifest: Manifest,
    /// For each entry the inode, 0 for what is no file.
    inodes: Vec<u64>,
    /// In the order of their entries.
    roots: Vec<Root>,
    /// The directories that the roots are in.
    holders: Vec<Dir>,
    skipped: Vec<Skipped>,
}

/// Where a top-level entry comes from.
#[derive(Debug)]
struct Root {
    entry: u32,
    /// Index of the directory it is in.
    holder: usize,
    /// What it is called there, which differs from the entry's name if the path given was a link.
    name: std::ffi::OsString,
}

impl Offer {
    /// Walks the paths given and lists what can be sent.
    ///
    /// This blocks, for as long as walking the trees takes; it never waits for a FIFO or a device. A path that is a
    /// symbolic link stands for what it points to, under the link's own name. Links inside a directory are kept as
    /// links if they stay inside the tree. What cannot be sent is left out and listed by [`Self::skipped`]: unreadable
    /// files, FIFOs, sockets, devices, names that are refused (see [`NameRule`](crate::NameRule)) or that differ from
    /// another only in case or normalisation, links that leave the tree, directories that contain themselves.
    ///
    /// # Errors
    ///
    /// [`OfferError`]: a path given does not exist or cannot be sent itself, two have the same name, or a limit of
    /// manifests is exceeded.
    pub fn scan(paths: &[PathBuf], options: &ScanOptions) -> Result<Self, OfferError> {
        scan::scan(paths, options)
    }

    /// What will be offered.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What was left out, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    fn root(&self, entry: u32) -> Option<(&Dir, &Root)> {
        let at = self.roots.binary_search_by_key(&entry, |root| root.entry).ok()?;
        let root = self.roots.get(at)?;
        Some((self.holders.get(root.holder)?, root))
    }
}
