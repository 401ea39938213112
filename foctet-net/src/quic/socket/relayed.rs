use std::net::SocketAddr;
use std::sync::OnceLock;

use bytes::Bytes;
use foctet_core::NodeId;

use super::inbox::Inbox;
use super::mapped::{Mapped, Via};

/// What leads to relays.
pub(crate) trait Legs: Send + Sync {
    /// Sends the bytes of one transmit, cut every `segment_size`, to a peer behind a relay. Never waits: what it cannot take
    /// is a packet lost.
    fn send(&self, to: Via, contents: &[u8], segment_size: usize);

    /// Where a relay is, if there is a connection to it.
    fn place(&self, relay: NodeId) -> Option<SocketAddr>;
}

/// The part of the adapter that stands for relays: peers behind them have addresses of a reserved range, to which noq
/// sends and from which it receives as from any other.
pub(crate) struct Relayed {
    mapped: Mapped,
    inbox: Inbox,
    legs: OnceLock<Box<dyn Legs>>,
}

impl Relayed {
    pub(super) fn new() -> Self {
        Self { mapped: Mapped::new(), inbox: Inbox::default(), legs: OnceLock::new() }
    }

    /// Says, once, what leads to relays.
    pub(crate) fn connect(&self, legs: impl Legs + 'static) {
        self.legs.set(Box::new(legs)).ok();
    }

    /// The address that stands for a peer. `None` if there are too many.
    pub(crate) fn address(&self, via: Via) -> Option<SocketAddr> {
        self.mapped.address(via)
    }

    /// The peer that an address stands for.
    pub(crate) fn via(&self, addr: SocketAddr) -> Option<Via> {
        self.mapped.peer(addr)
    }

    /// A packet has come from a peer through a relay.
    pub(crate) fn deliver(&self, relay: NodeId, peer: NodeId, packet: Bytes) {
        if let Some(from) = self.mapped.address(Via { relay, peer }) {
            self.inbox.push(from, packet);
        }
    }

    /// Sends to the peer that an address stands for.
    pub(crate) fn send(&self, to: SocketAddr, contents: &[u8], segment_size: Option<usize>) {
        if let (Some(via), Some(legs)) = (self.mapped.peer(to), self.legs.get()) {
            legs.send(via, contents, segment_size.unwrap_or(contents.len()).max(1));
        }
    }

    /// Where a relay is, if there is a connection to it.
    pub(crate) fn place(&self, relay: NodeId) -> Option<SocketAddr> {
        self.legs.get()?.place(relay)
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}
