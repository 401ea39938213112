use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::Offer;
use crate::error::DiskError;
use crate::manifest::Entry;
use crate::os::{self, Dir, Kind, Meta};
use crate::wire::SourceChange;

/// Opens the files of an offer, one after the other, relative to directory handles.
pub(crate) struct Source {
    offer: Arc<Offer>,
    /// The directory of the last file: in a tree the next one is most often there too.
    last: Option<(u32, Dir)>,
}

/// Why a file of the offer cannot be sent as offered.
#[derive(Debug)]
pub(crate) enum SourceError {
    Changed(SourceChange),
    Disk(DiskError),
}

impl Source {
    pub(crate) fn new(offer: Arc<Offer>) -> Self {
        Self { offer, last: None }
    }

    /// Opens a file and makes sure that it is still the one that was offered.
    pub(crate) fn open(&mut self, entry: u32) -> Result<File, SourceError> {
        let offer = Arc::clone(&self.offer);
        let Some(entry) = offer.manifest.entry(entry) else {
            return Err(SourceError::Changed(SourceChange::Unknown));
        };
        let opened = match entry.parent() {
            None => match offer.root(entry.index()) {
                Some((dir, root)) => dir.open_file(&root.name),
                None => Err(io::ErrorKind::NotFound.into()),
            },
            Some(parent) => self.dir(&parent).and_then(|dir| dir.open_file(OsStr::new(entry.name()))),
        };
        let file = opened.map_err(|error| open_error(&entry, &error))?;
        self.check(entry.index(), &file)?;
        Ok(file)
    }

    /// The directory that is this entry.
    fn dir(&mut self, entry: &Entry<'_>) -> io::Result<&Dir> {
        if self.last.as_ref().is_none_or(|(index, _)| *index != entry.index()) {
            let (holder, root) = self.offer.root(entry.top().index()).ok_or(io::ErrorKind::NotFound)?;
            let dir = holder.open_child(&root.name)?;
            let dir = match entry.path().split_once('/') {
                Some((_, below)) => dir.open_beneath(below)?,
                None => dir,
            };
            self.last = Some((entry.index(), dir));
        }
        self.last.as_ref().map(|(_, dir)| dir).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Compares an open file with what was offered: before it is read, and again afterwards.
    pub(crate) fn check(&self, entry: u32, file: &File) -> Result<(), SourceError> {
        let Some(entry) = self.offer.manifest.entry(entry) else {
            return Err(SourceError::Changed(SourceChange::Unknown));
        };
        let meta = Meta::of(file).map_err(|error| SourceError::Disk(disk_error(&entry, &error)))?;
        let inode = self.offer.inodes.get(entry.index() as usize).copied().unwrap_or(0);
        let change = if meta.kind != Kind::File || meta.inode != inode {
            SourceChange::Replaced
        } else if meta.size > entry.size() {
            SourceChange::Grew
        } else if meta.size < entry.size() {
            SourceChange::Shrank
        } else if meta.mtime != entry.mtime() {
            SourceChange::Edited
        } else {
            return Ok(());
        };
        Err(SourceError::Changed(change))
    }
}

fn open_error(entry: &Entry<'_>, error: &io::Error) -> SourceError {
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::Changed(SourceChange::Vanished),
        _ if os::is_another_kind(error) => SourceError::Changed(SourceChange::Replaced),
        _ => SourceError::Disk(disk_error(entry, error)),
    }
}

pub(crate) fn disk_error(entry: &Entry<'_>, error: &io::Error) -> DiskError {
    DiskError::new("read", PathBuf::from(entry.path()), error)
}
