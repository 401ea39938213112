//! Whose data goes next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use crate::StreamId;

/// The streams that have data and stream credit: strictly by priority, highest first, and in turns among equals. A turn
/// is one frame, at most a record.
///
/// Who is in here is each stream's own flag ([`Send::scheduled`](crate::streams::Send)), so a stream is here
/// at most once.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    levels: BTreeMap<Reverse<i32>, VecDeque<StreamId>>,
    /// How many streams all levels have together.
    waiting: usize,
    /// Streams that only have their end left to send: it needs no credit and next to no room, so it goes first.
    ending: VecDeque<StreamId>,
}

impl Scheduler {
    /// Puts a stream behind its equals.
    pub(crate) fn push(&mut self, id: StreamId, priority: i32) {
        self.levels.entry(Reverse(priority)).or_default().push_back(id);
        self.waiting += 1;
    }

    /// How many streams wait, those included that are gone but whose turn never came.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Keeps only the streams for which `wanted` holds.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(StreamId) -> bool) {
        self.levels.retain(|_, level| {
            level.retain(|id| wanted(*id));
            !level.is_empty()
        });
        self.waiting = self.levels.values().map(VecDeque::len).sum();
    }

    /// Takes the stream whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<StreamId> {
        let mut level = self.levels.first_entry()?;
        let id = level.get_mut().pop_front();
        self.waiting -= usize::from(id.is_some());
        if level.get().is_empty() {
            level.remove();
        }
        id
    }

    /// Moves a stream that is in here to another priority, behind its new equals.
    pub(crate) fn reprioritize(&mut self, id: StreamId, from: i32, to: i32) {
        if let Some(level) = self.levels.get_mut(&Reverse(from))
            && let Some(at) = level.iter().position(|other| *other == id)
        {
            level.remove(at);
            self.waiting -= 1;
            if level.is_empty() {
                self.levels.remove(&Reverse(from));
            }
            self.push(id, to);
        }
    }

    pub(crate) fn push_ending(&mut self, id: StreamId) {
        self.ending.push_back(id);
    }

    pub(crate) fn pop_ending(&mut self) -> Option<StreamId> {
        self.ending.pop_front()
    }

    pub(crate) fn has_data(&self) -> bool {
        !self.levels.is_empty()
    }

    pub(crate) fn has_ending(&self) -> bool {
        !self.ending.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dir, Role};

    fn id(index: u64) -> StreamId {
        StreamId::new(Role::Client, Dir::Uni, index)
    }

    #[test]
    fn a_higher_priority_goes_strictly_first_and_equals_take_turns() {
        let mut scheduler = Scheduler::default();
        for (index, priority) in [(0, 0), (1, 5), (2, 0), (3, -1), (4, 5)] {
            scheduler.push(id(index), priority);
        }
        let order: Vec<_> = std::iter::from_fn(|| scheduler.pop()).collect();
        assert_eq!(order, [1, 4, 0, 2, 3].map(id));
        assert!(!scheduler.has_data());
    }

    #[test]
    fn a_waiting_stream_can_change_its_priority() {
        let mut scheduler = Scheduler::default();
        for index in 0..3 {
            scheduler.push(id(index), 0);
        }
        scheduler.reprioritize(id(2), 0, 1);
        scheduler.reprioritize(id(0), 0, -1);
        let order: Vec<_> = std::iter::from_fn(|| scheduler.pop()).collect();
        assert_eq!(order, [2, 1, 0].map(id));
    }

    #[test]
    fn those_that_wait_are_counted_whatever_happens_to_them() {
        let mut scheduler = Scheduler::default();
        for index in 0..6 {
            scheduler.push(id(index), (index % 2) as i32);
        }
        scheduler.reprioritize(id(0), 0, 7);
        assert_eq!(scheduler.waiting(), 6);
        assert_eq!(scheduler.pop(), Some(id(0)));
        scheduler.retain(|waiting| waiting != id(1) && waiting != id(3) && waiting != id(5));
        assert_eq!(scheduler.waiting(), 2);
        assert_eq!([scheduler.pop(), scheduler.pop(), scheduler.pop()], [Some(id(2)), Some(id(4)), None]);
        assert_eq!(scheduler.waiting(), 0);
        assert!(!scheduler.has_data());
    }
}
