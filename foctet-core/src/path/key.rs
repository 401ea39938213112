use std::net::SocketAddr;

use crate::NodeId;

/// Where a path leads. A path that opens again has the same key, and another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathKey {
    /// From our socket to this address of the peer's.
    Direct(SocketAddr),
    /// Through a relay.
    Relay {
        /// The relay.
        relay: NodeId,
        /// Tells several ways through one relay apart; means something to the driver alone.
        route: u128,
    },
}

impl PathKey {
    /// Whether nothing of foctet is between the two ends.
    pub fn is_direct(&self) -> bool {
        matches!(self, Self::Direct(_))
    }

    /// The relay that the path leads through.
    pub fn relay(&self) -> Option<NodeId> {
        match self {
            Self::Direct(_) => None,
            Self::Relay { relay, .. } => Some(*relay),
        }
    }
}
