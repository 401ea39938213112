//! Content to send, the same in every run, and what arrived of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A generator that needs no more than to be fast, plain and repeatable (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// A file with this many bytes of noise.
pub(crate) fn file(path: &Path, length: usize, seed: u64) -> Vec<u8> {
    let bytes = Rng::new(seed).bytes(length);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).expect("the directory can be made");
    }
    fs::write(path, &bytes).expect("the file can be written");
    bytes
}

/// What an entry of a tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    File(Vec<u8>),
    Directory,
    Link(PathBuf),
}

/// Everything below `root`, by its path relative to it. Links are not followed.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut entries = BTreeMap::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).expect("the directory can be read") {
            let path = entry.expect("the entry can be read").path();
            let metadata = path.symlink_metadata().expect("the entry is there");
            let kind = if metadata.is_symlink() {
                Entry::Link(fs::read_link(&path).expect("the link can be read"))
            } else if metadata.is_dir() {
                pending.push(path.clone());
                Entry::Directory
            } else {
                Entry::File(fs::read(&path).expect("the file can be read"))
            };
            entries.insert(path.strip_prefix(root).expect("it is below the root").to_path_buf(), kind);
        }
    }
    entries
}

/// The names in `dir`, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("the directory can be read")
        .map(|entry| entry.expect("the entry can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
