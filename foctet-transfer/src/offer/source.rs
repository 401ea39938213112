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
    pub(crate) fn open(&mut self, entry: u32) -> Result<(File, Meta), SourceError> {
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
        let meta = self.check(entry.index(), &file)?;
        Ok((file, meta))
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

    /// Makes sure that nothing happened to a file since it was opened. Its times may have been set back, but not the time
    /// of that.
    pub(crate) fn check_again(&self, entry: u32, file: &File, opened: &Meta) -> Result<(), SourceError> {
        if self.check(entry, file)?.ctime == opened.ctime {
            Ok(())
        } else {
            Err(SourceError::Changed(SourceChange::Edited))
        }
    }

    /// Compares an open file with what was offered.
    fn check(&self, entry: u32, file: &File) -> Result<Meta, SourceError> {
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
            return Ok(meta);
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

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;
    use crate::ScanOptions;

    #[test]
    fn an_edit_whose_time_was_set_back_is_noticed_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "before").unwrap();
        let offer = Offer::scan(std::slice::from_ref(&path), &ScanOptions::default()).unwrap();
        let mut source = Source::new(Arc::new(offer));
        let (file, opened) = source.open(0).unwrap();
        source.check_again(0, &file, &opened).unwrap();

        let mut editor = File::options().write(true).open(&path).unwrap();
        let modified = editor.metadata().unwrap().modified().unwrap();
        // Some kernels' clock of files ticks only every few milliseconds.
        while Meta::of(&file).unwrap().ctime == opened.ctime {
            editor.rewind().unwrap();
            editor.write_all(b"after!").unwrap();
            editor.set_modified(modified).unwrap();
        }
        assert_eq!(Meta::of(&file).unwrap().mtime, opened.mtime);
        let noticed = source.check_again(0, &file, &opened);
        assert!(matches!(noticed, Err(SourceError::Changed(SourceChange::Edited))), "{noticed:?}");
    }
}
