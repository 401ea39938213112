//! A peer made of single frames, to say what no implementation would.

use std::time::{Duration, Instant};

use bytes::Bytes;
use foctet_mux::{Config, ConnectionError, Dir, Frame, Mux, Role, StreamId, TransportErrorCode};

use crate::pair::epoch;

/// A stream that the raw client opens.
pub(crate) fn client(dir: Dir, index: u64) -> StreamId {
    StreamId::new(Role::Client, dir, index)
}

/// A stream that the machine, the server, opens.
pub(crate) fn server(dir: Dir, index: u64) -> StreamId {
    StreamId::new(Role::Server, dir, index)
}

pub(crate) fn varint(value: u64) -> Vec<u8> {
    let (len, bits) = match value {
        0..64 => (1, 0),
        64..16_384 => (2, 1),
        16_384..0x4000_0000 => (4, 2),
        _ => (8, 3),
    };
    let mut bytes = value.to_be_bytes()[8 - len..].to_vec();
    bytes[0] |= bits << 6;
    bytes
}

pub(crate) fn read_varint(input: &mut &[u8]) -> u64 {
    let len = 1 << (input[0] >> 6);
    let mut bytes = [0; 8];
    bytes[8 - len..].copy_from_slice(&input[..len]);
    bytes[8 - len] &= 0x3f;
    *input = &input[len..];
    u64::from_be_bytes(bytes)
}

pub(crate) fn encode(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut payload = Vec::new();
    for frame in frames {
        frame.encode(&mut payload);
    }
    payload
}

pub(crate) fn record(payload: &[u8]) -> Vec<u8> {
    let mut wire = varint(payload.len() as u64);
    wire.extend_from_slice(payload);
    wire
}

/// What the raw client allows from the start: streams of 1,000 bytes, 10,000 in all, 100 of each direction, datagrams.
pub(crate) fn params() -> Vec<u8> {
    let mut out = Vec::new();
    for (id, value) in [(4, 10_000), (5, 1_000), (6, 1_000), (7, 1_000), (8, 100), (9, 100), (0x20, 16_382)] {
        out.extend(varint(id));
        out.extend(varint(varint(value).len() as u64));
        out.extend(varint(value));
    }
    out
}

/// A server machine, and the bytes a client might send it.
pub(crate) struct Raw {
    pub(crate) mux: Mux,
    pub(crate) now: Instant,
}

impl Raw {
    /// Before the client has said anything.
    pub(crate) fn fresh(config: Config) -> Self {
        let now = epoch();
        Self { mux: Mux::new(Role::Server, config, now), now }
    }

    /// After the client's parameters, with the first output out of the way.
    pub(crate) fn with(config: Config) -> Self {
        let mut raw = Self::fresh(config);
        raw.send(&[Frame::TransportParameters { encoded: &params() }]);
        assert_eq!(raw.mux.error(), None);
        raw.output();
        raw
    }

    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.mux.handle_input(Bytes::copy_from_slice(bytes), self.now);
        while self.mux.poll_event().is_some() {}
    }

    /// Sends frames in one record.
    pub(crate) fn send(&mut self, frames: &[Frame<'_>]) {
        self.bytes(&record(&encode(frames)));
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.mux.handle_timeout(self.now);
    }

    /// The records that the machine sends now, without their sizes.
    pub(crate) fn output(&mut self) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        while self.mux.poll_transmit(&mut out, usize::MAX, self.now) {}
        let mut rest = &out[..];
        let mut records = Vec::new();
        while !rest.is_empty() {
            let size = read_varint(&mut rest) as usize;
            records.push(rest[..size].to_vec());
            rest = &rest[size..];
        }
        records
    }

    /// Whether the machine is content.
    pub(crate) fn assert_alive(&self) {
        assert_eq!(self.mux.error(), None);
    }

    /// Sends frames that are a violation: it must be noticed as `code`, and the peer be told so and nothing else.
    #[track_caller]
    pub(crate) fn violates(&mut self, frames: &[Frame<'_>], code: TransportErrorCode) {
        self.bytes_violate(&record(&encode(frames)), code);
    }

    #[track_caller]
    pub(crate) fn bytes_violate(&mut self, bytes: &[u8], code: TransportErrorCode) {
        self.output();
        self.bytes(bytes);
        self.assert_violated(code);
    }

    #[track_caller]
    pub(crate) fn assert_violated(&mut self, code: TransportErrorCode) {
        match self.mux.error() {
            Some(ConnectionError::TransportError { code: found, .. }) => assert_eq!(*found, code),
            other => panic!("{other:?} where {code} was expected"),
        }
        let records = self.output();
        let [record] = &records[..] else { panic!("{records:?}") };
        let mut rest = &record[..];
        let mut frame = Frame::decode(&mut rest).unwrap();
        if matches!(frame, Frame::TransportParameters { .. }) {
            frame = Frame::decode(&mut rest).unwrap();
        }
        let Frame::ConnectionClose { code: told, .. } = frame else { panic!("{frame:?}") };
        assert_eq!(told, code.as_u64());
        assert!(rest.is_empty());
        assert!(!self.mux.has_output());
    }
}

/// Every frame in `records`.
pub(crate) fn frames(records: &[Vec<u8>]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    for record in records {
        let mut rest = &record[..];
        while !rest.is_empty() {
            frames.push(Frame::decode(&mut rest).unwrap());
        }
    }
    frames
}
