use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::{Offer, Root, ScanOptions};
use crate::error::{DiskError, OfferError};
use crate::event::{SkipReason, Skipped};
use crate::manifest::{EntryKind, ManifestBuilder, ManifestError, NewEntry, Rule};
use crate::name::{NameRule, folded};
use crate::os::{Dir, Kind, Meta};

pub(super) fn scan(paths: &[PathBuf], options: &ScanOptions) -> Result<Offer, OfferError> {
    let mut scan = Scan {
        builder: ManifestBuilder::new().max_entries(options.max_entries),
        inodes: Vec::new(),
        roots: Vec::new(),
        holders: Vec::new(),
        held: HashMap::new(),
        names: HashMap::new(),
        skipped: Vec::new(),
    };
    for path in paths {
        scan.add_given(path)?;
    }
    Ok(Offer {
        manifest: scan.builder.finish()?,
        inodes: scan.inodes,
        roots: scan.roots,
        holders: scan.holders,
        skipped: scan.skipped,
    })
}

struct Scan {
    builder: ManifestBuilder,
    inodes: Vec<u64>,
    roots: Vec<Root>,
    holders: Vec<Dir>,
    /// Which holder has which path.
    held: HashMap<PathBuf, usize>,
    /// Folded names at the top, and the paths that brought them.
    names: HashMap<String, PathBuf>,
    skipped: Vec<Skipped>,
}

/// Something in a directory that is being walked.
struct Found<'a> {
    dir: &'a Dir,
    name: &'a OsStr,
    /// The name in the manifest.
    shown: &'a OsStr,
    path: PathBuf,
    parent: Option<u32>,
}

impl Scan {
    fn add_given(&mut self, path: &Path) -> Result<(), OfferError> {
        let disk = |error: io::Error| OfferError::Disk(DiskError::new("open", path, &error));
        // Resolves a link, `.` and `..`; everything below is relative to a handle of the directory this leads to.
        let real = path.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => OfferError::NotFound { path: path.to_owned() },
            _ => disk(error),
        })?;
        let (Some(above), Some(name)) = (real.parent(), real.file_name()) else {
            let why = SkipReason::Rule(Rule::Name(NameRule::Empty));
            return Err(OfferError::Unsendable { path: path.to_owned(), why });
        };
        let shown = path.file_name().unwrap_or(name);
        if let Some(text) = shown.to_str()
            && let Some(first) = self.names.insert(folded(text).into_owned(), path.to_owned())
        {
            return Err(OfferError::SameName { first, second: path.to_owned() });
        }
        let holder = match self.held.get(above) {
            Some(holder) => *holder,
            None => {
                self.holders.push(Dir::open_path(above).map_err(disk)?);
                self.held.insert(above.to_owned(), self.holders.len() - 1);
                self.holders.len() - 1
            }
        };
        self.roots.push(Root { entry: self.builder.len(), holder, name: name.to_owned() });
        // The walk needs the handle while the scan changes.
        let holders = std::mem::take(&mut self.holders);
        let added = match holders.get(holder) {
            Some(dir) => {
                let found = Found { dir, name, shown, path: path.to_owned(), parent: None };
                self.add(&found, &mut Vec::new())
            }
            None => Ok(None),
        };
        self.holders = holders;
        match added? {
            None => Ok(()),
            Some(why) => Err(OfferError::Unsendable { path: path.to_owned(), why }),
        }
    }

    /// Adds what was found and, if it is a directory, all below. Returns why it was left out, if it was. `above` holds
    /// device and inode of each directory that it is in.
    fn add(
        &mut self,
        found: &Found<'_>,
        above: &mut Vec<(u64, u64)>,
    ) -> Result<Option<SkipReason>, OfferError> {
        let meta = match found.dir.meta(found.name) {
            Ok(Some(meta)) => meta,
            Ok(None) => return Ok(Some(SkipReason::Vanished)),
            Err(error) => return Ok(Some(unreadable(&error))),
        };
        match meta.kind {
            Kind::File => self.add_file(found, &meta),
            Kind::Directory => self.add_dir(found, &meta, above),
            Kind::Symlink => self.add_link(found, &meta),
            Kind::Fifo => Ok(Some(SkipReason::Fifo)),
            Kind::Socket => Ok(Some(SkipReason::Socket)),
            Kind::Device => Ok(Some(SkipReason::Device)),
        }
    }

    fn add_file(&mut self, found: &Found<'_>, meta: &Meta) -> Result<Option<SkipReason>, OfferError> {
        if let Err(error) = found.dir.check_readable(found.name) {
            return Ok(Some(unreadable(&error)));
        }
        self.push(found, meta, EntryKind::File, b"").map(Result::err)
    }

    fn add_link(&mut self, found: &Found<'_>, meta: &Meta) -> Result<Option<SkipReason>, OfferError> {
        match found.dir.read_link(found.name) {
            Ok(target) => self.push(found, meta, EntryKind::Symlink, &target).map(Result::err),
            Err(error) => Ok(Some(unreadable(&error))),
        }
    }

    fn add_dir(
        &mut self,
        found: &Found<'_>,
        meta: &Meta,
        above: &mut Vec<(u64, u64)>,
    ) -> Result<Option<SkipReason>, OfferError> {
        let identity = (meta.device, meta.inode);
        if above.contains(&identity) {
            return Ok(Some(SkipReason::Loop));
        }
        let opened = found.dir.open_child(found.name).and_then(|dir| Ok((dir.names()?, dir)));
        let (mut names, dir) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Some(unreadable(&error))),
        };
        let index = match self.push(found, meta, EntryKind::Directory, b"")? {
            Ok(index) => index,
            Err(why) => return Ok(Some(why)),
        };
        above.push(identity);
        names.sort_unstable();
        self.add_children(&dir, &names, index, &found.path, above)?;
        above.pop();
        Ok(None)
    }

    fn add_children(
        &mut self,
        dir: &Dir,
        names: &[OsString],
        parent: u32,
        path: &Path,
        above: &mut Vec<(u64, u64)>,
    ) -> Result<(), OfferError> {
        let mut taken = HashSet::with_capacity(names.len());
        for name in names {
            let path = path.join(name);
            let folded = name.to_str().map(folded);
            if folded.as_ref().is_some_and(|folded| taken.contains(folded)) {
                self.skipped.push(Skipped { path, why: SkipReason::Rule(Rule::Duplicate) });
                continue;
            }
            let found = Found { dir, name, shown: name, path, parent: Some(parent) };
            match self.add(&found, above)? {
                None => taken.extend(folded),
                Some(why) => self.skipped.push(Skipped { path: found.path, why }),
            }
        }
        Ok(())
    }

    /// Adds one entry. The inner error is why it is left out, the outer one ends the scan.
    fn push(
        &mut self,
        found: &Found<'_>,
        meta: &Meta,
        kind: EntryKind,
        target: &[u8],
    ) -> Result<Result<u32, SkipReason>, OfferError> {
        let is_file = kind == EntryKind::File;
        let new = NewEntry {
            parent: found.parent,
            kind,
            name: found.shown.as_encoded_bytes(),
            mode: meta.mode,
            mtime: meta.mtime,
            size: if is_file { meta.size } else { 0 },
            target,
        };
        match self.builder.push(new) {
            Ok(index) => {
                self.inodes.push(if is_file { meta.inode } else { 0 });
                Ok(Ok(index))
            }
            Err(ManifestError::Unsafe(refused)) => Ok(Err(SkipReason::Rule(refused.rule))),
            Err(error) => Err(error.into()),
        }
    }
}

fn unreadable(error: &io::Error) -> SkipReason {
    match error.kind() {
        io::ErrorKind::NotFound => SkipReason::Vanished,
        io::ErrorKind::PermissionDenied => SkipReason::Unreadable("permission denied".into()),
        _ => SkipReason::Unreadable(error.to_string()),
    }
}
