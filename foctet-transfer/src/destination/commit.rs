use std::ffi::OsStr;
use std::io;
use std::sync::Arc;

use super::plan::Move;
use super::{Destination, OnConflict};
use crate::error::{DiskError, ReceiveError};
use crate::event::{Event, SkipReason};
use crate::incoming::Fault;
use crate::manifest::{Entry, EntryKind};
use crate::name::MAX_NAME_LEN;
use crate::os::Dir;
use crate::wire::{Failure, FailureCode};

/// How many other names to try.
const MAX_RENAMES: u32 = 9_999;
/// What is longer, in bytes and with its dot, is no extension but a sentence with a full stop in it.
const MAX_EXTENSION_LEN: usize = 32;
/// A directory needs its owner's bits until it is in its place: to be moved, because its entry `..` changes, and to be
/// opened there for its final mode.
const OWNER: u16 = 0o700;

impl Destination {
    /// Makes everything durable and gives it its final name. Returns what is to be told.
    pub(crate) fn commit(mut self) -> Result<Vec<Event>, Fault> {
        self.file = None;
        self.flusher.join()?;
        self.create_links()?;
        self.finish_dirs()?;
        if self.sync_all {
            let synced = self.stage.dir().sync_filesystem();
            synced.map_err(|error| DiskError::new("write to", &self.path, &error))?;
        }
        let moves = std::mem::take(&mut self.plan.moves);
        let mut changed = None;
        for step in &moves {
            self.place(step, &mut changed)?;
        }
        self.sync_parent(changed.take())?;
        let synced = self.dir.sync();
        synced.map_err(|error| DiskError::new("write to", &self.path, &error))?;
        Ok(std::mem::take(&mut self.events))
    }

    fn create_links(&mut self) -> Result<(), Fault> {
        let manifest = Arc::clone(&self.manifest);
        for entry in manifest.entries() {
            let Some(target) = entry.target().filter(|_| self.plan.selection.contains(entry.index())) else {
                continue;
            };
            let created = self.parent(&entry).and_then(|dir| {
                dir.create_symlink(entry.name(), target)?;
                dir.set_symlink_mtime(entry.name(), entry.mtime())
            });
            created.map_err(|error| self.disk("create", &entry, &error))?;
        }
        Ok(())
    }

    /// Gives directories their times and modes, the deepest first: a mode may close the way.
    fn finish_dirs(&mut self) -> Result<(), Fault> {
        let manifest = Arc::clone(&self.manifest);
        self.last = None;
        for index in (0..manifest.len()).rev() {
            let Some(entry) = manifest.entry(index) else { continue };
            let is_new = self.plan.selection.contains(index) && !self.plan.merged.contains(&index);
            if entry.kind() != EntryKind::Directory || !is_new {
                continue;
            }
            let dir = self.stage.dir().open_beneath(&entry.path());
            let finished = dir.and_then(|dir| {
                dir.set_mtime(entry.mtime())?;
                let keep = if self.is_moved(&entry) { OWNER } else { 0 };
                dir.set_mode(entry.mode() | keep)
            });
            finished.map_err(|error| self.disk("finish", &entry, &error))?;
        }
        Ok(())
    }

    fn is_moved(&self, entry: &Entry<'_>) -> bool {
        entry.parent().is_none_or(|parent| self.plan.merged.contains(&parent.index()))
    }

    /// Moves one entry to its place. `changed` is the directory that was moved into last, which still has to be made
    /// durable.
    fn place(&mut self, step: &Move, changed: &mut Option<(u32, Dir)>) -> Result<(), Fault> {
        let manifest = Arc::clone(&self.manifest);
        let Some(entry) = manifest.entry(step.entry) else { return Ok(()) };
        let disk =
            |error: &io::Error| Fault::from(DiskError::new("create", self.path.join(entry.path()), error));
        if let Some(parent) = entry.parent()
            && changed.as_ref().is_none_or(|(index, _)| *index != parent.index())
        {
            let dir = self.dir.open_beneath(&parent.path()).map_err(|error| disk(&error))?;
            let before = changed.replace((parent.index(), dir));
            self.sync_parent(before)?;
        }
        let from = match entry.parent() {
            Some(parent) => &self.stage.dir().open_beneath(&parent.path()).map_err(|error| disk(&error))?,
            None => self.stage.dir(),
        };
        let to = match (entry.parent(), changed.as_ref()) {
            (Some(_), Some((_, dir))) => dir,
            _ => &self.dir,
        };
        let placed = self.move_entry(from, to, &entry, step.replace);
        let Some(name) = placed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty => {
                let failure = Failure { entry: Some(entry.index()), ..Failure::new(FailureCode::NameExists) };
                Fault::new(ReceiveError::Exists { path: self.path.join(entry.path()) }, failure)
            }
            _ => disk(&error),
        })?
        else {
            self.events.push(Event::Skipped { path: entry.path(), why: SkipReason::Exists });
            return Ok(());
        };
        if entry.kind() == EntryKind::Directory && entry.mode() & OWNER != OWNER {
            let closed = to.open_child(OsStr::new(&name)).and_then(|dir| dir.set_mode(entry.mode()));
            closed.map_err(|error| disk(&error))?;
        }
        if name != entry.name() {
            self.events.push(Event::Renamed { path: entry.path(), name });
        }
        Ok(())
    }

    /// Moves an entry and returns the name that it got; `None` if what exists is kept instead.
    fn move_entry(
        &self,
        from: &Dir,
        to: &Dir,
        entry: &Entry<'_>,
        replace: bool,
    ) -> io::Result<Option<String>> {
        let is_dir = entry.kind() == EntryKind::Directory;
        let policy = self.options.on_conflict;
        if replace {
            from.rename_over(entry.name(), to, entry.name())?;
            return Ok(Some(entry.name().to_owned()));
        }
        let mut tried = 0;
        loop {
            let name =
                if tried == 0 { entry.name().to_owned() } else { numbered(entry.name(), tried, is_dir) };
            match from.rename_exclusive(entry.name(), to, &name, is_dir) {
                Ok(()) => return Ok(Some(name)),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                // It has appeared since the plan was made, or is known to be taken.
                Err(error) => match policy {
                    OnConflict::Rename if tried < MAX_RENAMES => tried += 1,
                    OnConflict::Skip => return Ok(None),
                    OnConflict::Overwrite if !is_dir => {
                        from.rename_over(entry.name(), to, entry.name())?;
                        return Ok(Some(name));
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    fn sync_parent(&self, changed: Option<(u32, Dir)>) -> Result<(), Fault> {
        let Some((index, dir)) = changed else { return Ok(()) };
        dir.sync().map_err(|error| {
            let path =
                self.manifest.entry(index).map(|entry| self.path.join(entry.path())).unwrap_or_default();
            DiskError::new("write to", path, &error).into()
        })
    }
}

/// `name (1).ext`, not longer than a name may be.
fn numbered(name: &str, number: u32, is_dir: bool) -> String {
    let dot = name.rfind('.').filter(|at| *at > 0 && name.len() - at <= MAX_EXTENSION_LEN);
    let split = if is_dir { None } else { dot };
    let (stem, extension) = name.split_at(split.unwrap_or(name.len()));
    let suffix = format!(" ({number}){extension}");
    let room = MAX_NAME_LEN.saturating_sub(suffix.len());
    let end = stem.floor_char_boundary(room.min(stem.len()));
    format!("{}{suffix}", stem.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_before_the_extension_and_names_stay_short_enough() {
        assert_eq!(numbered("a.txt", 1, false), "a (1).txt");
        assert_eq!(numbered("a.tar.gz", 2, false), "a.tar (2).gz");
        assert_eq!(numbered(".bashrc", 1, false), ".bashrc (1)");
        assert_eq!(numbered("v1.2", 1, true), "v1.2 (1)");
        assert_eq!(numbered("plain", 10, false), "plain (10)");
        let sentence = format!("a. {}", "b".repeat(252));
        assert_eq!(numbered(&sentence, 1, false).len(), 255);
        assert!(numbered(&sentence, 1, false).ends_with("b (1)"));
        let long = "é".repeat(127) + "x";
        assert_eq!(long.len(), 255);
        let named = numbered(&long, 9_999, false);
        assert!(named.len() <= 255 && named.ends_with(" (9999)"));
    }
}
