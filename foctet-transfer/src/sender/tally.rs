use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::tree_hash::{TreeHash, group_count};

/// Most group values that are kept because an earlier group of their file has not been asked for: about 1 MB.
const MAX_GROUPS_AHEAD: usize = 16_384;
/// Most files that may be asked for in part at one time.
const MAX_PARTIAL_FILES: usize = 1024;
/// Files that were read to their end last, whose hashes are kept for a receiver that lost its connection before it had
/// them: each has more than 1 MiB, and some 20 MiB are on the way at most.
const RECENT_FILES: usize = 128;

/// The group values of files that are asked for in several ranges, until all of a file's groups have been read.
#[derive(Debug, Default)]
pub(super) struct Tally {
    files: HashMap<u32, Partial>,
    ahead: usize,
    recent: VecDeque<(u32, [u8; 32])>,
}

#[derive(Debug)]
struct Partial {
    tree: TreeHash,
    ahead: BTreeMap<u64, [u8; 32]>,
}

/// More would have to be remembered than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooFarAhead;

impl Tally {
    /// Adds the value of one group and returns the hash of the file if it was the last one missing.
    pub(super) fn add(
        &mut self,
        entry: u32,
        size: u64,
        group: u64,
        value: [u8; 32],
    ) -> Result<Option<[u8; 32]>, TooFarAhead> {
        if let Some((_, whole)) = self.recent.iter().find(|(recent, _)| *recent == entry) {
            return Ok(Some(*whole));
        }
        if !self.files.contains_key(&entry) && self.files.len() >= MAX_PARTIAL_FILES {
            return Err(TooFarAhead);
        }
        let new = || Partial { tree: TreeHash::new(size), ahead: BTreeMap::new() };
        let file = self.files.entry(entry).or_insert_with(new);
        if group >= group_count(size) || group < file.tree.next() || file.ahead.contains_key(&group) {
            return Ok(None);
        }
        if group > file.tree.next() {
            if self.ahead >= MAX_GROUPS_AHEAD {
                return Err(TooFarAhead);
            }
            file.ahead.insert(group, value);
            self.ahead += 1;
            return Ok(None);
        }
        file.tree.push(value);
        while let Some(value) = file.ahead.remove(&file.tree.next()) {
            self.ahead -= 1;
            file.tree.push(value);
        }
        let whole = file.tree.whole();
        if let Some(whole) = whole {
            self.files.remove(&entry);
            if self.recent.len() >= RECENT_FILES {
                self.recent.pop_front();
            }
            self.recent.push_back((entry, whole));
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree_hash::{GROUP_LEN, GroupHasher};

    #[test]
    fn groups_in_any_order_give_the_hash_of_the_file() {
        let data: Vec<u8> = (0..5 * GROUP_LEN + 17).map(|n| (n % 251) as u8).collect();
        let size = data.len() as u64;
        let value = |group: u64| {
            let mut hasher = GroupHasher::new(size, group);
            let start = (group * GROUP_LEN) as usize;
            hasher.update(&data[start..data.len().min(start + GROUP_LEN as usize)]);
            hasher.finish()
        };
        for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]] {
            let mut tally = Tally::default();
            for (nth, group) in order.into_iter().enumerate() {
                let whole = tally.add(7, size, group, value(group)).unwrap();
                assert_eq!(whole.is_some(), nth == 5);
                if let Some(whole) = whole {
                    assert_eq!(whole, *blake3::hash(&data).as_bytes());
                } else {
                    assert_eq!(tally.add(7, size, group, [0; 32]), Ok(None), "again is ignored");
                }
            }
            assert_eq!((tally.ahead, tally.files.len()), (0, 0));
        }
    }

    #[test]
    fn the_hash_of_a_file_read_lately_is_known_for_any_of_its_groups() {
        let mut tally = Tally::default();
        let size = 2 * GROUP_LEN;
        assert_eq!(tally.add(7, size, 0, [1; 32]), Ok(None));
        let whole = tally.add(7, size, 1, [2; 32]).unwrap();
        assert!(whole.is_some());
        assert_eq!(tally.add(7, size, 1, [2; 32]), Ok(whole));
        for entry in 8..8 + RECENT_FILES as u32 {
            tally.add(entry, size, 0, [1; 32]).unwrap();
            tally.add(entry, size, 1, [2; 32]).unwrap();
        }
        assert_eq!(tally.recent.len(), RECENT_FILES);
        assert_eq!(tally.add(7, size, 1, [2; 32]), Ok(None));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut tally = Tally::default();
        let size = u64::MAX / 2;
        for group in 1..=MAX_GROUPS_AHEAD as u64 {
            assert_eq!(tally.add(1, size, group, [0; 32]), Ok(None));
        }
        assert_eq!(tally.add(1, size, 1 << 30, [0; 32]), Err(TooFarAhead));
        assert_eq!(tally.add(1, size, 0, [0; 32]), Ok(None));
        assert_eq!(tally.ahead, 0);
        for entry in 2..=MAX_PARTIAL_FILES as u32 {
            assert_eq!(tally.add(entry, size, 0, [0; 32]), Ok(None));
        }
        assert_eq!(tally.add(0, size, 0, [0; 32]), Err(TooFarAhead));
    }
}
