//! Unreliable messages: RFC 9221.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::varint::varint_len;

/// What a waiting datagram costs beside its bytes, about, so that empty ones are bounded too. In bytes.
const DATAGRAM_OVERHEAD: usize = 64;

/// Datagrams that wait, for the carrier or for a reader. When there are too many the oldest give way, as the
/// newest is worth most to those who use datagrams.
#[derive(Debug)]
pub(crate) struct DatagramQueue {
    waiting: VecDeque<Bytes>,
    cost: usize,
    limit: usize,
}

impl DatagramQueue {
    /// A queue of up to `limit` bytes, each datagram counted with its overhead; the newest is always kept.
    pub(crate) fn new(limit: usize) -> Self {
        Self { waiting: VecDeque::new(), cost: 0, limit }
    }

    /// Adds a datagram; how many gave way to it.
    pub(crate) fn push(&mut self, data: Bytes) -> u64 {
        let mut dropped = 0;
        // First, or a full queue would double its room for one datagram more.
        while self.cost + cost(&data) > self.limit && self.pop().is_some() {
            dropped += 1;
        }
        self.cost += cost(&data);
        self.waiting.push_back(data);
        dropped
    }

    /// Takes the oldest.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let data = self.waiting.pop_front()?;
        self.cost -= cost(&data);
        Some(data)
    }

    /// The size, in bytes, of the DATAGRAM frame for the oldest.
    pub(crate) fn next_frame_size(&self) -> Option<usize> {
        self.waiting.front().map(|data| frame_size(data.len()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many bytes the next datagram may have without another giving way to it.
    pub(crate) fn space(&self) -> usize {
        self.limit.saturating_sub(self.cost).saturating_sub(DATAGRAM_OVERHEAD)
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.cost = 0;
    }
}

fn cost(data: &Bytes) -> usize {
    data.len() + DATAGRAM_OVERHEAD
}

/// The size, in bytes, of a DATAGRAM frame that says its length.
fn frame_size(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// The longest datagram whose frame takes at most `frame` bytes, which is a record at most.
pub(crate) fn longest_in(frame: usize) -> usize {
    // The length field takes one or two bytes; the shortest that makes it fit wins.
    [1, 2]
        .into_iter()
        .map(|field| frame.saturating_sub(1 + field))
        .find(|len| frame_size(*len) <= frame)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_datagram_just_fits() {
        for frame in (3..300).chain(16_000..=crate::MIN_MAX_RECORD_SIZE) {
            let longest = longest_in(frame);
            assert!(frame_size(longest) <= frame, "{frame}");
            assert!(frame_size(longest + 1) > frame, "{frame}");
        }
    }

    #[test]
    fn the_oldest_give_way_and_empty_ones_count() {
        let mut queue = DatagramQueue::new(10 * DATAGRAM_OVERHEAD);
        for _ in 0..10 {
            assert_eq!(queue.push(Bytes::new()), 0);
        }
        assert_eq!(queue.push(Bytes::from_static(b"new")), 2);
        let mut left = 0;
        while let Some(data) = queue.pop() {
            left += 1;
            assert_eq!(data.is_empty(), left < 9);
        }
        assert_eq!((left, queue.cost), (9, 0));
    }

    #[test]
    fn one_larger_than_the_queue_still_passes() {
        let mut queue = DatagramQueue::new(0);
        assert_eq!(queue.push(Bytes::from_static(b"a")), 0);
        assert_eq!(queue.push(Bytes::from_static(b"b")), 1);
        assert_eq!(queue.pop().unwrap(), "b");
    }
}
