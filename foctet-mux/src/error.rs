//! What can go wrong, one enum for each operation.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

/// Why a connection is no more. Every pending and later call on it reports the same value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer's application closed the connection.
    #[error("closed by the peer: code {code}{}", Reason(reason))]
    ApplicationClosed {
        /// The application's error code, below 2^62.
        code: u64,
        /// The application's words: at most one record, not necessarily text.
        reason: Bytes,
    },
    /// The peer's multiplexer closed the connection, usually because it holds us to be in the wrong.
    #[error("closed by the peer's multiplexer: {code}{}", Reason(reason))]
    ConnectionClosed {
        /// What the peer objects to.
        code: TransportErrorCode,
        /// The type of the frame it objects to, 0 if it does not say.
        frame_type: u64,
        /// The peer's words: at most one record, not necessarily text.
        reason: Bytes,
    },
    /// The peer broke the protocol and we closed the connection.
    #[error("the peer broke the protocol: {code}: {reason}")]
    TransportError {
        /// Which rule, as the peer was told.
        code: TransportErrorCode,
        /// Which rule, in words.
        reason: Arc<str>,
    },
    /// Nothing was heard from the peer for the idle timeout.
    #[error("timed out")]
    TimedOut,
    /// This side closed the connection.
    #[error("closed by this side")]
    LocallyClosed,
    /// The carrier failed, was reset, or ended without a CONNECTION_CLOSE.
    #[error("the carrier failed: {message}")]
    Carrier {
        /// The kind of the I/O error; `UnexpectedEof` when the carrier just ended.
        kind: io::ErrorKind,
        /// The I/O error in words.
        message: Arc<str>,
    },
}

impl ConnectionError {
    pub(crate) fn carrier(error: &io::Error) -> Self {
        Self::Carrier { kind: error.kind(), message: error.to_string().into() }
    }

    fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::ApplicationClosed { .. } | Self::ConnectionClosed { .. } => io::ErrorKind::ConnectionReset,
            Self::TransportError { .. } => io::ErrorKind::InvalidData,
            Self::LocallyClosed => io::ErrorKind::NotConnected,
            Self::Carrier { kind, .. } => *kind,
        }
    }
}

impl From<ConnectionError> for io::Error {
    fn from(error: ConnectionError) -> Self {
        Self::new(error.io_kind(), error)
    }
}

/// A reason phrase from the peer, shown only as far as it is harmless to show.
struct Reason<'a>(&'a Bytes);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0.escape_ascii()) }
    }
}

/// An error code of the transport: RFC 9000, section 20.1.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransportErrorCode(u64);

macro_rules! transport_error_codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl TransportErrorCode {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

transport_error_codes! {
    /// Closed with nothing to complain about.
    NO_ERROR = 0x00;
    /// The endpoint itself failed.
    INTERNAL_ERROR = 0x01;
    /// The server refused the connection.
    CONNECTION_REFUSED = 0x02;
    /// More data than was allowed.
    FLOW_CONTROL_ERROR = 0x03;
    /// More streams than were allowed.
    STREAM_LIMIT_ERROR = 0x04;
    /// A frame for a stream whose state forbids it.
    STREAM_STATE_ERROR = 0x05;
    /// The final size of a stream changed or was exceeded.
    FINAL_SIZE_ERROR = 0x06;
    /// A frame or record was malformed, unknown or not allowed.
    FRAME_ENCODING_ERROR = 0x07;
    /// The transport parameters were malformed or out of range.
    TRANSPORT_PARAMETER_ERROR = 0x08;
    /// Too many connection identifiers (QUIC only).
    CONNECTION_ID_LIMIT_ERROR = 0x09;
    /// Any other violation.
    PROTOCOL_VIOLATION = 0x0a;
    /// A bad token (QUIC only).
    INVALID_TOKEN = 0x0b;
    /// The application or its protocol caused the connection to be closed.
    APPLICATION_ERROR = 0x0c;
}

impl TransportErrorCode {
    pub(crate) fn from_wire(code: u64) -> Self {
        Self(code)
    }

    /// The number on the wire.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TransportErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error {:#x}", self.0),
        }
    }
}

impl fmt::Debug for TransportErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An error code of the application that does not fit the wire: it must be below 2^62.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an error code must be below 2^62")]
pub struct CodeTooLarge;

/// The stream was already finished, reset or stopped by this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the stream is closed")]
pub struct ClosedStream;

impl From<ClosedStream> for io::Error {
    fn from(error: ClosedStream) -> Self {
        Self::new(io::ErrorKind::NotConnected, error)
    }
}

/// Why data could not be sent on a stream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The peer does not want the rest.
    #[error("stopped by the peer: code {0}")]
    Stopped(u64),
    /// The connection is no more.
    #[error("connection lost")]
    ConnectionLost(#[from] ConnectionError),
    /// The stream was already finished or reset by this side.
    #[error("the stream is closed")]
    ClosedStream,
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        let kind = match &error {
            WriteError::Stopped(_) => io::ErrorKind::ConnectionReset,
            WriteError::ConnectionLost(lost) => lost.io_kind(),
            WriteError::ClosedStream => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}

/// Why [`SendStream::stopped`](crate::SendStream::stopped) could not say.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoppedError {
    /// The connection is no more.
    #[error("connection lost")]
    ConnectionLost(#[from] ConnectionError),
}

impl From<StoppedError> for io::Error {
    fn from(error: StoppedError) -> Self {
        let StoppedError::ConnectionLost(lost) = &error;
        Self::new(lost.io_kind(), error)
    }
}

/// Why a stream could not be reset or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ResetError {
    /// There is nothing left to reset or stop.
    #[error("the stream is closed")]
    ClosedStream,
    /// The code does not fit the wire.
    #[error("an error code must be below 2^62")]
    CodeTooLarge,
}

impl From<ClosedStream> for ResetError {
    fn from(_: ClosedStream) -> Self {
        Self::ClosedStream
    }
}

impl From<CodeTooLarge> for ResetError {
    fn from(_: CodeTooLarge) -> Self {
        Self::CodeTooLarge
    }
}

/// Why data could not be read from a stream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The peer abandoned the stream.
    #[error("reset by the peer: code {0}")]
    Reset(u64),
    /// The connection is no more, and what had arrived before has been read.
    #[error("connection lost")]
    ConnectionLost(#[from] ConnectionError),
    /// This side stopped the stream.
    #[error("the stream is closed")]
    ClosedStream,
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        let kind = match &error {
            ReadError::Reset(_) => io::ErrorKind::ConnectionReset,
            ReadError::ConnectionLost(lost) => lost.io_kind(),
            ReadError::ClosedStream => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}

/// Why [`RecvStream::read_exact`](crate::RecvStream::read_exact) failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadExactError {
    /// The stream ended after this many bytes.
    #[error("the stream ended early, after {0} bytes")]
    FinishedEarly(usize),
    /// The stream could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<ReadExactError> for io::Error {
    fn from(error: ReadExactError) -> Self {
        match error {
            ReadExactError::FinishedEarly(_) => Self::new(io::ErrorKind::UnexpectedEof, error),
            ReadExactError::Read(error) => error.into(),
        }
    }
}

/// Why [`RecvStream::read_to_end`](crate::RecvStream::read_to_end) failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadToEndError {
    /// The stream is longer than the caller allowed.
    #[error("the stream is longer than allowed")]
    TooLong,
    /// The stream could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<ReadToEndError> for io::Error {
    fn from(error: ReadToEndError) -> Self {
        match error {
            ReadToEndError::TooLong => Self::new(io::ErrorKind::InvalidData, error),
            ReadToEndError::Read(error) => error.into(),
        }
    }
}

/// Why a datagram was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendDatagramError {
    /// The peer takes no datagrams, or its parameters have not arrived yet.
    #[error("the peer takes no datagrams")]
    UnsupportedByPeer,
    /// This side's configuration has datagrams off.
    #[error("datagrams are disabled")]
    Disabled,
    /// It is longer than [`Connection::max_datagram_size`](crate::Connection::max_datagram_size).
    #[error("the datagram is too large")]
    TooLarge,
    /// The connection is no more.
    #[error("connection lost")]
    ConnectionLost(#[from] ConnectionError),
}
