use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use super::verifier::Halt;
use crate::error::ProtocolError;

/// What the network hands to the thread that verifies.
pub(super) enum Arrived {
    Bytes(Batch),
    /// The stream ended where the sender ended it.
    End,
}

/// Pieces of a stream, handed over together so that one wake is paid for many of them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pieces: Vec<Bytes>,
    /// Pieces too small to be worth their bookkeeping, copied together.
    small: Vec<u8>,
    len: usize,
}

impl Batch {
    /// Pieces shorter than this are copied: a peer that sends single bytes must not make each hold a buffer.
    const SMALL: usize = 4096;

    pub(super) fn push(&mut self, piece: Bytes) {
        self.len += piece.len();
        if piece.len() < Self::SMALL {
            self.small.extend_from_slice(&piece);
        } else {
            self.seal();
            self.pieces.push(piece);
        }
    }

    fn seal(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(Bytes::from(std::mem::take(&mut self.small)));
        }
    }

    /// Bytes in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// Where [`Input::contiguous`] keeps what it gives out.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    whole: Bytes,
    joined: Vec<u8>,
}

/// The answers of a data stream, read by a thread that may block.
pub(super) struct Input {
    arrived: mpsc::Receiver<Arrived>,
    pieces: VecDeque<Bytes>,
    ended: bool,
}

impl Input {
    pub(super) fn new(arrived: mpsc::Receiver<Arrived>) -> Self {
        Self { arrived, pieces: VecDeque::new(), ended: false }
    }

    /// Waits for more, if nothing is left. Returns whether there is something.
    fn fill(&mut self) -> Result<bool, Halt> {
        while self.pieces.is_empty() && !self.ended {
            match self.arrived.blocking_recv() {
                Some(Arrived::Bytes(mut batch)) => {
                    batch.seal();
                    self.pieces.extend(batch.pieces);
                }
                Some(Arrived::End) => self.ended = true,
                None => return Err(Halt::Aborted),
            }
        }
        Ok(!self.pieces.is_empty())
    }

    /// Exactly `len` bytes: as they came if they are in one piece, else put together in `scratch`.
    pub(super) fn contiguous<'a>(
        &'a mut self,
        len: usize,
        scratch: &'a mut Scratch,
    ) -> Result<&'a [u8], Halt> {
        self.fill()?;
        if let Some(piece) = self.pieces.front_mut()
            && piece.len() >= len
        {
            scratch.whole = piece.split_to(len);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
            return Ok(&scratch.whole);
        }
        scratch.joined.clear();
        while scratch.joined.len() < len {
            if !self.fill()? {
                return Err(ProtocolError::EndedEarly.into());
            }
            let Some(piece) = self.pieces.front_mut() else { continue };
            let part = piece.split_to(piece.len().min(len - scratch.joined.len()));
            scratch.joined.extend_from_slice(&part);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        Ok(&scratch.joined)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Halt> {
        let mut array = [0; N];
        let mut at = 0;
        while at < N {
            if !self.fill()? {
                return Err(ProtocolError::EndedEarly.into());
            }
            let Some(piece) = self.pieces.front_mut() else { continue };
            let len = piece.len().min(N - at);
            if let Some(part) = array.get_mut(at..at + len) {
                piece.copy_to_slice(part);
            }
            if piece.is_empty() {
                self.pieces.pop_front();
            }
            at += len;
        }
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Halt> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Makes sure that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Halt> {
        if self.fill()? { Err(ProtocolError::Trailing.into()) } else { Ok(()) }
    }
}
