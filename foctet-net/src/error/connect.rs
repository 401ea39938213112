use std::fmt;

use foctet_core::{NodeId, RelayAddr, TransportAddr};

use crate::error::{ConnectionError, IoFailure};
use crate::identity::{IdentityError, Rejection, TlsError};
use crate::relay::LegError;

/// Why [`Endpoint::connect`](crate::Endpoint::connect) gave no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address lists nothing that this endpoint could dial: no address at all, or only transports
    /// that are switched off here.
    #[error("there is no address to dial")]
    NoAddresses,
    /// The node dialled is this node.
    #[error("this is the node's own identity")]
    SelfConnect,
    /// Nothing at any of the addresses would talk to us.
    #[error("nothing answered at {}", Attempts(attempts))]
    Unreachable {
        /// What each address gave, in the order of the address.
        attempts: Vec<Attempt>,
    },
    /// The time given for connecting ran out.
    #[error("timed out connecting to {}", Attempts(attempts))]
    TimedOut {
        /// What each address gave up to then, in the order of the address.
        attempts: Vec<Attempt>,
    },
    /// A node answered, but it is another than the one dialled.
    #[error("expected node {expected}, but {got} answered")]
    WrongIdentity {
        /// The node that was dialled.
        expected: NodeId,
        /// The node that answered, and proved it.
        got: NodeId,
    },
    /// The node dialled is there and does not accept this node's identity.
    #[error("the peer refused this node")]
    Refused,
    /// The node dialled is there and does not speak the application protocol asked for.
    #[error("the peer does not speak this application protocol")]
    AlpnRefused,
    /// What answered has no acceptable identity.
    #[error("{0}")]
    Identity(IdentityError),
    /// What answered refused the handshake for another reason: this node's identity is none to it, say.
    #[error("{0}")]
    Rejected(Rejection),
    /// The application protocol's name is empty or too long.
    #[error("an application protocol's name has 1 to {max} bytes, not {length}")]
    InvalidAlpn {
        /// The length of the name given, in bytes.
        length: usize,
        /// The longest that is accepted, in bytes.
        max: usize,
    },
    /// This endpoint is closed.
    #[error("this endpoint is closed")]
    EndpointClosed,
    /// The connection was lost between its establishment and its first use.
    #[error("{0}")]
    ConnectionLost(ConnectionError),
}

impl ConnectError {
    /// What each address gave, where the addresses are what failed.
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::Unreachable { attempts } | Self::TimedOut { attempts } => attempts,
            _ => &[],
        }
    }
}

/// One place that was tried, and how that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The place.
    pub at: Place,
    /// How it ended.
    pub error: AttemptError,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.at, self.error)
    }
}

/// Where a node was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// At an address.
    Addr(TransportAddr),
    /// Behind a relay.
    Relay(RelayAddr),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Relay(relay) => relay.fmt(f),
        }
    }
}

/// How the attempt at one address ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// Nothing came back in time.
    #[error("timed out")]
    TimedOut,
    /// The operating system or the network refused.
    #[error("{0}")]
    Io(IoFailure),
    /// This endpoint has no socket for the address family.
    #[error("no local socket for this address family")]
    NoSocket,
    /// The handshake failed: another node answered, or one that refuses us, or something that is no node.
    #[error("{0}")]
    Tls(TlsError),
    /// The connection came up and was lost at once.
    #[error("{0}")]
    ConnectionLost(ConnectionError),
    /// The relay does not lead to the node.
    #[error("{0}")]
    Relay(LegError),
    /// This endpoint uses too many other relays at the moment.
    #[error("too many relays in use")]
    TooManyRelays,
    /// Another address was faster to a final answer.
    #[error("given up")]
    GivenUp,
}

impl AttemptError {
    /// The same, from somebody who has not proved to be the node dialled (see [`Rejection::unproved`]).
    pub(crate) fn unproved(self) -> Self {
        match self {
            Self::Tls(TlsError::Rejected(rejection)) => Self::Tls(TlsError::Rejected(rejection.unproved())),
            other => other,
        }
    }
}

/// A list of attempts in one line.
struct Attempts<'a>(&'a [Attempt]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, attempt) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            attempt.fmt(f)?;
        }
        Ok(())
    }
}
