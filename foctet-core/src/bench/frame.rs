use super::{MAX_BLOCK, MAX_MESSAGE, MAX_SOURCE_MILLIS};
use crate::{TICKET_SECRET_LEN, TicketSecret};

/// Bytes of the longest frame.
pub const MAX_FRAME: usize = 33;

/// A frame: its type (1 byte) and fields whose lengths the type fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// Client: opens the control stream and proves to hold the ticket.
    Hello {
        /// The ticket's secret.
        secret: TicketSecret,
        /// Bits for what later versions negotiate; unknown ones are ignored. 0 today.
        features: u64,
    },
    /// Server: admits the client.
    Welcome(Welcome),
    /// Server: does not do what was asked.
    Fail {
        /// Why not.
        code: FailCode,
        /// More about it: of [`FailCode::Disk`] the cause, as in the transfer protocol.
        detail: u8,
    },
    /// Client: how much CPU time has your process used?
    Usage,
    /// Server: so much, since it began.
    Used {
        /// Microseconds; none where the operating system does not tell.
        micros: Option<u64>,
    },
    /// Client: measure your disk with so many bytes.
    Disk {
        /// How many.
        bytes: u64,
    },
    /// Server: the disk was measured.
    DiskDone {
        /// Bytes written and read again, no more than were asked for.
        bytes: u64,
        /// Microseconds that writing took, until they were durable.
        write_micros: u64,
        /// Microseconds that reading took.
        read_micros: u64,
    },
    /// Client: how fast do you seal and hash?
    Speeds {
        /// Bytes sealed at once, from 1 to [`MAX_BLOCK`].
        block: u32,
    },
    /// Server: so fast, on one core.
    SpeedsDone {
        /// Bytes a second sealed by the AEAD that this connection would choose.
        seal: u64,
        /// Bytes a second hashed by BLAKE3.
        hash: u64,
    },
    /// Client, first on a stream: send each message back.
    Echo {
        /// Bytes in each, from 1 to [`MAX_MESSAGE`].
        size: u32,
    },
    /// Client, first on a stream: take what follows, and say how much that was.
    Sink {
        /// Milliseconds from the first byte on that are not counted.
        warm_up_millis: u32,
    },
    /// Server, answers [`Frame::Sink`] at the end of the stream.
    Taken {
        /// Bytes counted.
        bytes: u64,
        /// Microseconds in which they came.
        micros: u64,
        /// All bytes, those of the warm-up too.
        total: u64,
    },
    /// Client, first on a stream: send zeros.
    Source {
        /// For so many milliseconds, from 1 to [`MAX_SOURCE_MILLIS`].
        millis: u32,
    },
    /// Client, alone on a stream: answer with the same byte.
    Touch,
}

/// What a server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// As in the hello.
    pub features: u64,
    /// Cores that its process may use.
    pub cores: u32,
    /// How it was built.
    pub build: Build,
    /// Seconds after which it ends the session.
    pub seconds: u32,
    /// Most bytes that it writes to its disk in this session; 0 if none.
    pub disk: u64,
}

/// How a program was built: an unoptimised one's figures mean little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Optimised.
    Release,
    /// Not optimised.
    Debug,
    /// A later version knows.
    Other(u8),
}

/// Why a server does not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FailCode {
    /// The secret is wrong.
    #[error("it does not accept the ticket's secret")]
    WrongSecret,
    /// Another client is being served.
    #[error("it is measuring with another node")]
    Busy,
    /// The client broke the protocol.
    #[error("it says that this side broke the protocol")]
    Protocol,
    /// The session has lasted long enough.
    #[error("the time that it allows is over")]
    TimeUp,
    /// Its disk failed.
    #[error("its disk failed")]
    Disk,
    /// It was asked for more disk than it allows.
    #[error("it does not allow that much of its disk")]
    DiskLimit,
    /// It was stopped.
    #[error("it was stopped")]
    Stopped,
    /// A later version knows.
    #[error("failure {0} of a newer version")]
    Other(u8),
}

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// There is no such type.
    #[error("a frame of the unknown type {0:#x}")]
    UnknownType(u8),
    /// A field has a value that it must not have, or fields are missing.
    #[error("a malformed frame of the type {0:#x}")]
    Malformed(u8),
}

mod kind {
    pub(super) const HELLO: u8 = 0x01;
    pub(super) const WELCOME: u8 = 0x02;
    pub(super) const FAIL: u8 = 0x03;
    pub(super) const USAGE: u8 = 0x04;
    pub(super) const USED: u8 = 0x05;
    pub(super) const DISK: u8 = 0x06;
    pub(super) const DISK_DONE: u8 = 0x07;
    pub(super) const SPEEDS: u8 = 0x08;
    pub(super) const SPEEDS_DONE: u8 = 0x09;
    pub(super) const ECHO: u8 = 0x10;
    pub(super) const SINK: u8 = 0x11;
    pub(super) const TAKEN: u8 = 0x12;
    pub(super) const SOURCE: u8 = 0x13;
    pub(super) const TOUCH: u8 = 0x14;
}

/// What stands for an unknown time.
const UNKNOWN: u64 = u64::MAX;

impl Frame {
    /// Bytes that follow the type.
    ///
    /// # Errors
    ///
    /// [`FrameError::UnknownType`]: no length is known, so nothing behind it can be read.
    pub fn body_len(kind: u8) -> Result<usize, FrameError> {
        Ok(match kind {
            kind::HELLO => TICKET_SECRET_LEN + 8,
            kind::WELCOME => 8 + 4 + 1 + 4 + 8,
            kind::FAIL => 2,
            kind::USAGE | kind::TOUCH => 0,
            kind::USED | kind::DISK => 8,
            kind::DISK_DONE | kind::TAKEN => 24,
            kind::SPEEDS_DONE => 16,
            kind::SPEEDS | kind::ECHO | kind::SINK | kind::SOURCE => 4,
            unknown => return Err(FrameError::UnknownType(unknown)),
        })
    }

    /// The frame as it travels.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAX_FRAME);
        match self {
            Self::Hello { secret, features } => {
                out.push(kind::HELLO);
                out.extend_from_slice(secret.as_bytes());
                out.extend_from_slice(&features.to_be_bytes());
            }
            Self::Welcome(Welcome { features, cores, build, seconds, disk }) => {
                out.push(kind::WELCOME);
                out.extend_from_slice(&features.to_be_bytes());
                out.extend_from_slice(&cores.to_be_bytes());
                out.push(build.to_byte());
                out.extend_from_slice(&seconds.to_be_bytes());
                out.extend_from_slice(&disk.to_be_bytes());
            }
            Self::Fail { code, detail } => out.extend_from_slice(&[kind::FAIL, code.to_byte(), *detail]),
            Self::Usage => out.push(kind::USAGE),
            Self::Used { micros } => longs(&mut out, kind::USED, [micros.unwrap_or(UNKNOWN)]),
            Self::Disk { bytes } => longs(&mut out, kind::DISK, [*bytes]),
            Self::DiskDone { bytes, write_micros, read_micros } => {
                longs(&mut out, kind::DISK_DONE, [*bytes, *write_micros, *read_micros]);
            }
            Self::Speeds { block } => short(&mut out, kind::SPEEDS, *block),
            Self::SpeedsDone { seal, hash } => longs(&mut out, kind::SPEEDS_DONE, [*seal, *hash]),
            Self::Echo { size } => short(&mut out, kind::ECHO, *size),
            Self::Sink { warm_up_millis } => short(&mut out, kind::SINK, *warm_up_millis),
            Self::Taken { bytes, micros, total } => longs(&mut out, kind::TAKEN, [*bytes, *micros, *total]),
            Self::Source { millis } => short(&mut out, kind::SOURCE, *millis),
            Self::Touch => out.push(kind::TOUCH),
        }
        out
    }

    /// The frame of this type with these fields, all of which must be there and nothing else.
    ///
    /// # Errors
    ///
    /// [`FrameError`].
    pub fn decode(kind: u8, body: &[u8]) -> Result<Self, FrameError> {
        if body.len() != Self::body_len(kind)? {
            return Err(FrameError::Malformed(kind));
        }
        let mut fields = Fields(body);
        Self::read(kind, &mut fields).ok_or(FrameError::Malformed(kind))
    }

    fn read(kind: u8, fields: &mut Fields<'_>) -> Option<Self> {
        let within = |value: u32, most: u32| (1..=most).contains(&value).then_some(value);
        Some(match kind {
            kind::HELLO => {
                Self::Hello { secret: TicketSecret::from_bytes(fields.take()?), features: fields.long()? }
            }
            kind::WELCOME => Self::Welcome(Welcome {
                features: fields.long()?,
                cores: fields.short()?,
                build: Build::from_byte(fields.byte()?),
                seconds: fields.short()?,
                disk: fields.long()?,
            }),
            kind::FAIL => Self::Fail { code: FailCode::from_byte(fields.byte()?), detail: fields.byte()? },
            kind::USAGE => Self::Usage,
            kind::USED => Self::Used { micros: Some(fields.long()?).filter(|micros| *micros != UNKNOWN) },
            kind::DISK => Self::Disk { bytes: fields.long()? },
            kind::DISK_DONE => Self::DiskDone {
                bytes: fields.long()?,
                write_micros: fields.long()?,
                read_micros: fields.long()?,
            },
            kind::SPEEDS => Self::Speeds { block: within(fields.short()?, MAX_BLOCK)? },
            kind::SPEEDS_DONE => Self::SpeedsDone { seal: fields.long()?, hash: fields.long()? },
            kind::ECHO => Self::Echo { size: within(fields.short()?, MAX_MESSAGE)? },
            kind::SINK => Self::Sink { warm_up_millis: fields.short()? },
            kind::TAKEN => {
                Self::Taken { bytes: fields.long()?, micros: fields.long()?, total: fields.long()? }
            }
            kind::SOURCE => Self::Source { millis: within(fields.short()?, MAX_SOURCE_MILLIS)? },
            kind::TOUCH => Self::Touch,
            _ => return None,
        })
    }
}

fn short(out: &mut Vec<u8>, kind: u8, field: u32) {
    out.push(kind);
    out.extend_from_slice(&field.to_be_bytes());
}

fn longs<const N: usize>(out: &mut Vec<u8>, kind: u8, fields: [u64; N]) {
    out.push(kind);
    fields.iter().for_each(|field| out.extend_from_slice(&field.to_be_bytes()));
}

/// Fields that are still to be read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn short(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }
}

impl Build {
    fn to_byte(self) -> u8 {
        match self {
            Self::Release => 1,
            Self::Debug => 2,
            Self::Other(other) => other,
        }
    }

    fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Release,
            2 => Self::Debug,
            other => Self::Other(other),
        }
    }
}

impl FailCode {
    fn to_byte(self) -> u8 {
        match self {
            Self::WrongSecret => 1,
            Self::Busy => 2,
            Self::Protocol => 3,
            Self::TimeUp => 4,
            Self::Disk => 5,
            Self::DiskLimit => 6,
            Self::Stopped => 7,
            Self::Other(other) => other,
        }
    }

    fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::WrongSecret,
            2 => Self::Busy,
            3 => Self::Protocol,
            4 => Self::TimeUp,
            5 => Self::Disk,
            6 => Self::DiskLimit,
            7 => Self::Stopped,
            other => Self::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples() -> Vec<Frame> {
        vec![
            Frame::Hello { secret: TicketSecret::from_bytes([7; 16]), features: u64::MAX },
            Frame::Welcome(Welcome {
                features: 1,
                cores: 2,
                build: Build::Release,
                seconds: u32::MAX,
                disk: u64::MAX,
            }),
            Frame::Fail { code: FailCode::Disk, detail: 4 },
            Frame::Fail { code: FailCode::Other(200), detail: 0 },
            Frame::Usage,
            Frame::Used { micros: Some(3) },
            Frame::Used { micros: None },
            Frame::Disk { bytes: u64::MAX },
            Frame::DiskDone { bytes: 1, write_micros: 2, read_micros: u64::MAX },
            Frame::Speeds { block: MAX_BLOCK },
            Frame::SpeedsDone { seal: 1, hash: u64::MAX },
            Frame::Echo { size: 1 },
            Frame::Sink { warm_up_millis: u32::MAX },
            Frame::Taken { bytes: 4, micros: 5, total: 6 },
            Frame::Source { millis: MAX_SOURCE_MILLIS },
            Frame::Touch,
        ]
    }

    #[test]
    fn every_frame_survives_the_wire_and_none_is_longer_than_the_longest() {
        for frame in samples() {
            let bytes = frame.encode();
            let (kind, body) = bytes.split_first().unwrap();
            assert_eq!(Frame::body_len(*kind), Ok(body.len()), "{frame:?}");
            assert_eq!(Frame::decode(*kind, body), Ok(frame));
            assert!(bytes.len() <= MAX_FRAME);
        }
        let longest = (0..=u8::MAX).filter_map(|kind| Frame::body_len(kind).ok()).max();
        assert!(longest < Some(MAX_FRAME));
    }

    #[test]
    fn numbers_out_of_their_bounds_and_wrong_lengths_are_malformed() {
        for kind in [kind::ECHO, kind::SPEEDS, kind::SOURCE] {
            for value in [0, 65_537, u32::MAX] {
                assert_eq!(Frame::decode(kind, &value.to_be_bytes()), Err(FrameError::Malformed(kind)));
            }
            assert_eq!(Frame::decode(kind, &[0, 0, 1]), Err(FrameError::Malformed(kind)));
        }
        assert_eq!(Frame::decode(kind::TOUCH, &[0]), Err(FrameError::Malformed(kind::TOUCH)));
        assert_eq!(Frame::decode(0x77, &[]), Err(FrameError::UnknownType(0x77)));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same(kind in any::<u8>(), body in proptest::collection::vec(any::<u8>(), 0..40)) {
            let body = match Frame::body_len(kind) {
                Ok(len) if len <= body.len() => &body[..len],
                _ => &body[..],
            };
            if let Ok(frame) = Frame::decode(kind, body) {
                let bytes = frame.encode();
                prop_assert_eq!(bytes[0], kind);
                prop_assert_eq!(&bytes[1..], body);
            }
        }
    }
}
