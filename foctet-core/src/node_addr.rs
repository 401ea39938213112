//! Who to reach, and where to try.

use std::net::SocketAddr;

use crate::node_id::NodeId;
use crate::relay_addr::RelayAddr;
use crate::transport_addr::TransportAddr;

/// Addresses in one [`NodeAddr`] at most: every one costs its reader a dial, and a machine with more interfaces than
/// this is better named by its best ones.
pub const MAX_ADDRS: usize = 32;

/// Relays in one [`NodeAddr`] at most: a node keeps to two, and every one costs its reader a connection.
pub const MAX_RELAYS: usize = 4;

/// A node and the places where it may answer, best first.
///
/// It says who to reach and is only a hint about where: whatever answers must still prove to be the node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeAddr {
    id: NodeId,
    addrs: Vec<TransportAddr>,
    relays: Vec<RelayAddr>,
}

impl NodeAddr {
    /// The node `id`, with no address yet.
    pub fn new(id: NodeId) -> Self {
        Self { id, addrs: Vec::new(), relays: Vec::new() }
    }

    /// Adds one place to try, after those that are there already.
    ///
    /// It is taken in its canonical form ([`TransportAddr::to_canonical`]). One that is there already is not added
    /// again, and beyond [`MAX_ADDRS`] no more are: as the best come first, the least useful are what is lost.
    #[must_use]
    pub fn with_addr(mut self, addr: TransportAddr) -> Self {
        let addr = addr.to_canonical();
        if self.addrs.len() < MAX_ADDRS && !self.addrs.contains(&addr) {
            self.addrs.push(addr);
        }
        self
    }

    /// Adds several places, as [`with_addr`](Self::with_addr) adds one.
    #[must_use]
    pub fn with_addrs(self, addrs: impl IntoIterator<Item = TransportAddr>) -> Self {
        addrs.into_iter().fold(self, Self::with_addr)
    }

    /// Adds one relay through which to try, after those that are there already. One whose key is there already is
    /// not added again, and beyond [`MAX_RELAYS`] no more are.
    #[must_use]
    pub fn with_relay(mut self, relay: RelayAddr) -> Self {
        if self.relays.len() < MAX_RELAYS && self.relays.iter().all(|known| known.id() != relay.id()) {
            self.relays.push(relay);
        }
        self
    }

    /// Adds several relays, as [`with_relay`](Self::with_relay) adds one.
    #[must_use]
    pub fn with_relays(self, relays: impl IntoIterator<Item = RelayAddr>) -> Self {
        relays.into_iter().fold(self, Self::with_relay)
    }

    /// The node.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The places to try, best first: in the order in which they were added.
    pub fn addrs(&self) -> impl ExactSizeIterator<Item = TransportAddr> + DoubleEndedIterator + '_ {
        self.addrs.iter().copied()
    }

    /// The UDP addresses among [`addrs`](Self::addrs), in the same order.
    pub fn udp(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.addrs.iter().filter_map(|addr| match addr {
            TransportAddr::Udp(addr) => Some(*addr),
            TransportAddr::Tcp(_) => None,
        })
    }

    /// The TCP addresses among [`addrs`](Self::addrs), in the same order.
    pub fn tcp(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.addrs.iter().filter_map(|addr| match addr {
            TransportAddr::Tcp(addr) => Some(*addr),
            TransportAddr::Udp(_) => None,
        })
    }

    /// The relays through which to try, best first.
    pub fn relays(&self) -> &[RelayAddr] {
        &self.relays
    }

    /// The same node without relays.
    #[must_use]
    pub fn without_relays(mut self) -> Self {
        self.relays.clear();
        self
    }

    /// The same node without the places that `keep` says no to.
    #[must_use]
    pub fn retaining(mut self, keep: impl FnMut(&TransportAddr) -> bool) -> Self {
        self.addrs.retain(keep);
        self
    }

    /// Whether there is no place to try, and no relay either.
    pub fn is_empty(&self) -> bool {
        self.addrs.is_empty() && self.relays.is_empty()
    }
}

impl From<NodeId> for NodeAddr {
    fn from(id: NodeId) -> Self {
        Self::new(id)
    }
}
