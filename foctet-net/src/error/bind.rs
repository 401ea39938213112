use std::net::SocketAddr;

use crate::error::IoFailure;
use crate::identity::IdentityError;

/// Why [`Builder::build`](crate::Builder::build) could not make an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The operating system refused a UDP socket.
    #[error("cannot bind UDP {addr}: {source}")]
    Udp {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: IoFailure,
    },
    /// The operating system refused a TCP listener.
    #[error("cannot bind TCP {addr}: {source}")]
    Tcp {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: IoFailure,
    },
    /// No port was free for both UDP and TCP in a bounded number of tries.
    #[error("no port is free for both UDP and TCP on {addr} after {tries} tries")]
    NoCommonPort {
        /// The address asked for, with port 0.
        addr: SocketAddr,
        /// How many ports were tried.
        tries: u32,
    },
    /// Neither IPv4 nor IPv6 sockets can be had here.
    #[error("this machine has neither IPv4 nor IPv6")]
    NoFamily,
    /// More addresses were asked for than an endpoint takes.
    #[error("at most {max} addresses can be bound")]
    TooManyAddresses {
        /// The bound.
        max: usize,
    },
    /// An application protocol's name is empty or too long.
    #[error("an application protocol's name has 1 to {max} bytes, not {length}")]
    InvalidAlpn {
        /// The length of the name given, in bytes.
        length: usize,
        /// The longest that is accepted, in bytes.
        max: usize,
    },
    /// The node's certificate could not be made.
    #[error("cannot make this node's identity: {0}")]
    Identity(#[from] IdentityError),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
    /// No tokio runtime with I/O and time is current.
    #[error("an endpoint needs a tokio runtime with I/O and time")]
    NoRuntime,
}
