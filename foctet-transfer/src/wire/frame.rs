use bytes::{Buf, Bytes, BytesMut};
use foctet_core::TicketSecret;

use super::{FIRST_IGNORED_TYPE, Failure, FailureCode, MAX_PAYLOAD, Range, Run};

/// Type and length.
const HEADER_LEN: usize = 5;
/// No entry, where an entry's index stands.
const NO_ENTRY: u32 = u32::MAX;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// Receiver: opens the control stream and proves to hold the ticket.
    Hello {
        /// The ticket's secret.
        secret: TicketSecret,
        /// Bits for what later versions negotiate; unknown ones are ignored. 0 today.
        features: u64,
    },
    /// Sender: a manifest of this many entries follows.
    ManifestHead {
        /// How many entries.
        entries: u32,
        /// As in the hello.
        features: u64,
    },
    /// Sender: whole entries, one after the other.
    ManifestPart(Bytes),
    /// Sender: that was the manifest, and this is [`Manifest::hash`](crate::Manifest::hash).
    ManifestEnd {
        /// The hash.
        hash: [u8; 32],
    },
    /// Receiver: these entries will not be asked for. Runs ascend and do not touch.
    LeaveOut(Vec<Run>),
    /// Receiver: consents; data streams follow.
    Accept,
    /// Receiver: does not want it.
    Decline,
    /// Receiver: everything asked for is verified and durable.
    Done {
        /// The content root.
        root: [u8; 32],
        /// Files received.
        files: u32,
        /// Bytes in them.
        bytes: u64,
    },
    /// Sender: the result matches what was sent.
    Confirm,
    /// Either: gives up.
    Fail(Failure),
    /// Receiver, on a data stream: send these ranges, in this order.
    Request(Vec<Range>),
    /// Receiver: opens the control stream of another connection, instead of a hello, to go on with a transfer whose
    /// connection was lost.
    Return {
        /// The ticket's secret.
        secret: TicketSecret,
        /// As in the hello.
        features: u64,
        /// The number of its place.
        place: u64,
    },
    /// Opens the control stream of a connection that is only looked at: nothing else follows.
    Ping {
        /// The ticket's secret.
        secret: TicketSecret,
    },
    /// Sender: the place that this receiver has, for it to come back to. Ignored by who does not know it.
    Place {
        /// Its number. One that came with [`Frame::Return`] comes back if the sender still knows what it has sent.
        number: u64,
    },
}

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The payload is longer than [`MAX_PAYLOAD`].
    #[error("a frame of {0} bytes")]
    TooLong(u32),
    /// The type is unknown and may not be ignored.
    #[error("a frame of the unknown type {0:#x}")]
    UnknownType(u8),
    /// The payload does not fit the type.
    #[error("a malformed frame of the type {0:#x}")]
    Malformed(u8),
}

mod kind {
    pub(super) const HELLO: u8 = 0x01;
    pub(super) const MANIFEST_HEAD: u8 = 0x02;
    pub(super) const MANIFEST_PART: u8 = 0x03;
    pub(super) const MANIFEST_END: u8 = 0x04;
    pub(super) const LEAVE_OUT: u8 = 0x05;
    pub(super) const ACCEPT: u8 = 0x06;
    pub(super) const DECLINE: u8 = 0x07;
    pub(super) const DONE: u8 = 0x08;
    pub(super) const CONFIRM: u8 = 0x09;
    pub(super) const FAIL: u8 = 0x0a;
    pub(super) const RETURN: u8 = 0x0b;
    pub(super) const PING: u8 = 0x0c;
    pub(super) const REQUEST: u8 = 0x10;
    pub(super) const PLACE: u8 = 0x40;
    /// The last type that is ignored where it is not known.
    pub(super) const LAST_IGNORED: u8 = 0x7f;
}

impl Frame {
    /// Most ranges in one request.
    pub const MAX_RANGES: usize = MAX_PAYLOAD / Range::LEN;
    /// Most runs in one [`Frame::LeaveOut`].
    pub const MAX_RUNS: usize = MAX_PAYLOAD / Run::LEN;

    /// The frame as it travels.
    ///
    /// The caller keeps lists within [`Self::MAX_RANGES`] and [`Self::MAX_RUNS`], and parts within [`MAX_PAYLOAD`].
    pub fn encode(&self) -> Bytes {
        let mut out = vec![0; HEADER_LEN];
        let kind = match self {
            Self::Hello { secret, features } => {
                out.extend_from_slice(secret.as_bytes());
                out.extend_from_slice(&features.to_be_bytes());
                kind::HELLO
            }
            Self::ManifestHead { entries, features } => {
                out.extend_from_slice(&entries.to_be_bytes());
                out.extend_from_slice(&features.to_be_bytes());
                kind::MANIFEST_HEAD
            }
            Self::ManifestPart(entries) => {
                out.extend_from_slice(entries);
                kind::MANIFEST_PART
            }
            Self::ManifestEnd { hash } => {
                out.extend_from_slice(hash);
                kind::MANIFEST_END
            }
            Self::LeaveOut(runs) => {
                runs.iter().for_each(|run| run.encode(&mut out));
                kind::LEAVE_OUT
            }
            Self::Accept => kind::ACCEPT,
            Self::Decline => kind::DECLINE,
            Self::Done { root, files, bytes } => {
                out.extend_from_slice(root);
                out.extend_from_slice(&files.to_be_bytes());
                out.extend_from_slice(&bytes.to_be_bytes());
                kind::DONE
            }
            Self::Confirm => kind::CONFIRM,
            Self::Fail(failure) => {
                out.push(failure.code.to_byte());
                out.push(failure.detail);
                out.extend_from_slice(&failure.entry.unwrap_or(NO_ENTRY).to_be_bytes());
                kind::FAIL
            }
            Self::Request(ranges) => {
                ranges.iter().for_each(|range| range.encode(&mut out));
                kind::REQUEST
            }
            Self::Return { secret, features, place } => {
                out.extend_from_slice(secret.as_bytes());
                out.extend_from_slice(&features.to_be_bytes());
                out.extend_from_slice(&place.to_be_bytes());
                kind::RETURN
            }
            Self::Ping { secret } => {
                out.extend_from_slice(secret.as_bytes());
                kind::PING
            }
            Self::Place { number } => {
                out.extend_from_slice(&number.to_be_bytes());
                kind::PLACE
            }
        };
        let len = u32::try_from(out.len().saturating_sub(HEADER_LEN)).unwrap_or(u32::MAX).to_be_bytes();
        for (place, byte) in out.iter_mut().zip([kind].into_iter().chain(len)) {
            *place = byte;
        }
        out.into()
    }

    fn decode(kind: u8, mut payload: Bytes) -> Result<Option<Self>, FrameError> {
        let malformed = FrameError::Malformed(kind);
        let fixed = |len: usize| if payload.len() == len { Ok(()) } else { Err(malformed) };
        Ok(Some(match kind {
            kind::HELLO => {
                fixed(16 + 8)?;
                let mut secret = [0; 16];
                payload.copy_to_slice(&mut secret);
                Self::Hello { secret: TicketSecret::from_bytes(secret), features: payload.get_u64() }
            }
            kind::MANIFEST_HEAD => {
                fixed(4 + 8)?;
                Self::ManifestHead { entries: payload.get_u32(), features: payload.get_u64() }
            }
            kind::MANIFEST_PART => Self::ManifestPart(payload),
            kind::MANIFEST_END => {
                fixed(32)?;
                let mut hash = [0; 32];
                payload.copy_to_slice(&mut hash);
                Self::ManifestEnd { hash }
            }
            kind::LEAVE_OUT => {
                let (runs, rest) = payload.as_chunks::<{ Run::LEN }>();
                if runs.is_empty() || !rest.is_empty() {
                    return Err(malformed);
                }
                Self::LeaveOut(runs.iter().map(Run::decode).collect())
            }
            kind::ACCEPT => {
                fixed(0)?;
                Self::Accept
            }
            kind::DECLINE => {
                fixed(0)?;
                Self::Decline
            }
            kind::DONE => {
                fixed(32 + 4 + 8)?;
                let mut root = [0; 32];
                payload.copy_to_slice(&mut root);
                Self::Done { root, files: payload.get_u32(), bytes: payload.get_u64() }
            }
            kind::CONFIRM => {
                fixed(0)?;
                Self::Confirm
            }
            kind::FAIL => {
                fixed(1 + 1 + 4)?;
                let code = FailureCode::from_byte(payload.get_u8());
                let detail = payload.get_u8();
                let entry = payload.get_u32();
                Self::Fail(Failure { code, entry: (entry != NO_ENTRY).then_some(entry), detail })
            }
            kind::REQUEST => {
                let (ranges, rest) = payload.as_chunks::<{ Range::LEN }>();
                if ranges.is_empty() || !rest.is_empty() {
                    return Err(malformed);
                }
                Self::Request(ranges.iter().map(Range::decode).collect::<Option<_>>().ok_or(malformed)?)
            }
            kind::RETURN => {
                fixed(16 + 8 + 8)?;
                let mut secret = [0; 16];
                payload.copy_to_slice(&mut secret);
                Self::Return {
                    secret: TicketSecret::from_bytes(secret),
                    features: payload.get_u64(),
                    place: payload.get_u64(),
                }
            }
            kind::PING => {
                fixed(16)?;
                let mut secret = [0; 16];
                payload.copy_to_slice(&mut secret);
                Self::Ping { secret: TicketSecret::from_bytes(secret) }
            }
            kind::PLACE => {
                fixed(8)?;
                Self::Place { number: payload.get_u64() }
            }
            ignored if (FIRST_IGNORED_TYPE..=kind::LAST_IGNORED).contains(&ignored) => return Ok(None),
            unknown => return Err(FrameError::UnknownType(unknown)),
        }))
    }
}

/// Cuts bytes into frames.
///
/// Holds at most one incomplete frame and what was pushed last.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: BytesMut,
}

impl FrameDecoder {
    /// Nothing received yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether the bytes so far end between two frames.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next frame, if all of it is here. Frames that may be ignored are skipped.
    ///
    /// # Errors
    ///
    /// [`FrameError`], after which the stream makes no sense any more. A length that is too large is refused before
    /// anything of the payload is waited for.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        while let Some((&[kind, l0, l1, l2, l3], rest)) = self.buffer.split_first_chunk::<HEADER_LEN>() {
            let len = u32::from_be_bytes([l0, l1, l2, l3]);
            let payload_len = usize::try_from(len).ok().filter(|len| *len <= MAX_PAYLOAD);
            let payload_len = payload_len.ok_or(FrameError::TooLong(len))?;
            if rest.len() < payload_len {
                return Ok(None);
            }
            self.buffer.advance(HEADER_LEN);
            let payload = self.buffer.split_to(payload_len).freeze();
            if let Some(frame) = Frame::decode(kind, payload)? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
        let mut decoder = FrameDecoder::new();
        decoder.push(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    fn samples() -> Vec<Frame> {
        vec![
            Frame::Hello { secret: TicketSecret::from_bytes([7; 16]), features: u64::MAX },
            Frame::ManifestHead { entries: 3, features: 1 },
            Frame::ManifestPart(Bytes::from_static(b"entries")),
            Frame::ManifestEnd { hash: [9; 32] },
            Frame::LeaveOut(vec![Run { first: 1, count: 2 }, Run { first: u32::MAX, count: u32::MAX }]),
            Frame::Accept,
            Frame::Decline,
            Frame::Done { root: [1; 32], files: 4, bytes: u64::MAX },
            Frame::Confirm,
            Frame::Fail(Failure { code: FailureCode::SourceChanged, entry: Some(5), detail: 2 }),
            Frame::Fail(Failure::new(FailureCode::Other(200))),
            Frame::Request(vec![
                Range { entry: 1, first: u64::MAX, count: 0, values_only: true };
                Frame::MAX_RANGES
            ]),
            Frame::Return { secret: TicketSecret::from_bytes([7; 16]), features: 1, place: u64::MAX },
            Frame::Ping { secret: TicketSecret::from_bytes([7; 16]) },
            Frame::Place { number: 3 },
        ]
    }

    #[test]
    fn every_frame_survives_the_wire_in_pieces_of_any_size() {
        let bytes: Vec<u8> = samples().iter().flat_map(|frame| frame.encode().to_vec()).collect();
        for piece in [1, 2, 7, 1000, bytes.len()] {
            let mut decoder = FrameDecoder::new();
            let mut frames = Vec::new();
            for piece in bytes.chunks(piece) {
                decoder.push(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames, samples());
            assert!(decoder.is_empty());
        }
    }

    #[test]
    fn lengths_are_refused_before_the_payload_and_unknown_types_are_told_apart() {
        assert_eq!(all(&[1, 0, 1, 0, 1]), Err(FrameError::TooLong(65_537)));
        assert_eq!(all(&[3, 255, 255, 255, 255]), Err(FrameError::TooLong(u32::MAX)));
        assert_eq!(all(&[0x20, 0, 0, 0, 0]), Err(FrameError::UnknownType(0x20)));
        assert_eq!(all(&[0x80, 0, 0, 0, 0]), Err(FrameError::UnknownType(0x80)));
        assert_eq!(all(&[0x55, 0, 0, 0, 1, 9, 6, 0, 0, 0, 0]), Ok(vec![Frame::Accept]));
        assert_eq!(all(&[6, 0, 0, 0, 1, 9]), Err(FrameError::Malformed(6)));
        assert_eq!(all(&[0x10, 0, 0, 0, 0]), Err(FrameError::Malformed(0x10)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            all(&bytes).ok();
        }

        #[test]
        fn what_decodes_encodes_to_the_same(kind in 0u8..0x11, payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut bytes = vec![kind, 0, 0, 0, payload.len() as u8];
            bytes.extend_from_slice(&payload);
            if let Ok(frames) = all(&bytes) {
                let again: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().to_vec()).collect();
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
