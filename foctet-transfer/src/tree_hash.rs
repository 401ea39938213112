//! BLAKE3 of a file from the values of its groups.
//!
//! A file is cut into groups of 1 MiB. A group is a whole subtree of the file's BLAKE3 tree, so its chaining value (the
//! *group value*) can be checked when the group arrives and is then merged into the hash of the whole: every byte is
//! hashed once, and the result is plain BLAKE3 of the file. In a file of at most one group the only group is the tree:
//! its value is the hash itself.

use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

/// Bytes in a group. A power of two of BLAKE3's 1 KiB chunks; large enough that 32 bytes a group are nothing, small
/// enough to hold one in memory.
pub const GROUP_LEN: u64 = 1 << 20;

/// How many groups a file of `size` bytes has. An empty file has none.
pub fn group_count(size: u64) -> u64 {
    size.div_ceil(GROUP_LEN)
}

/// The length in bytes of one group of a file, 0 beyond its end.
pub(crate) fn group_len(size: u64, group: u64) -> usize {
    let left = group.checked_mul(GROUP_LEN).and_then(|start| size.checked_sub(start)).unwrap_or(0);
    // At most 2^20, which fits.
    usize::try_from(left.min(GROUP_LEN)).unwrap_or(0)
}

/// Hashes one group, piece by piece.
pub(crate) struct GroupHasher {
    hasher: blake3::Hasher,
    is_root: bool,
}

impl GroupHasher {
    /// Starts group `group` of a file of `size` bytes. The group must be inside the file.
    pub(crate) fn new(size: u64, group: u64) -> Self {
        let is_root = group_count(size) <= 1;
        let mut hasher = blake3::Hasher::new();
        if !is_root {
            hasher.set_input_offset(group.saturating_mul(GROUP_LEN));
        }
        Self { hasher, is_root }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.hasher.update(data);
    }

    /// The group's value. All of the group must have been given, so it is not empty unless the file is.
    pub(crate) fn finish(&self) -> [u8; 32] {
        if self.is_root { *self.hasher.finalize().as_bytes() } else { self.hasher.finalize_non_root() }
    }
}

/// Merges group values, given in order, into the hash of the file.
#[derive(Debug, Clone)]
pub(crate) struct TreeHash {
    groups: u64,
    next: u64,
    /// Subtrees still waiting for their right sibling, largest first: at most one for each bit of `next`.
    waiting: Vec<[u8; 32]>,
    whole: Option<[u8; 32]>,
}

impl TreeHash {
    /// For a file of `size` bytes.
    pub(crate) fn new(size: u64) -> Self {
        let groups = group_count(size);
        let whole = (groups == 0).then(|| *blake3::hash(b"").as_bytes());
        Self { groups, next: 0, waiting: Vec::new(), whole }
    }

    /// The group that is missing next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Adds the value of group [`Self::next`]. Whatever comes after the last group is ignored.
    pub(crate) fn push(&mut self, value: [u8; 32]) {
        if self.next >= self.groups {
            return;
        }
        self.next += 1;
        if self.next == self.groups {
            self.whole = Some(self.merge_to_root(value));
            return;
        }
        // Groups i+1 to come: two subtrees of equal size join whenever a bit of the count carries.
        let mut subtree = value;
        for _ in 0..self.next.trailing_zeros() {
            if let Some(left) = self.waiting.pop() {
                subtree = merge_subtrees_non_root(&left, &subtree, Mode::Hash);
            }
        }
        self.waiting.push(subtree);
    }

    fn merge_to_root(&mut self, last: [u8; 32]) -> [u8; 32] {
        let mut right = last;
        while let Some(left) = self.waiting.pop() {
            right = if self.waiting.is_empty() {
                *merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()
            } else {
                merge_subtrees_non_root(&left, &right, Mode::Hash)
            };
        }
        right
    }

    /// The hash of the file, once every group has been pushed.
    pub(crate) fn whole(&self) -> Option<[u8; 32]> {
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_groups(data: &[u8], piece: usize) -> [u8; 32] {
        let size = data.len() as u64;
        let mut tree = TreeHash::new(size);
        for group in 0..group_count(size) {
            let start = (group * GROUP_LEN) as usize;
            let bytes = &data[start..start + group_len(size, group)];
            let mut hasher = GroupHasher::new(size, group);
            bytes.chunks(piece).for_each(|piece| hasher.update(piece));
            assert_eq!(tree.next(), group);
            assert_eq!(tree.whole(), None);
            tree.push(hasher.finish());
        }
        tree.whole().unwrap()
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut data = vec![0; len];
        blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut data);
        data
    }

    #[test]
    fn merged_groups_equal_plain_blake3_around_every_boundary() {
        const MIB: usize = 1 << 20;
        let around = [1024, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 5 * MIB, 7 * MIB, 8 * MIB];
        let sizes =
            around.into_iter().flat_map(|n| [n - 1, n, n + 1]).chain([0, 1, 2, 1025, 5 * MIB + MIB / 2]);
        for size in sizes {
            let data = noise(size);
            assert_eq!(by_groups(&data, 65_536), *blake3::hash(&data).as_bytes(), "{size}");
        }
    }

    #[test]
    fn one_group_is_its_own_root() {
        let data = noise(4096);
        let mut hasher = GroupHasher::new(4096, 0);
        hasher.update(&data);
        assert_eq!(hasher.finish(), *blake3::hash(&data).as_bytes());
    }

    #[test]
    fn group_lengths_add_up_and_never_overflow() {
        assert_eq!(group_len(0, 0), 0);
        assert_eq!(group_len(1, 0), 1);
        assert_eq!(group_len(GROUP_LEN + 1, 1), 1);
        assert_eq!(group_len(GROUP_LEN, 1), 0);
        assert_eq!(group_len(u64::MAX, u64::MAX), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_size_in_any_pieces(size in 0usize..6_000_000, piece in 1000usize..200_000) {
            let data = noise(size);
            prop_assert_eq!(by_groups(&data, piece), *blake3::hash(&data).as_bytes());
        }
    }
}
