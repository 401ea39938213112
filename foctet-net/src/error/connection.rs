use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

/// Why a connection is over. The same on both transports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer's application closed the connection.
    #[error("closed by the peer (code {code}){}", Reason(reason))]
    ApplicationClosed {
        /// The application's code, at most 2^62-1.
        code: u64,
        /// The application's words; any bytes at all.
        reason: Bytes,
    },
    /// The peer's transport closed the connection.
    #[error("the peer's transport closed the connection (code {code:#x}){}", Reason(reason))]
    ConnectionClosed {
        /// The transport error code of RFC 9000, section 20.1.
        code: u64,
        /// The peer's words; any bytes at all.
        reason: Bytes,
    },
    /// The peer broke the protocol, and we closed the connection.
    #[error("the peer broke the protocol (code {code:#x}): {reason}")]
    TransportError {
        /// The transport error code of RFC 9000, section 20.1.
        code: u64,
        /// What was wrong.
        reason: Arc<str>,
    },
    /// The peer is too old to understand how this node says hello.
    #[error("the peer speaks only an older version of this protocol")]
    UnsupportedByPeer,
    /// What carried the connection is gone without a close: a reset, or the end of the byte stream.
    #[error("connection lost: {0}")]
    Lost(IoFailure),
    /// Nothing was heard from the peer for the idle timeout.
    #[error("timed out")]
    TimedOut,
    /// This side closed the connection.
    #[error("closed by this side")]
    LocallyClosed,
}

impl From<ConnectionError> for io::Error {
    fn from(error: ConnectionError) -> Self {
        let kind = match &error {
            ConnectionError::TimedOut => io::ErrorKind::TimedOut,
            ConnectionError::LocallyClosed => io::ErrorKind::NotConnected,
            ConnectionError::ApplicationClosed { .. } | ConnectionError::ConnectionClosed { .. } => {
                io::ErrorKind::ConnectionAborted
            }
            ConnectionError::Lost(failure) => failure.kind(),
            ConnectionError::TransportError { .. } | ConnectionError::UnsupportedByPeer => {
                io::ErrorKind::InvalidData
            }
        };
        Self::new(kind, error)
    }
}

/// Bytes of a stranger: shown escaped, and left out where there are none.
struct Reason<'a>(&'a Bytes);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0.escape_ascii()) }
    }
}

/// An [`io::Error`] that can be cloned and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoFailure {
    kind: io::ErrorKind,
    message: Arc<str>,
}

impl IoFailure {
    pub(crate) fn new(kind: io::ErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The kind of the error.
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }
}

impl From<&io::Error> for IoFailure {
    fn from(error: &io::Error) -> Self {
        // The kind's words are shorter than the system's ("connection refused", not "Connection refused
        // (os error 111)"); a kind that says nothing gets the system's.
        let message = match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".into(),
            io::ErrorKind::ConnectionReset => "connection reset".into(),
            io::ErrorKind::HostUnreachable => "host unreachable".into(),
            io::ErrorKind::NetworkUnreachable => "network unreachable".into(),
            io::ErrorKind::NetworkDown => "network down".into(),
            io::ErrorKind::TimedOut => "timed out".into(),
            io::ErrorKind::AddrInUse => "address in use".into(),
            io::ErrorKind::AddrNotAvailable => "no such address on this machine".into(),
            io::ErrorKind::PermissionDenied => "permission denied".into(),
            io::ErrorKind::UnexpectedEof => "the peer went away".into(),
            _ => error.to_string(),
        };
        Self { kind: error.kind(), message: message.into() }
    }
}

impl From<io::Error> for IoFailure {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

impl fmt::Display for IoFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for IoFailure {}

/// Why a datagram was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendDatagramError {
    /// The peer takes no datagrams.
    #[error("the peer takes no datagrams")]
    UnsupportedByPeer,
    /// The datagram is larger than [`Connection::max_datagram_size`](crate::Connection::max_datagram_size).
    #[error("the datagram is too large")]
    TooLarge,
    /// The connection is over.
    #[error("connection lost: {0}")]
    ConnectionLost(#[from] ConnectionError),
}
