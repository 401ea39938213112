//! A queue of bytes that copies only small pieces.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::Buffers;

/// Pieces below this many bytes are gathered rather than queued one by one: a queued piece costs about 100 bytes.
const GATHER_BELOW: usize = 1024;

/// How many bytes are gathered into one piece: about a record.
const GATHER_UP_TO: usize = 16 * 1024;

/// The size of the buffers that much data is copied into, in bytes: what goes to the carrier at once.
pub(crate) const COPY_BUFFER: usize = 64 * 1024;

/// How much data is worth such a buffer, in bytes: three quarters of it.
const BUFFER_FROM: usize = COPY_BUFFER / 4 * 3;

/// Bytes in order, in as few pieces as can be had without copying large ones.
///
/// What it holds beyond the bytes themselves and what they are slices of is at most as much again: two neighbouring
/// gathered pieces are together longer than [`GATHER_UP_TO`], and gathering at most doubles the room it takes.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    whole: VecDeque<Bytes>,
    gathered: BytesMut,
    len: usize,
}

impl Chunks {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a copy of `data`, in memory of `buffers` where that is not wasted on it.
    pub(crate) fn push_copy(&mut self, mut data: &[u8], buffers: &mut Buffers) {
        while data.len() >= BUFFER_FROM {
            let (front, rest) = data.split_at(data.len().min(COPY_BUFFER));
            let mut buffer = buffers.take();
            buffer.extend_from_slice(front);
            self.seal();
            self.len += front.len();
            self.whole.push_back(buffer.split().freeze());
            buffers.give(buffer);
            data = rest;
        }
        if !data.is_empty() {
            self.push_slice(data);
        }
    }

    /// Appends a copy of `data`.
    pub(crate) fn push_slice(&mut self, data: &[u8]) {
        self.len += data.len();
        if data.len() >= GATHER_UP_TO {
            self.seal();
            self.whole.push_back(Bytes::copy_from_slice(data));
            return;
        }
        if self.gathered.len() + data.len() > GATHER_UP_TO {
            self.seal();
        }
        self.gathered.extend_from_slice(data);
    }

    /// Appends `data`, without copying it unless it is small.
    pub(crate) fn push(&mut self, data: Bytes) {
        if data.len() < GATHER_BELOW {
            self.push_slice(&data);
        } else {
            self.seal();
            self.len += data.len();
            self.whole.push_back(data);
        }
    }

    /// Takes the first piece, at most `max` bytes of it.
    pub(crate) fn pop(&mut self, max: usize) -> Option<Bytes> {
        if self.whole.is_empty() {
            self.seal();
        }
        let front = self.whole.front_mut()?;
        let piece = if front.len() > max { front.split_to(max) } else { self.whole.pop_front()? };
        self.len -= piece.len();
        Some(piece)
    }

    /// Hands out the first `len` bytes, or all if there are fewer.
    pub(crate) fn take(&mut self, mut len: usize, mut put: impl FnMut(Bytes)) {
        while len > 0
            && let Some(piece) = self.pop(len)
        {
            len -= piece.len();
            put(piece);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn seal(&mut self) {
        if !self.gathered.is_empty() {
            self.whole.push_back(std::mem::take(&mut self.gathered).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn single_bytes_are_gathered() {
        let mut chunks = Chunks::default();
        for _ in 0..100_000 {
            chunks.push_slice(b"x");
        }
        assert!(chunks.whole.len() <= 100_000 / GATHER_UP_TO);
        assert_eq!(chunks.pop(usize::MAX).unwrap().len(), GATHER_UP_TO);
    }

    #[test]
    fn a_large_piece_is_not_copied() {
        let mut chunks = Chunks::default();
        let data = Bytes::from(vec![1; 40_000]);
        chunks.push(data.clone());
        assert_eq!(chunks.pop(usize::MAX).unwrap().as_ptr(), data.as_ptr());
    }

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(
            pieces in prop::collection::vec((0..20_000_usize, any::<bool>(), 0..30_000_usize, any::<bool>()), 0..12)
        ) {
            let (mut chunks, mut put, mut got) = (Chunks::default(), Vec::new(), Vec::new());
            for (len, copied, taken, popped) in pieces {
                let data: Vec<u8> = (0..len).map(|i| (put.len() + i) as u8).collect();
                put.extend_from_slice(&data);
                if copied { chunks.push_slice(&data) } else { chunks.push(Bytes::from(data)) }
                if popped {
                    if let Some(piece) = chunks.pop(taken.max(1)) { got.extend_from_slice(&piece) }
                } else {
                    chunks.take(taken, |piece| got.extend_from_slice(&piece));
                }
                prop_assert_eq!(chunks.len(), put.len() - got.len());
                prop_assert_eq!(chunks.is_empty(), put.len() == got.len());
            }
            chunks.take(usize::MAX, |piece| got.extend_from_slice(&piece));
            prop_assert_eq!(put, got);
        }
    }
}
