use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::OnConflict;
use crate::error::{DiskError, ReceiveError};
use crate::incoming::Fault;
use crate::manifest::{Entry, EntryKind, Manifest};
use crate::os::{Dir, Kind};
use crate::selection::Selection;
use crate::wire::{Failure, FailureCode};

/// What is received, and how it gets to its place at the end.
pub(super) struct Plan {
    pub(super) selection: Arc<Selection>,
    /// What is moved out of the stage at the end. Everything else moves with the directory that it is in.
    pub(super) moves: Vec<Move>,
    /// Directories that exist at the destination and are merged with.
    pub(super) merged: HashSet<u32>,
    /// What is left out because it exists, without what is below it.
    pub(super) skipped: Vec<u32>,
}

/// One step of giving everything its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) entry: u32,
    /// Whether something is replaced that was there when the plan was made.
    pub(super) replace: bool,
}

impl Plan {
    pub(super) fn new(
        dir: &Dir,
        path: &Path,
        manifest: &Manifest,
        policy: OnConflict,
    ) -> Result<Self, Fault> {
        let mut selection = Selection::all(manifest);
        let mut planning = Planning { dir, path, policy, last: None, merged: HashSet::new() };
        let mut moves = Vec::new();
        let mut skipped = Vec::new();
        for entry in manifest.entries() {
            let place = match entry.parent() {
                Some(parent) if !selection.contains(parent.index()) => Place::Gone,
                Some(parent) if !planning.merged.contains(&parent.index()) => Place::WithParent,
                _ => planning.place(&entry)?,
            };
            match place {
                Place::Move { replace } => moves.push(Move { entry: entry.index(), replace }),
                Place::Merge => {
                    planning.merged.insert(entry.index());
                }
                Place::Keep => {
                    selection.leave_out(manifest, entry.index());
                    skipped.push(entry.index());
                }
                Place::Gone => selection.leave_out(manifest, entry.index()),
                Place::WithParent => {}
            }
        }
        Ok(Self { selection: Arc::new(selection), moves, merged: planning.merged, skipped })
    }
}

/// What becomes of an entry.
enum Place {
    Move {
        replace: bool,
    },
    /// A directory that exists.
    Merge,
    /// What exists is kept.
    Keep,
    /// Left out with the directory that it is in.
    Gone,
    /// Its directory is new.
    WithParent,
}

struct Planning<'a> {
    dir: &'a Dir,
    path: &'a Path,
    policy: OnConflict,
    /// The existing directory looked at last.
    last: Option<(u32, Dir)>,
    merged: HashSet<u32>,
}

impl Planning<'_> {
    /// Decides about an entry whose directory exists at the destination.
    fn place(&mut self, entry: &Entry<'_>) -> Result<Place, Fault> {
        let found = self.parent(entry).and_then(|dir| dir.meta(OsStr::new(entry.name())));
        let found = found.map_err(|error| DiskError::new("look at", self.path.join(entry.path()), &error))?;
        let Some(found) = found else { return Ok(Place::Move { replace: false }) };
        let is_dir = entry.kind() == EntryKind::Directory;
        Ok(match self.policy {
            OnConflict::Rename if entry.parent().is_none() => Place::Move { replace: false },
            OnConflict::Skip | OnConflict::Overwrite if is_dir && found.kind == Kind::Directory => {
                Place::Merge
            }
            OnConflict::Skip => Place::Keep,
            OnConflict::Overwrite if !is_dir && found.kind != Kind::Directory => {
                Place::Move { replace: true }
            }
            _ => {
                let path = self.path.join(entry.path());
                let failure = Failure { entry: Some(entry.index()), ..Failure::new(FailureCode::NameExists) };
                return Err(Fault::new(ReceiveError::Exists { path }, failure));
            }
        })
    }

    fn parent(&mut self, entry: &Entry<'_>) -> io::Result<&Dir> {
        let Some(parent) = entry.parent() else { return Ok(self.dir) };
        if self.last.as_ref().is_none_or(|(index, _)| *index != parent.index()) {
            self.last = Some((parent.index(), self.dir.open_beneath(&parent.path())?));
        }
        self.last.as_ref().map(|(_, dir)| dir).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
