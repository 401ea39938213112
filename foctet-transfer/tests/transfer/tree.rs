//! Making and comparing trees of files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Bytes without a pattern, the same for the same arguments.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

pub(crate) fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

pub(crate) fn link(target: &str, path: impl AsRef<Path>) {
    symlink(target, path).unwrap();
}

pub(crate) fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn set_mtime(path: impl AsRef<Path>, nanos: u64) {
    let file = fs::File::open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)).unwrap();
}

/// What there is to know about a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    File { mode: u32, mtime: i128, content: Vec<u8> },
    Dir { mode: u32, mtime: i128 },
    Link { target: String },
}

/// Everything below a directory, by path.
pub(crate) fn snapshot(dir: impl AsRef<Path>) -> BTreeMap<String, Node> {
    let mut nodes = BTreeMap::new();
    collect(dir.as_ref(), "", &mut nodes);
    nodes
}

fn collect(dir: &Path, prefix: &str, nodes: &mut BTreeMap<String, Node>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        let meta = entry.path().symlink_metadata().unwrap();
        let mode = meta.mode() & 0o7777;
        let mtime = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
        let node = if meta.is_dir() {
            collect(&entry.path(), &format!("{name}/"), nodes);
            Node::Dir { mode, mtime }
        } else if meta.is_symlink() {
            Node::Link { target: fs::read_link(entry.path()).unwrap().to_str().unwrap().to_owned() }
        } else {
            Node::File { mode, mtime, content: fs::read(entry.path()).unwrap() }
        };
        nodes.insert(name, node);
    }
}

/// The names in a directory, hidden ones too.
pub(crate) fn names(dir: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}
