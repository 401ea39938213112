//! What a sender offers: paths, kinds, sizes, modes and times.
//!
//! A manifest is a list of entries in which a parent comes before its children. An entry names its parent by index and
//! itself by one path component, so a path cannot be absolute or climb: there is no text to say it in. In memory the
//! entries are columns, 26 bytes an entry beside the names, so that a million of them stay within the memory that one
//! side of a transfer may use.

mod builder;
mod codec;
mod link;
mod unsafe_content;

pub use self::builder::{ManifestBuilder, ManifestError, NewEntry};
pub(crate) use self::codec::{EntryDecoder, encode_entry};
pub use self::unsafe_content::{Rule, UnsafeContent};

/// Most entries in a manifest. With [`MAX_TEXT_BYTES`] it bounds what a manifest costs in memory to 60 MB.
pub const MAX_ENTRIES: u32 = 1_000_000;
/// Most bytes that names and link targets may have together.
pub const MAX_TEXT_BYTES: u32 = 24 << 20;
/// Most bytes in a path, separators included: PATH_MAX less its zero byte.
pub const MAX_PATH_LEN: usize = 4095;
/// Most components in a path. Work on a tree may hold one directory handle a level.
pub const MAX_DEPTH: u16 = 256;
/// Most bytes in a link's target.
pub const MAX_TARGET_LEN: usize = 4095;
/// Most bytes in all files together.
pub const MAX_TOTAL_BYTES: u64 = i64::MAX as u64;
/// The permission bits that travel: read, write and execute of owner, group and others. Set-user-id, set-group-id and
/// sticky bits never do.
pub const MODE_BITS: u16 = 0o777;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link whose target lies in the tree that it is part of.
    Symlink,
}

/// The offered entries, checked against every rule of [`Rule`].
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    /// All names, each followed by its target if it is a link's.
    text: Vec<u8>,
    /// Where each entry's text ends.
    text_ends: Vec<u32>,
    /// The parent's index plus one; 0 at the top.
    parents: Vec<u32>,
    /// Kind in the two upper bits, mode below.
    kinds_and_modes: Vec<u16>,
    /// A file's length, a link's target length, 0 for a directory.
    sizes: Vec<u64>,
    /// Nanoseconds since 1970.
    mtimes: Vec<i64>,
    files: u32,
    total: u64,
    hash: [u8; 32],
}

impl Manifest {
    /// The entries, each after its parent.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + '_ {
        (0..self.len()).map(|index| Entry { manifest: self, index })
    }

    /// The entry of this index.
    pub fn entry(&self, index: u32) -> Option<Entry<'_>> {
        (index < self.len()).then_some(Entry { manifest: self, index })
    }

    /// The entries without a parent: what appears in the directory that is received into.
    pub fn top_level(&self) -> impl Iterator<Item = Entry<'_>> + '_ {
        self.entries().filter(|entry| entry.parent().is_none())
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        // The builder refuses more than MAX_ENTRIES.
        u32::try_from(self.parents.len()).unwrap_or(u32::MAX)
    }

    /// Whether nothing is offered.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// How many of the entries are files.
    pub fn files(&self) -> u32 {
        self.files
    }

    /// Bytes in all files together.
    pub fn total_bytes(&self) -> u64 {
        self.total
    }

    /// The only entry, if it is a file and there is no other.
    pub fn single_file(&self) -> Option<Entry<'_>> {
        let entry = self.entry(0)?;
        (self.len() == 1 && entry.kind() == EntryKind::File).then_some(entry)
    }

    /// BLAKE3 over the entries as they travel (in key-derivation mode with the context
    /// `foctet-transfer/1 manifest`). It does not cover the files' content.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl std::fmt::Debug for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manifest")
            .field("entries", &self.len())
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// One entry of a [`Manifest`].
///
/// Names come from a stranger: show them through [`Escaped`](crate::Escaped).
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    manifest: &'a Manifest,
    index: u32,
}

impl<'a> Entry<'a> {
    fn column<T: Copy + Default>(&self, column: &[T]) -> T {
        column.get(self.index as usize).copied().unwrap_or_default()
    }

    fn text(&self) -> &'a [u8] {
        let start = match self.index.checked_sub(1) {
            Some(before) => self.manifest.text_ends.get(before as usize).copied().unwrap_or_default(),
            None => 0,
        };
        let end = self.column(&self.manifest.text_ends);
        self.manifest.text.get(start as usize..end as usize).unwrap_or_default()
    }

    fn target_len(&self) -> usize {
        match self.kind() {
            EntryKind::Symlink => usize::try_from(self.column(&self.manifest.sizes)).unwrap_or(usize::MAX),
            EntryKind::File | EntryKind::Directory => 0,
        }
    }

    /// The entry's place in the manifest.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The last component of the path.
    pub fn name(&self) -> &'a str {
        let text = self.text();
        let name = text.get(..text.len().saturating_sub(self.target_len())).unwrap_or_default();
        // The builder has checked it.
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// Where a symbolic link points, relative to the directory it is in.
    pub fn target(&self) -> Option<&'a str> {
        if self.kind() != EntryKind::Symlink {
            return None;
        }
        let text = self.text();
        let target = text.get(text.len().saturating_sub(self.target_len())..).unwrap_or_default();
        std::str::from_utf8(target).ok()
    }

    /// The directory that holds the entry.
    pub fn parent(&self) -> Option<Entry<'a>> {
        let index = self.column(&self.manifest.parents).checked_sub(1)?;
        Some(Entry { manifest: self.manifest, index })
    }

    /// The path, components separated by `/`.
    pub fn path(&self) -> String {
        let mut components = vec![self.name()];
        let mut above = self.parent();
        while let Some(entry) = above {
            components.push(entry.name());
            above = entry.parent();
        }
        components.reverse();
        components.join("/")
    }

    /// The entry without a parent that this one is under; itself if it has none.
    pub fn top(&self) -> Entry<'a> {
        let mut top = *self;
        while let Some(parent) = top.parent() {
            top = parent;
        }
        top
    }

    /// What the entry is.
    pub fn kind(&self) -> EntryKind {
        match self.column(&self.manifest.kinds_and_modes) >> 14 {
            0 => EntryKind::File,
            1 => EntryKind::Directory,
            _ => EntryKind::Symlink,
        }
    }

    /// A file's length in bytes, 0 for everything else.
    pub fn size(&self) -> u64 {
        match self.kind() {
            EntryKind::File => self.column(&self.manifest.sizes),
            EntryKind::Directory | EntryKind::Symlink => 0,
        }
    }

    /// Permission bits, within [`MODE_BITS`].
    pub fn mode(&self) -> u16 {
        self.column(&self.manifest.kinds_and_modes) & MODE_BITS
    }

    /// When the content was last modified, in nanoseconds since 1970.
    pub fn mtime(&self) -> i64 {
        self.column(&self.manifest.mtimes)
    }
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("path", &self.path())
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}
