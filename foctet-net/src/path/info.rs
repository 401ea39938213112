use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use foctet_core::NodeId;

/// What a connection travels over. The set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// QUIC over UDP (RFC 9000).
    Quic,
    /// QMux over TLS 1.3 over TCP.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
        })
    }
}

/// Which transports an endpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transports {
    /// QUIC and TCP, on one port number.
    #[default]
    All,
    /// One alone.
    Only(Transport),
}

impl Transports {
    /// Whether the transport is among them.
    pub fn contains(self, transport: Transport) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only == transport,
        }
    }
}

/// Which transport a dialler wants, where both answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Prefer {
    /// Whichever is up first.
    #[default]
    Latency,
    /// TCP, which costs less CPU on a fast network: once QUIC is up, TCP gets a moment more
    /// (300 ms, or three round trips where that is longer).
    Throughput,
    /// This one and no other.
    Only(Transport),
}

/// How a path reaches the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathKind {
    /// From our address to the peer's, with nothing of foctet between.
    Direct,
    /// Through a relay, which sees only ciphertext.
    Relay,
}

impl fmt::Display for PathKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
        })
    }
}

/// One way that a connection's packets can take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathInfo {
    /// How the path reaches the peer.
    pub kind: PathKind,
    /// The transport.
    pub transport: Transport,
    /// The peer's address on this path; of a relayed one the relay's.
    pub remote: SocketAddr,
    /// The relay, if there is one.
    pub relay: Option<NodeId>,
    /// The smoothed round-trip time; zero until it was measured.
    pub rtt: Duration,
    /// Whether application data takes this path now.
    pub in_use: bool,
}

/// Counters of one connection, since it came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Bytes given to the network: UDP payload over QUIC, QMux records (before TLS) over TCP.
    pub bytes_sent: u64,
    /// Bytes taken from the network, counted likewise.
    pub bytes_received: u64,
    /// The smoothed round-trip time of the path in use; zero until it was measured.
    pub rtt: Duration,
    /// QUIC packets declared lost; TCP keeps its own to itself, and this is zero.
    pub packets_lost: u64,
}
