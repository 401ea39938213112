use std::sync::Arc;

use foctet_core::NodeAddr;

use crate::endpoint::Inner;
use crate::quic::{Late, QuicDialler, Via};
use crate::relay::{Joined, LegError};

/// The ways to a peer through the relays that its address lists.
#[derive(Default)]
pub(super) struct RelayedWays {
    /// To be held for as long as the connection lives.
    pub(super) legs: Vec<Arc<Joined>>,
    pub(super) late: Vec<Late>,
}

impl RelayedWays {
    /// Joins the peer's relays, as far as there is room for legs.
    pub(super) fn join(inner: &Inner, quic: &QuicDialler, addr: &NodeAddr) -> Self {
        let mut ways = Self::default();
        for relay in addr.relays() {
            let Some(leg) = inner.relays.join(relay) else { continue };
            let leg = Arc::new(leg);
            let via = Via { relay: relay.id(), peer: addr.id() };
            if let Some(addr) = quic.sockets.relayed().address(via) {
                let up = Box::pin(up(Arc::clone(&leg)));
                ways.late.push(Late { addr, up });
            }
            ways.legs.push(leg);
        }
        ways
    }
}

/// Waits until a leg is up, however many attempts that takes; false once there will be none.
async fn up(leg: Arc<Joined>) -> bool {
    loop {
        match leg.up().await {
            Ok(()) => return true,
            Err(LegError::NoLeg | LegError::EndpointClosed) => return false,
            Err(error) => {
                tracing::debug!(relay = %leg.relay().fmt_short(), %error, "a relay cannot be used for now");
            }
        }
    }
}
