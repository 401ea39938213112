use std::net::SocketAddr;

use crate::Transport;
use crate::error::{ConnectionError, IoFailure};
use crate::identity::TlsError;

/// A connection that someone tried to make to this endpoint, and that [`accept`](crate::Endpoint::accept)
/// never saw.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeFailure {
    /// The transport it was tried over.
    pub transport: Transport,
    /// Where it came from.
    pub remote: SocketAddr,
    /// What was wrong.
    pub error: HandshakeError,
}

/// Why an attempt to connect to this endpoint failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// TLS failed: the dialler has no acceptable identity, was refused by the application
    /// ([`IdentityError::NotAuthorized`](crate::IdentityError::NotAuthorized)), wants another
    /// application protocol, or does not speak TLS.
    #[error("{0}")]
    Tls(TlsError),
    /// The handshake took too long.
    #[error("the handshake timed out")]
    TimedOut,
    /// The dialler went away in the middle: most often it had reached us over the other transport.
    #[error("the dialler went away")]
    Abandoned,
    /// The operating system or the network failed.
    #[error("{0}")]
    Io(IoFailure),
    /// The connection came up, but the dialler never said hello: it chose another.
    #[error("the dialler did not say hello")]
    NoHello,
    /// The dialler's hello makes no sense.
    #[error("the dialler's hello is malformed")]
    BadHello,
    /// The dialler's hello is of a version that we do not know.
    #[error("the dialler's hello has version {version}, made by a newer foctet")]
    NewerHello {
        /// Its version.
        version: u64,
    },
    /// Too many handshakes were under way.
    #[error("too many handshakes at once")]
    Overloaded,
    /// The connection was lost before it was accepted.
    #[error("{0}")]
    ConnectionLost(ConnectionError),
}
