use std::net::SocketAddr;
use std::time::Duration;

use foctet_core::relay::Limit;
use foctet_core::{NodeId, RelayAddr};
use tokio::time::Instant;

use super::error::LegError;
use crate::path::Transport;

/// A relay that the endpoint keeps a connection to, and how that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayStatus {
    /// The relay, without the token.
    pub addr: RelayAddr,
    /// Whether it is one of this node's own relays, which its address lists; else it was joined to reach a peer.
    pub home: bool,
    /// How the connection to it stands.
    pub state: RelayState,
}

/// How the connection to a relay stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayState {
    /// There is none, and one is being made.
    Connecting {
        /// Since when there is none.
        since: Instant,
        /// How many attempts have failed since then.
        failures: u32,
        /// What the last one gave.
        last_error: Option<LegError>,
    },
    /// The relay serves us.
    #[non_exhaustive]
    Up {
        /// The smoothed round-trip time to it, as of the last change of the state.
        rtt: Duration,
        /// What carries the connection.
        transport: Transport,
        /// The relay's address.
        remote: SocketAddr,
        /// Where it sees our UDP packets come from, once it has said so.
        observed_udp: Option<SocketAddr>,
        /// Where it sees our TCP connection come from.
        observed_tcp: Option<SocketAddr>,
        /// The last limit that we hit there.
        limited: Option<Limited>,
        /// Whether we are a guest, who may exchange packets with the relay's members only.
        guest: bool,
        /// Whether the relay is about to shut down.
        draining: bool,
        /// Whether it owes us an answer for so long that another connection is being made. What is sent to it meanwhile may
        /// be late or lost.
        silent: bool,
    },
}

/// A limit of a relay that this node has hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limited {
    /// Which.
    pub limit: Limit,
    /// How many packets, signals or streams limits have cost since the connection to the relay came up.
    pub dropped: u64,
}

/// All relays that an endpoint keeps connections to, its own ones first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RelaysState {
    /// One for each.
    pub relays: Vec<RelayStatus>,
}

impl RelaysState {
    /// How one relay stands.
    pub fn get(&self, relay: NodeId) -> Option<&RelayStatus> {
        self.relays.iter().find(|status| status.addr.id() == relay)
    }

    /// Whether a relay of this node's own serves it.
    pub fn is_online(&self) -> bool {
        self.relays.iter().any(|status| status.home && status.is_up())
    }

    /// Where our UDP packets are seen to come from: one address at a NAT that keeps to it, several at another. Each once.
    pub fn observed_udp(&self) -> Vec<SocketAddr> {
        let mut all = Vec::new();
        for status in &self.relays {
            if let RelayState::Up { observed_udp: Some(addr), .. } = status.state
                && !all.contains(&addr)
            {
                all.push(addr);
            }
        }
        all
    }
}

impl RelayStatus {
    /// Whether the relay serves us now.
    pub fn is_up(&self) -> bool {
        matches!(self.state, RelayState::Up { .. })
    }

    /// Whether it serves us and answers.
    pub fn answers(&self) -> bool {
        matches!(self.state, RelayState::Up { silent: false, .. })
    }

    /// Whether it serves us and is about to stop.
    pub fn is_draining(&self) -> bool {
        matches!(self.state, RelayState::Up { draining: true, .. })
    }
}
