//! Memory that is used again.

use std::collections::VecDeque;

use bytes::BytesMut;

/// How many of the buffers in use are asked whether they are free.
const ASKED: usize = 2;

/// Buffers of one size. A buffer is used again once nothing is left that lies in it: memory fresh from the allocator costs as
/// much as copying does, as the allocator hands what is freed in bulk back to the operating system.
#[derive(Debug)]
pub struct Buffers {
    size: usize,
    keep: usize,
    /// What is left of those that were given back, the oldest first.
    used: VecDeque<BytesMut>,
}

impl Buffers {
    /// Buffers of `size` bytes, of which so many are kept, whether something lies in them or not.
    pub fn new(size: usize, keep: usize) -> Self {
        Self { size, keep, used: VecDeque::new() }
    }

    /// An empty buffer with room for its size.
    pub fn take(&mut self) -> BytesMut {
        for _ in 0..ASKED.min(self.used.len()) {
            let Some(mut buffer) = self.used.pop_front() else { break };
            if buffer.try_reclaim(self.size) {
                return buffer;
            }
            self.used.push_back(buffer);
        }
        BytesMut::with_capacity(self.size)
    }

    /// Gives back what is left of a buffer, after the pieces in use were split off.
    pub fn give(&mut self, mut rest: BytesMut) {
        rest.clear();
        if self.used.len() >= self.keep {
            self.used.pop_front();
        }
        self.used.push_back(rest);
    }

    /// Keeps none of them any longer.
    pub fn clear(&mut self) {
        self.used = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_nothing_lies_in_it() {
        let mut buffers = Buffers::new(1_000, 4);
        let mut first = buffers.take();
        first.extend_from_slice(&[1; 1_000]);
        let start = first.as_ptr();
        let piece = first.split_to(100).freeze();
        buffers.give(first);
        let other = buffers.take();
        assert_ne!(other.as_ptr(), start);
        assert_eq!(piece, [1; 100][..]);
        drop(piece);
        let again = buffers.take();
        assert_eq!((again.as_ptr(), again.capacity(), again.len()), (start, 1_000, 0));
    }

    #[test]
    fn no_more_are_kept_than_was_said() {
        let mut buffers = Buffers::new(100, 2);
        let mut pieces = Vec::new();
        for _ in 0..5 {
            let mut buffer = buffers.take();
            buffer.extend_from_slice(&[0; 100]);
            pieces.push(buffer.split_to(10).freeze());
            buffers.give(buffer);
            assert!(buffers.used.len() <= 2);
        }
        buffers.clear();
        assert!(buffers.used.is_empty());
    }
}
