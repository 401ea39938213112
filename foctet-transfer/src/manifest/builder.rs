use super::{
    Entry, EntryKind, MAX_DEPTH, MAX_ENTRIES, MAX_PATH_LEN, MAX_TEXT_BYTES, MAX_TOTAL_BYTES, MODE_BITS,
    Manifest, Rule, UnsafeContent, encode_entry, link,
};
use crate::name::{check_name, folded};

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// An entry breaks a rule.
    #[error("unsafe content: {0}")]
    Unsafe(#[from] UnsafeContent),
    /// More entries than [`MAX_ENTRIES`], or than the caller's limit.
    #[error("more than {limit} entries")]
    TooManyEntries {
        /// The limit that was exceeded.
        limit: u32,
    },
    /// More bytes in names and targets than [`MAX_TEXT_BYTES`].
    #[error("the names have more than {MAX_TEXT_BYTES} bytes together")]
    TooMuchText,
    /// All files together exceed [`MAX_TOTAL_BYTES`].
    #[error("the files have more than {MAX_TOTAL_BYTES} bytes together")]
    TooLarge,
    /// The bytes are no manifest.
    #[error("malformed manifest: {0}")]
    Malformed(&'static str),
}

/// An entry to be added to a [`ManifestBuilder`], with names as bytes that nobody has checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEntry<'a> {
    /// Index of the directory that holds it; `None` at the top.
    pub parent: Option<u32>,
    /// What it is.
    pub kind: EntryKind,
    /// One path component.
    pub name: &'a [u8],
    /// Permission bits.
    pub mode: u16,
    /// Nanoseconds since 1970.
    pub mtime: i64,
    /// A file's length in bytes; 0 for everything else.
    pub size: u64,
    /// A link's target; empty for everything else.
    pub target: &'a [u8],
}

impl<'a> From<&Entry<'a>> for NewEntry<'a> {
    fn from(entry: &Entry<'a>) -> Self {
        Self {
            parent: entry.parent().map(|parent| parent.index()),
            kind: entry.kind(),
            name: entry.name().as_bytes(),
            mode: entry.mode(),
            mtime: entry.mtime(),
            size: entry.size(),
            target: entry.target().unwrap_or_default().as_bytes(),
        }
    }
}

/// Puts a [`Manifest`] together, checking every rule on the way.
#[derive(Debug)]
pub struct ManifestBuilder {
    manifest: Manifest,
    limit: u32,
    /// Bytes in the path of each entry.
    path_lens: Vec<u16>,
    /// Components in the path of each entry.
    depths: Vec<u16>,
    hasher: blake3::Hasher,
    encoded: Vec<u8>,
}

/// Key-derivation context of [`Manifest::hash`].
const HASH_CONTEXT: &str = "foctet-transfer/1 manifest";

impl Default for ManifestBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ManifestBuilder {
    /// Starts an empty manifest.
    pub fn new() -> Self {
        Self {
            manifest: Manifest {
                text: Vec::new(),
                text_ends: Vec::new(),
                parents: Vec::new(),
                kinds_and_modes: Vec::new(),
                sizes: Vec::new(),
                mtimes: Vec::new(),
                files: 0,
                total: 0,
                hash: [0; 32],
            },
            limit: MAX_ENTRIES,
            path_lens: Vec::new(),
            depths: Vec::new(),
            hasher: blake3::Hasher::new_derive_key(HASH_CONTEXT),
            encoded: Vec::new(),
        }
    }

    /// Accepts no more than `limit` entries; [`MAX_ENTRIES`] stays the upper bound.
    pub fn max_entries(mut self, limit: u32) -> Self {
        self.limit = limit.min(MAX_ENTRIES);
        self
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        self.manifest.len()
    }

    /// Whether nothing has been added.
    pub fn is_empty(&self) -> bool {
        self.manifest.is_empty()
    }

    /// The entries so far. Duplicates have not been looked for.
    pub(crate) fn so_far(&self) -> &Manifest {
        &self.manifest
    }

    /// Adds an entry behind its parent and returns its index.
    ///
    /// # Errors
    ///
    /// The first limit or rule that the entry breaks, except for duplicates, which [`Self::finish`] looks for. The
    /// manifest is then as it was before.
    pub fn push(&mut self, new: NewEntry<'_>) -> Result<u32, ManifestError> {
        let index = self.manifest.len();
        if index >= self.limit {
            return Err(ManifestError::TooManyEntries { limit: self.limit });
        }
        let (path_len, depth) = self.check(&new).map_err(|rule| self.refusal(&new, rule))?;
        let total = self.manifest.total.checked_add(new.size).filter(|total| *total <= MAX_TOTAL_BYTES);
        let total = total.ok_or(ManifestError::TooLarge)?;
        let text = self.manifest.text.len().saturating_add(new.name.len()).saturating_add(new.target.len());
        let text = u32::try_from(text)
            .ok()
            .filter(|text| *text <= MAX_TEXT_BYTES)
            .ok_or(ManifestError::TooMuchText)?;

        self.encoded.clear();
        encode_entry(&new, &mut self.encoded);
        self.hasher.update(&self.encoded);
        let manifest = &mut self.manifest;
        manifest.text.extend_from_slice(new.name);
        manifest.text.extend_from_slice(new.target);
        manifest.text_ends.push(text);
        manifest.parents.push(new.parent.map_or(0, |parent| parent.saturating_add(1)));
        let kind = match new.kind {
            EntryKind::File => 0,
            EntryKind::Directory => 1,
            EntryKind::Symlink => 2,
        };
        manifest.kinds_and_modes.push(kind << 14 | new.mode);
        manifest.sizes.push(if new.kind == EntryKind::Symlink { new.target.len() as u64 } else { new.size });
        manifest.mtimes.push(new.mtime);
        manifest.total = total;
        manifest.files += u32::from(new.kind == EntryKind::File);
        self.path_lens.push(path_len);
        self.depths.push(depth);
        Ok(index)
    }

    /// Path length and depth of a new entry that breaks no rule.
    fn check(&self, new: &NewEntry<'_>) -> Result<(u16, u16), Rule> {
        let (above_len, above) = match new.parent {
            None => (0, 0),
            Some(parent) => {
                let parent = self.manifest.entry(parent).ok_or(Rule::ParentUnknown)?;
                if parent.kind() != EntryKind::Directory {
                    return Err(Rule::ParentNotDirectory);
                }
                let at = parent.index() as usize;
                let len = self.path_lens.get(at).copied().unwrap_or_default();
                (usize::from(len) + 1, self.depths.get(at).copied().unwrap_or_default())
            }
        };
        check_name(new.name)?;
        let path_len = above_len + new.name.len();
        if path_len > MAX_PATH_LEN {
            return Err(Rule::PathTooLong);
        }
        if above >= MAX_DEPTH {
            return Err(Rule::TooDeep);
        }
        if new.mode & !MODE_BITS != 0 {
            return Err(Rule::SpecialMode);
        }
        if new.kind == EntryKind::Symlink {
            link::check_target(new.target, above)?;
        }
        // MAX_PATH_LEN fits.
        Ok((u16::try_from(path_len).unwrap_or(u16::MAX), above + 1))
    }

    fn refusal(&self, new: &NewEntry<'_>, rule: Rule) -> ManifestError {
        let mut path = match new.parent.and_then(|parent| self.manifest.entry(parent)) {
            Some(parent) => (parent.path() + "/").into_bytes(),
            None => Vec::new(),
        };
        path.extend_from_slice(new.name);
        UnsafeContent { path, entry: self.manifest.len(), rule }.into()
    }

    /// Completes the manifest.
    ///
    /// # Errors
    ///
    /// [`Rule::Duplicate`] if two entries of one directory have names that fold to the same.
    pub fn finish(mut self) -> Result<Manifest, ManifestError> {
        self.path_lens = Vec::new();
        self.depths = Vec::new();
        if let Some(entry) = self.duplicate() {
            let path = self.manifest.entry(entry).map(|entry| entry.path().into_bytes()).unwrap_or_default();
            return Err(UnsafeContent { path, entry, rule: Rule::Duplicate }.into());
        }
        self.manifest.hash = *self.hasher.finalize().as_bytes();
        let manifest = &mut self.manifest;
        manifest.text.shrink_to_fit();
        manifest.text_ends.shrink_to_fit();
        manifest.parents.shrink_to_fit();
        manifest.kinds_and_modes.shrink_to_fit();
        manifest.sizes.shrink_to_fit();
        manifest.mtimes.shrink_to_fit();
        Ok(self.manifest)
    }

    /// The first entry, in the order of its fingerprint, whose place is taken. Comparing 128-bit fingerprints keeps
    /// this at 16 bytes an entry and does not depend on the order in which a sender lists them.
    fn duplicate(&self) -> Option<u32> {
        let mut prints: Vec<u128> = self.manifest.entries().map(|entry| fingerprint(&entry)).collect();
        prints.sort_unstable();
        let twin = prints.iter().zip(prints.iter().skip(1)).find(|(a, b)| a == b).map(|(twin, _)| *twin)?;
        let mut twins = self.manifest.entries().filter(|entry| fingerprint(entry) == twin);
        twins.nth(1).map(|entry| entry.index())
    }
}

fn fingerprint(entry: &Entry<'_>) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&entry.parent().map_or(0, |parent| parent.index().saturating_add(1)).to_be_bytes());
    hasher.update(folded(entry.name()).as_bytes());
    let mut print = [0; 16];
    hasher.finalize_xof().fill(&mut print);
    u128::from_be_bytes(print)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::NameRule;

    fn entry<'a>(parent: Option<u32>, kind: EntryKind, name: &'a str) -> NewEntry<'a> {
        NewEntry { parent, kind, name: name.as_bytes(), mode: 0o644, mtime: 0, size: 0, target: b"" }
    }

    fn rule(result: Result<impl Sized, ManifestError>) -> Rule {
        match result {
            Err(ManifestError::Unsafe(refused)) => refused.rule,
            Err(other) => panic!("refused for another reason: {other}"),
            Ok(_) => panic!("accepted"),
        }
    }

    #[test]
    fn duplicates_after_folding_are_refused_in_one_directory_only() {
        use EntryKind::{Directory, File};
        for (a, b) in [("a", "a"), ("Makefile", "makefile"), ("é", "e\u{301}"), ("STRASSE", "straße")] {
            for kind in [File, Directory] {
                let mut builder = ManifestBuilder::new();
                builder.push(entry(None, File, a)).unwrap();
                builder.push(entry(None, kind, b)).unwrap();
                let refused = builder.finish();
                assert!(
                    matches!(&refused, Err(ManifestError::Unsafe(u)) if u.entry == 1 && u.path == b.as_bytes())
                );
                assert_eq!(rule(refused), Rule::Duplicate);
            }
        }
        let mut builder = ManifestBuilder::new();
        builder.push(entry(None, Directory, "a")).unwrap();
        builder.push(entry(Some(0), Directory, "a")).unwrap();
        builder.push(entry(Some(1), File, "a")).unwrap();
        let manifest = builder.finish().unwrap();
        assert_eq!(manifest.entries().last().unwrap().path(), "a/a/a");
    }

    #[test]
    fn only_directories_listed_before_can_hold_entries() {
        use EntryKind::{Directory, File, Symlink};
        let mut builder = ManifestBuilder::new();
        assert_eq!(rule(builder.push(entry(Some(0), File, "a"))), Rule::ParentUnknown);
        builder.push(entry(None, Directory, "d")).unwrap();
        builder.push(entry(None, File, "f")).unwrap();
        builder.push(NewEntry { target: b"x", ..entry(Some(0), Symlink, "l") }).unwrap();
        assert_eq!(rule(builder.push(entry(Some(1), File, "a"))), Rule::ParentNotDirectory);
        assert_eq!(rule(builder.push(entry(Some(2), File, "a"))), Rule::ParentNotDirectory);
        assert_eq!(rule(builder.push(entry(Some(u32::MAX), File, "a"))), Rule::ParentUnknown);
    }

    #[test]
    fn special_modes_links_that_leave_and_bad_names_are_refused() {
        use EntryKind::{Directory, File, Symlink};
        let mut builder = ManifestBuilder::new();
        builder.push(entry(None, Directory, "d")).unwrap();
        for mode in [0o4755, 0o2755, 0o1777, 0o100_644] {
            assert_eq!(rule(builder.push(NewEntry { mode, ..entry(None, File, "f") })), Rule::SpecialMode);
        }
        for target in [&b"../x"[..], b"/etc/passwd", b".."] {
            let link = NewEntry { target, ..entry(Some(0), Symlink, "l") };
            assert_eq!(rule(builder.push(link)), Rule::LinkEscapes);
        }
        assert_eq!(rule(builder.push(entry(Some(0), File, ".."))), Rule::Name(NameRule::Dots));
        assert_eq!(builder.len(), 1, "what is refused is not added");
    }

    #[test]
    fn sizes_paths_depths_and_counts_are_bounded() {
        use EntryKind::{Directory, File};
        let mut builder = ManifestBuilder::new();
        builder.push(NewEntry { size: MAX_TOTAL_BYTES, ..entry(None, File, "big") }).unwrap();
        assert_eq!(
            builder.push(NewEntry { size: 1, ..entry(None, File, "one more") }),
            Err(ManifestError::TooLarge)
        );
        assert_eq!(
            builder.push(NewEntry { size: u64::MAX, ..entry(None, File, "wraps") }),
            Err(ManifestError::TooLarge)
        );

        let mut builder = ManifestBuilder::new();
        for depth in 0..u32::from(MAX_DEPTH) {
            builder.push(entry(depth.checked_sub(1), Directory, "d")).unwrap();
        }
        assert_eq!(rule(builder.push(entry(Some(u32::from(MAX_DEPTH) - 1), File, "f"))), Rule::TooDeep);

        let mut builder = ManifestBuilder::new();
        let name = "n".repeat(255);
        for depth in 0..15 {
            builder.push(entry(u32::checked_sub(depth, 1), Directory, &name)).unwrap();
        }
        builder.push(entry(Some(14), File, &name)).unwrap();
        assert_eq!(builder.so_far().entry(15).unwrap().path().len(), MAX_PATH_LEN);
        builder.push(entry(Some(14), Directory, "d")).unwrap();
        assert_eq!(rule(builder.push(entry(Some(16), File, &name))), Rule::PathTooLong);

        let mut builder = ManifestBuilder::new().max_entries(2);
        builder.push(entry(None, File, "a")).unwrap();
        builder.push(entry(None, File, "b")).unwrap();
        assert_eq!(builder.push(entry(None, File, "c")), Err(ManifestError::TooManyEntries { limit: 2 }));
    }
}
