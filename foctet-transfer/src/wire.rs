//! The frames of `foctet-transfer/1`, for those who write a peer or test one.
//!
//! `docs/spec/transfer.md` says what they mean and in which order they come. A frame is a type (1 byte), the length of
//! its payload (4 bytes, big-endian) and the payload. Frames travel on the control stream and, from the receiver, on
//! data streams; what the sender answers on a data stream is not framed, because the receiver knows its length.

mod failure;
mod frame;
mod range;

pub use self::failure::{DiskCause, Failure, FailureCode, SourceChange};
pub use self::frame::{Frame, FrameDecoder, FrameError};
pub use self::range::{Range, Run};

/// The application protocol: what both sides give to [`foctet_net::Endpoint`] as ALPN.
pub const ALPN: &[u8] = b"foctet-transfer/1";

/// Most bytes in a frame's payload. The longest entry fits many times.
pub const MAX_PAYLOAD: usize = 65_536;

/// Frame types from here up to 0x7f are ignored by who does not know them.
pub const FIRST_IGNORED_TYPE: u8 = 0x40;

/// In a data stream's answer: a group's bytes and its value (32 bytes) follow.
pub const ANSWER_GROUP: u8 = 1;
/// In a data stream's answer: a group's value (32 bytes) follows, without its bytes.
pub const ANSWER_VALUE: u8 = 2;
/// In a data stream's answer: the range is complete, and the hash of the whole file (32 bytes) follows.
pub const ANSWER_WHOLE: u8 = 3;
/// The code with which a receiver stops a data stream, and resets its requests, to ask for what is missing on another one.
pub const ASKED_ANEW: u64 = 2;
/// In a data stream's answer: the range is complete; groups of the file are still to be asked for.
pub const ANSWER_END: u8 = 4;
