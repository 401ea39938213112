//! The directory that is received into.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use foctet_transfer::{Escaped, Incoming};

use crate::exit::{Exit, Failure};

/// Makes `dir` if it is missing.
pub(super) fn create(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|error| {
        Failure::new(
            Exit::Disk,
            "disk",
            format!("cannot create {}: {error}", Escaped::path(dir)),
            "choose a directory that you may write to with -o DIR",
        )
    })
}

/// What receiving `incoming` into `dir` would meet; into one that is missing, nothing but the space around it.
pub(super) struct Outlook {
    /// Names at the top of the offer that exist already.
    pub(super) existing: HashSet<String>,
    /// Bytes that are free, if that can be told.
    pub(super) free: Option<u64>,
}

impl Outlook {
    pub(super) fn of(incoming: &Incoming, dir: &Path) -> Self {
        let nearest =
            dir.ancestors().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
        let survey = nearest.filter(|dir| dir.is_dir()).find_map(|dir| incoming.survey(dir).ok());
        Self {
            free: survey.as_ref().map(|survey| survey.free_bytes),
            existing: survey
                .filter(|_| dir.is_dir())
                .map(|s| s.existing.into_iter().collect())
                .unwrap_or_default(),
        }
    }
}
