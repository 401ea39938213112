use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::error::{DiskError, ReceiveError};
use crate::incoming::Fault;
use crate::manifest::Manifest;
use crate::name::PARTIAL_PREFIX;
use crate::os::{Dir, Kind, Meta};
use crate::wire::{Failure, FailureCode};

/// Most transfers of the same names into the same directory at one time.
const MAX_AT_ONCE: u32 = 16;
/// How often to start again when somebody else keeps taking the partial's name between two steps.
const MAX_ATTEMPTS: u32 = 100;

/// A hidden directory, beside the targets and closed to other users, that holds what is not complete. Dropping it
/// removes it with all that is left in it.
///
/// Its name follows from the names at the top of the offer, so that the next attempt finds what a killed one left
/// behind and replaces it. A lock on it, which ends with its process, tells a leftover from a partial in use.
pub(super) struct Stage {
    /// The directory that it is in.
    above: Dir,
    name: String,
    dir: Dir,
}

impl Stage {
    pub(super) fn create(above: &Dir, path: &Path, manifest: &Manifest) -> Result<Self, Fault> {
        let disk = |error: io::Error| Fault::from(DiskError::new("write to", path, &error));
        let above = above.open_beneath("").map_err(disk)?;
        for slot in 0..MAX_AT_ONCE {
            let name = name(manifest, slot);
            if let Some(dir) = claim(&above, &name).map_err(disk)? {
                return Ok(Self { above, name, dir });
            }
        }
        let first = manifest.entry(0).map(|entry| path.join(entry.name())).unwrap_or_default();
        Err(Fault::new(ReceiveError::Busy { path: first }, Failure::new(FailureCode::Disk)))
    }

    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Which permission bits the system takes away from files created here. Asking for the process's mask would change
    /// it for a moment.
    pub(super) fn mask(&self) -> io::Result<u16> {
        const PROBE: &str = "probe";
        let file = self.dir.create_file(PROBE, 0o777)?;
        let meta = Meta::of(&file)?;
        self.dir.remove_file(OsStr::new(PROBE))?;
        Ok(!meta.mode & 0o777)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed now is replaced by the next attempt.
        let removed = self.dir.clear().and_then(|()| self.above.remove_dir(OsStr::new(&self.name)));
        if let Err(error) = removed {
            tracing::debug!(%error, "a partial could not be removed");
        }
    }
}

/// The name of the partial for these targets.
fn name(manifest: &Manifest, slot: u32) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&slot.to_be_bytes());
    for entry in manifest.top_level() {
        hasher.update(entry.name().as_bytes());
        // No name holds it.
        hasher.update(b"/");
    }
    let mut id = [0; 8];
    hasher.finalize_xof().fill(&mut id);
    format!("{PARTIAL_PREFIX}{:016x}", u64::from_be_bytes(id))
}

/// Creates and locks the directory `name`, in place of a leftover. `None` if another process is using it.
fn claim(above: &Dir, name: &str) -> io::Result<Option<Dir>> {
    let os_name = OsStr::new(name);
    for _ in 0..MAX_ATTEMPTS {
        match above.create_dir(name) {
            Ok(()) => {
                let dir = match above.open_child(os_name) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    opened => opened?,
                };
                // Between these steps another process may have taken it for a leftover.
                if dir.try_lock()? && is_same(above, os_name, &dir)? {
                    return Ok(Some(dir));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !remove_leftover(above, os_name)? {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Removes what has the partial's name. `false` if it is in use.
fn remove_leftover(above: &Dir, name: &OsStr) -> io::Result<bool> {
    match above.meta(name)? {
        None => return Ok(true),
        Some(meta) if meta.kind != Kind::Directory => {
            above.remove_file(name)?;
            return Ok(true);
        }
        Some(_) => {}
    }
    let dir = match above.open_child(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        opened => opened?,
    };
    if !dir.try_lock()? {
        return Ok(false);
    }
    if is_same(above, name, &dir)? {
        dir.clear()?;
        above.remove_dir(name)?;
    }
    Ok(true)
}

/// Whether the name still leads to this directory.
fn is_same(above: &Dir, name: &OsStr, dir: &Dir) -> io::Result<bool> {
    let own = dir.own_meta()?;
    let named = above.meta(name)?;
    Ok(named.is_some_and(|named| (named.device, named.inode) == (own.device, own.inode)))
}
