use super::verifier::Position;
use crate::manifest::{EntryKind, Manifest};
use crate::selection::Selection;
use crate::tree_hash::group_count;
use crate::wire::Range;

/// Whether the sender knows what it has sent on connections before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It does, or there was none.
    Remembered,
    /// It does not. So that it can vouch for the whole, it has to read again what is here, though not to send it.
    Forgotten,
}

/// What to ask for, in the manifest's order, where verifying stands at `position`.
pub(super) fn wanted<'a>(
    manifest: &'a Manifest,
    selection: &'a Selection,
    position: Position,
    known: Known,
) -> impl Iterator<Item = Range> + 'a {
    let first = if known == Known::Remembered { position.entry } else { 0 };
    let files = (first..manifest.len()).filter_map(|index| manifest.entry(index));
    let files = files.filter(|entry| entry.kind() == EntryKind::File && selection.contains(entry.index()));
    files.flat_map(move |entry| {
        let groups = group_count(entry.size());
        let here = match entry.index() {
            index if index < position.entry => groups,
            index if index == position.entry => position.groups,
            _ => 0,
        };
        let range = |first, count, values_only| Range { entry: entry.index(), first, count, values_only };
        match (here, known) {
            (0, Known::Forgotten) if entry.index() < position.entry => [Some(range(0, 0, true)), None],
            (0, _) => [Some(range(0, groups, false)), None],
            // Only the hash of the whole is missing; the last group's answer brings it.
            (_, Known::Remembered) if here == groups => [Some(range(here - 1, 1, true)), None],
            (_, Known::Remembered) => [Some(range(here, groups - here, false)), None],
            (_, Known::Forgotten) if here == groups => [Some(range(0, groups, true)), None],
            (_, Known::Forgotten) => [Some(range(0, here, true)), Some(range(here, groups - here, false))],
        }
        .into_iter()
        .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{ManifestBuilder, NewEntry};

    /// Files of 5 bytes, 3 groups, none, and 2 groups.
    fn manifest() -> Manifest {
        let mut builder = ManifestBuilder::new();
        for (name, size) in [("a", 5), ("b", 3 << 20), ("c", 0), ("d", 2 << 20)] {
            let (kind, name) = (EntryKind::File, name.as_bytes());
            let entry = NewEntry { parent: None, kind, name, mode: 0o644, mtime: 0, size, target: b"" };
            builder.push(entry).unwrap();
        }
        builder.finish().unwrap()
    }

    fn asked(entry: u32, groups: u64, known: Known) -> Vec<(u32, u64, u64, bool)> {
        let manifest = manifest();
        let selection = Selection::all(&manifest);
        wanted(&manifest, &selection, Position { entry, groups }, known)
            .map(|range| (range.entry, range.first, range.count, range.values_only))
            .collect()
    }

    #[test]
    fn only_what_is_missing_is_asked_of_a_sender_that_knows_the_rest() {
        let known = Known::Remembered;
        let rest = [(2, 0, 0, false), (3, 0, 2, false)];
        assert_eq!(asked(0, 0, known)[..2], [(0, 0, 1, false), (1, 0, 3, false)]);
        assert_eq!(asked(0, 1, known)[0], (0, 0, 1, true), "all but its hash is here");
        assert_eq!(asked(1, 1, known), [&[(1, 1, 2, false)][..], &rest].concat());
        assert_eq!(asked(1, 3, known), [&[(1, 2, 1, true)][..], &rest].concat());
        assert_eq!(asked(2, 0, known), rest);
        assert_eq!(asked(4, 0, known), []);
    }

    #[test]
    fn one_that_has_forgotten_reads_the_rest_again() {
        let known = Known::Forgotten;
        let first = [(0, 0, 1, true)];
        let rest = [(2, 0, 0, false), (3, 0, 2, false)];
        assert_eq!(asked(0, 0, known), asked(0, 0, Known::Remembered));
        assert_eq!(asked(1, 1, known), [&first[..], &[(1, 0, 1, true), (1, 1, 2, false)], &rest].concat());
        assert_eq!(asked(1, 3, known), [&first[..], &[(1, 0, 3, true)], &rest].concat());
        let all = [(0, 0, 1, true), (1, 0, 3, true), (2, 0, 0, true), (3, 0, 2, true)];
        assert_eq!(asked(4, 0, known), all);
    }
}
