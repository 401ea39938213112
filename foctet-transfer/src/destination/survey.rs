use std::ffi::OsStr;
use std::path::Path;

use crate::error::DiskError;
use crate::manifest::Manifest;
use crate::os::Dir;

/// What receiving into a directory would meet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// Names at the top of the offer that exist already: show them through [`Escaped`](crate::Escaped).
    pub existing: Vec<String>,
    /// Bytes that may still be written to the filesystem.
    pub free_bytes: u64,
}

impl Survey {
    pub(crate) fn of(path: &Path, manifest: &Manifest) -> Result<Self, DiskError> {
        let look = |error: std::io::Error| DiskError::new("look at", path, &error);
        let dir = Dir::open_path(path).map_err(look)?;
        let mut existing = Vec::new();
        for entry in manifest.top_level() {
            if dir.meta(OsStr::new(entry.name())).map_err(look)?.is_some() {
                existing.push(entry.name().to_owned());
            }
        }
        Ok(Self { existing, free_bytes: dir.free_space().map_err(look)? })
    }
}
