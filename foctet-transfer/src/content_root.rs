//! One hash over everything that was transferred.

use std::collections::BTreeMap;

use crate::manifest::{EntryKind, Manifest};
use crate::selection::Selection;

/// Most files that may be complete while an earlier one is not: 64 Ki entries, about 5 MB.
pub const MAX_FILES_AHEAD: usize = 65_536;

/// Key-derivation context of the root.
const CONTEXT: &str = "foctet-transfer/1 content root";

/// Computes the content root: BLAKE3, in key-derivation mode, over the manifest's hash and then, for each file in the
/// manifest's order, the byte 1 and its hash if it was transferred, the byte 0 if it was left out.
#[derive(Debug)]
pub(crate) struct ContentRoot {
    hasher: blake3::Hasher,
    /// The next entry to look at.
    next: u32,
    ahead: BTreeMap<u32, [u8; 32]>,
    files: u32,
    bytes: u64,
    last: Option<(u32, [u8; 32])>,
}

/// A file finished too far ahead of one that is still missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooFarAhead;

impl ContentRoot {
    pub(crate) fn new(manifest: &Manifest) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&manifest.hash());
        Self { hasher, next: 0, ahead: BTreeMap::new(), files: 0, bytes: 0, last: None }
    }

    /// Notes the hash of a file. What was noted before is ignored. Returns whether it was new.
    pub(crate) fn record(
        &mut self,
        manifest: &Manifest,
        selection: &Selection,
        entry: u32,
        hash: [u8; 32],
    ) -> Result<bool, TooFarAhead> {
        self.pass_over(manifest, selection);
        if entry < self.next || self.ahead.contains_key(&entry) {
            return Ok(false);
        }
        if entry != self.next && self.ahead.len() >= MAX_FILES_AHEAD {
            return Err(TooFarAhead);
        }
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(manifest.entry(entry).map_or(0, |entry| entry.size()));
        self.last = Some((entry, hash));
        self.ahead.insert(entry, hash);
        while let Some(hash) = self.ahead.remove(&self.next) {
            self.hasher.update(&[1]);
            self.hasher.update(&hash);
            self.next = self.next.saturating_add(1);
            self.pass_over(manifest, selection);
        }
        Ok(true)
    }

    /// Moves on to the next file that has to be transferred.
    fn pass_over(&mut self, manifest: &Manifest, selection: &Selection) {
        while let Some(entry) = manifest.entry(self.next) {
            if entry.kind() == EntryKind::File {
                if selection.contains(self.next) {
                    return;
                }
                self.hasher.update(&[0]);
            }
            self.next = self.next.saturating_add(1);
        }
    }

    /// Files and bytes noted so far.
    pub(crate) fn counted(&self) -> (u32, u64) {
        (self.files, self.bytes)
    }

    /// The hash of this file, if it was the last one noted.
    pub(crate) fn last_file(&self, entry: u32) -> Option<[u8; 32]> {
        self.last.filter(|(last, _)| *last == entry).map(|(_, hash)| hash)
    }

    /// The root, if no file of the selection is missing.
    pub(crate) fn finish(&mut self, manifest: &Manifest, selection: &Selection) -> Option<[u8; 32]> {
        self.pass_over(manifest, selection);
        (self.next == manifest.len()).then(|| *self.hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{ManifestBuilder, NewEntry};

    fn manifest(files: u32) -> Manifest {
        let mut builder = ManifestBuilder::new();
        let entry = NewEntry {
            parent: None,
            kind: EntryKind::Directory,
            name: b"d",
            mode: 0o755,
            mtime: 1,
            size: 0,
            target: b"",
        };
        builder.push(entry).unwrap();
        for index in 0..files {
            let name = format!("f{index}");
            let file =
                NewEntry { parent: Some(0), kind: EntryKind::File, name: name.as_bytes(), size: 2, ..entry };
            builder.push(file).unwrap();
        }
        builder.finish().unwrap()
    }

    #[test]
    fn the_order_of_completion_does_not_matter_and_what_is_left_out_does() {
        let manifest = manifest(4);
        let all = Selection::all(&manifest);
        let root = |order: &[u32], selection: &Selection| {
            let mut root = ContentRoot::new(&manifest);
            for entry in order {
                assert_eq!(root.finish(&manifest, selection), None);
                assert_eq!(root.record(&manifest, selection, *entry, [*entry as u8; 32]), Ok(true));
                assert_eq!(root.record(&manifest, selection, *entry, [9; 32]), Ok(false), "once only");
            }
            assert_eq!(root.counted(), (order.len() as u32, order.len() as u64 * 2));
            root.finish(&manifest, selection).unwrap()
        };
        assert_eq!(root(&[1, 2, 3, 4], &all), root(&[4, 2, 1, 3], &all));
        let mut some = Selection::all(&manifest);
        some.leave_out(&manifest, 2);
        assert_eq!(root(&[4, 3, 1], &some), root(&[1, 3, 4], &some));
        assert_ne!(root(&[1, 2, 3, 4], &all), root(&[1, 3, 4], &some));
    }

    #[test]
    fn files_far_ahead_are_refused_at_the_limit() {
        let files = MAX_FILES_AHEAD as u32 + 2;
        let manifest = manifest(files);
        let all = Selection::all(&manifest);
        let mut root = ContentRoot::new(&manifest);
        for entry in 2..=files - 1 {
            assert_eq!(root.record(&manifest, &all, entry, [0; 32]), Ok(true));
        }
        assert_eq!(root.record(&manifest, &all, files, [0; 32]), Err(TooFarAhead));
        assert_eq!(root.record(&manifest, &all, 1, [0; 32]), Ok(true), "the missing one always fits");
        assert_eq!(root.record(&manifest, &all, files, [0; 32]), Ok(true));
        assert!(root.finish(&manifest, &all).is_some());
    }
}
