//! What the two ends of `foctet bench` say to each other: bytes in and out, without I/O.
//!
//! `docs/spec/bench.md` says what the frames mean and in which order they come.

mod frame;

pub use frame::{Build, FailCode, Frame, FrameError, MAX_FRAME, Welcome};

/// The application protocol.
pub const ALPN: &[u8] = b"foctet-bench/1";

/// Most bytes in a message of [`Frame::Echo`]: what the answering side holds for each stream.
pub const MAX_MESSAGE: u32 = 16_384;

/// The longest that the answering side sends for one [`Frame::Source`], in milliseconds: a minute shows any path.
pub const MAX_SOURCE_MILLIS: u32 = 60_000;

/// Most bytes in a block of [`Frame::Speeds`]: four TLS records.
pub const MAX_BLOCK: u32 = 65_536;
