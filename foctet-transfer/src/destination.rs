//! The directory that is received into.

mod commit;
mod flusher;
mod plan;
mod stage;
mod survey;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::flusher::Flusher;
use self::plan::Plan;
use self::stage::Stage;
pub use self::survey::Survey;
use crate::error::{DiskError, ReceiveError};
use crate::event::Event;
use crate::incoming::{Fault, Sink};
use crate::manifest::{Entry, EntryKind, Manifest};
use crate::os::{self, Dir};
use crate::selection::Selection;
use crate::wire::{Failure, FailureCode};

/// What to do where something of the name exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnConflict {
    /// Receive nothing: [`ReceiveError::Exists`].
    #[default]
    Fail,
    /// Keep what exists. Into a directory that exists, those files are received that are missing in it.
    Skip,
    /// Receive under another name: `name (1).ext` and so on, for files and directories at the top alike.
    Rename,
    /// Replace files and links, each in one step and only after everything is verified. A directory that exists is
    /// merged with, file by file; what else is in it stays. A directory never replaces a file or the other way round:
    /// that is [`ReceiveError::Exists`].
    Overwrite,
}

/// How to save.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SaveOptions {
    /// What to do where something of the name exists already.
    pub on_conflict: OnConflict,
}

impl SaveOptions {
    /// Sets what to do where something of the name exists already.
    pub fn with_on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.on_conflict = on_conflict;
        self
    }
}

/// Files from this size on are made durable one by one, while others still arrive. Smaller ones are when everything
/// is here, by one `syncfs`.
const SYNC_EACH_FROM: u64 = 1 << 20;
/// Up to this many small files, without a tree around them, are made durable one by one too: they are not worth
/// waiting for all that other programs have written.
const FEW_FILES: u32 = 16;

/// Writes into a hidden partial and gives everything its final name at the end.
pub(crate) struct Destination {
    manifest: Arc<Manifest>,
    path: PathBuf,
    dir: Dir,
    plan: Plan,
    stage: Stage,
    options: SaveOptions,
    /// Permission bits that the system takes away from what is created.
    mask: u16,
    /// The directory in the stage that the last file is in.
    last: Option<(u32, Dir)>,
    file: Option<OpenFile>,
    flusher: Flusher,
    sync_all: bool,
    events: Vec<Event>,
}

struct OpenFile {
    file: std::fs::File,
    /// Bytes written since the system was last asked to start writing back.
    unsynced: u64,
}

impl Destination {
    /// Looks at what is in `dir`, decides what will go where, checks the space and creates the partial.
    pub(crate) fn prepare(
        path: &Path,
        options: &SaveOptions,
        manifest: Arc<Manifest>,
    ) -> Result<Self, Fault> {
        let dir = Dir::open_path(path).map_err(|error| DiskError::new("open", path, &error))?;
        let plan = Plan::new(&dir, path, &manifest, options.on_conflict)?;
        let needed = plan.selection.bytes();
        let free = dir.free_space().map_err(|error| DiskError::new("look at", path, &error))?;
        if needed > free {
            let failure = Failure::new(FailureCode::DiskFull);
            return Err(Fault::new(ReceiveError::NoSpace { needed, free }, failure));
        }
        let stage = Stage::create(&dir, path, &manifest)?;
        let is_flat = manifest.files() == manifest.len() && manifest.len() <= FEW_FILES;
        let mask = stage.mask().map_err(|error| DiskError::new("write to", path, &error))?;
        let mut destination = Self {
            manifest,
            path: path.to_owned(),
            dir,
            plan,
            stage,
            options: options.clone(),
            mask,
            last: None,
            file: None,
            flusher: Flusher::start(),
            sync_all: !is_flat,
            events: Vec::new(),
        };
        destination.create_dirs()?;
        Ok(destination)
    }

    /// The files that are kept as they are, by their index: with a path each they could fill the memory.
    pub(crate) fn kept(&self) -> &[u32] {
        &self.plan.skipped
    }

    pub(crate) fn selection(&self) -> Arc<Selection> {
        Arc::clone(&self.plan.selection)
    }

    fn create_dirs(&mut self) -> Result<(), Fault> {
        let manifest = Arc::clone(&self.manifest);
        for entry in manifest.entries() {
            if entry.kind() == EntryKind::Directory && self.plan.selection.contains(entry.index()) {
                let created = self.parent(&entry).and_then(|dir| dir.create_dir(entry.name()));
                created.map_err(|error| self.disk("create", &entry, &error))?;
            }
        }
        Ok(())
    }

    /// The directory in the stage that holds this entry.
    fn parent(&mut self, entry: &Entry<'_>) -> std::io::Result<&Dir> {
        let Some(parent) = entry.parent() else { return Ok(self.stage.dir()) };
        if self.last.as_ref().is_none_or(|(index, _)| *index != parent.index()) {
            let dir = self.stage.dir().open_beneath(&parent.path())?;
            self.last = Some((parent.index(), dir));
        }
        self.last.as_ref().map(|(_, dir)| dir).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    /// An error of this machine's disk, told with the path that the user knows.
    fn disk(&self, doing: &'static str, entry: &Entry<'_>, error: &std::io::Error) -> Fault {
        DiskError::new(doing, self.path.join(entry.path()), error).into()
    }
}

impl Sink for Destination {
    // The same bytes go to the same place.
    fn rewind(&mut self) {}

    fn begin(&mut self, entry: &Entry<'_>) -> Result<(), Fault> {
        let created = self.parent(entry).and_then(|dir| dir.create_file(entry.name(), entry.mode()));
        let file = created.map_err(|error| self.disk("create", entry, &error))?;
        self.file = Some(OpenFile { file, unsynced: 0 });
        Ok(())
    }

    fn write(&mut self, entry: &Entry<'_>, offset: u64, data: &[u8]) -> Result<(), Fault> {
        let Some(open) = &mut self.file else { return Ok(()) };
        if let Err(error) = os::write_all_at(&open.file, data, offset) {
            return Err(self.disk("write", entry, &error));
        }
        open.unsynced = open.unsynced.saturating_add(data.len() as u64);
        if open.unsynced >= flusher::WRITE_BACK_EVERY {
            open.unsynced = 0;
            self.flusher.write_back(&open.file, self.path.join(entry.path()));
        }
        Ok(())
    }

    fn verified(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn end(&mut self, entry: &Entry<'_>) -> Result<(), Fault> {
        let Some(OpenFile { file, .. }) = self.file.take() else { return Ok(()) };
        let mut finished = Ok(());
        if entry.mode() & self.mask != 0 {
            finished = os::set_file_mode(&file, entry.mode());
        }
        let finished = finished.and_then(|()| os::set_file_mtime(&file, entry.mtime()));
        finished.map_err(|error| self.disk("finish", entry, &error))?;
        if entry.size() >= SYNC_EACH_FROM || !self.sync_all {
            let path = self.path.join(entry.path());
            self.flusher.finish(file, path)?;
        }
        Ok(())
    }
}
