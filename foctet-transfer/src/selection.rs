//! Which of the offered entries a receiver takes.

use crate::manifest::{EntryKind, Manifest};
use crate::wire::{Frame, Run};

/// One bit an entry; empty if everything is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    left_out: Vec<u64>,
    files: u32,
    bytes: u64,
}

impl Selection {
    /// Everything.
    pub(crate) fn all(manifest: &Manifest) -> Self {
        Self { left_out: Vec::new(), files: manifest.files(), bytes: manifest.total_bytes() }
    }

    pub(crate) fn contains(&self, entry: u32) -> bool {
        let word = self.left_out.get(entry as usize / 64).copied().unwrap_or(0);
        word >> (entry % 64) & 1 == 0
    }

    pub(crate) fn leave_out(&mut self, manifest: &Manifest, index: u32) {
        let Some(entry) = manifest.entry(index).filter(|entry| self.contains(entry.index())) else { return };
        if self.left_out.is_empty() {
            self.left_out = vec![0; (manifest.len() as usize).div_ceil(64)];
        }
        if let Some(word) = self.left_out.get_mut(index as usize / 64) {
            *word |= 1 << (index % 64);
        }
        if entry.kind() == EntryKind::File {
            self.files = self.files.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(entry.size());
        }
    }

    /// How many files are taken.
    pub(crate) fn files(&self) -> u32 {
        self.files
    }

    /// Bytes in the files that are taken.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is left out, as frames. At most one run an other entry, so the frames are bounded by the manifest.
    pub(crate) fn frames<'a>(&'a self, manifest: &'a Manifest) -> impl Iterator<Item = Frame> + 'a {
        let mut at = 0;
        std::iter::from_fn(move || {
            let mut runs = Vec::new();
            while runs.len() < Frame::MAX_RUNS && at < manifest.len() && !self.left_out.is_empty() {
                let first = at;
                while at < manifest.len() && !self.contains(at) {
                    at += 1;
                }
                if at > first {
                    runs.push(Run { first, count: at - first });
                } else {
                    at += 1;
                }
            }
            (!runs.is_empty()).then_some(Frame::LeaveOut(runs))
        })
    }

    /// Applies a frame from the receiver, where `done` is the end of the last run before. Returns the new end, or
    /// `None` if the runs do not ascend or leave the manifest.
    pub(crate) fn apply(&mut self, manifest: &Manifest, mut done: u32, runs: &[Run]) -> Option<u32> {
        for run in runs {
            let end = run.first.checked_add(run.count).filter(|end| *end <= manifest.len())?;
            if run.count == 0 || run.first < done {
                return None;
            }
            for entry in run.first..end {
                self.leave_out(manifest, entry);
            }
            done = end;
        }
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::{ManifestBuilder, NewEntry};

    fn manifest(files: u32) -> Manifest {
        let mut builder = ManifestBuilder::new();
        for index in 0..files {
            let name = format!("f{index}");
            builder
                .push(NewEntry {
                    parent: None,
                    kind: EntryKind::File,
                    name: name.as_bytes(),
                    mode: 0o644,
                    mtime: 0,
                    size: index.into(),
                    target: b"",
                })
                .unwrap();
        }
        builder.finish().unwrap()
    }

    #[test]
    fn runs_that_overlap_descend_or_leave_the_manifest_are_refused() {
        let manifest = manifest(10);
        let run = |first, count| Run { first, count };
        for runs in [
            vec![run(10, 1)],
            vec![run(0, 11)],
            vec![run(1, u32::MAX)],
            vec![run(3, 0)],
            vec![run(3, 2), run(4, 1)],
            vec![run(3, 1), run(1, 1)],
        ] {
            assert_eq!(Selection::all(&manifest).apply(&manifest, 0, &runs), None, "{runs:?}");
        }
        let mut selection = Selection::all(&manifest);
        assert_eq!(selection.apply(&manifest, 0, &[run(0, 2), run(9, 1)]), Some(10));
        assert_eq!((selection.files(), selection.bytes()), (7, 45 - 1 - 9));
        assert_eq!(selection.apply(&manifest, 10, &[run(3, 1)]), None);
    }

    proptest! {
        #[test]
        fn frames_rebuild_the_selection(len in 1u32..400, out in proptest::collection::vec(0u32..400, 0..80)) {
            let manifest = manifest(len);
            let mut selection = Selection::all(&manifest);
            out.iter().for_each(|entry| selection.leave_out(&manifest, *entry));
            let mut rebuilt = Selection::all(&manifest);
            let mut done = 0;
            for frame in selection.frames(&manifest) {
                let Frame::LeaveOut(runs) = frame else { panic!("another frame") };
                done = rebuilt.apply(&manifest, done, &runs).unwrap();
            }
            prop_assert_eq!(rebuilt, selection);
        }
    }
}
