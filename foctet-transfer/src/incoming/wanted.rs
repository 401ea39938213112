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
