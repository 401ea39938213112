use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use foctet_core::relay::Limit;
use foctet_core::{NodeId, RelayAddr};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::dial::LegDialler;
use super::error::LegError;
use super::joined::Joined;
use super::leg::Leg;
use super::splice::{self, MAX_WAITING, Spliced, SplicedStream};
use super::status::RelayStatus;
use super::status::RelaysState;
use super::table::Table;
use super::{homes, keeper};
use crate::quic::{Legs, Via};

/// Homes at once: where one fails the other is there already.
pub(crate) const MAX_HOMES: usize = 2;

/// Relays among which the homes are chosen, at most: each is measured every few minutes.
const MAX_CONFIGURED: usize = 16;

/// All legs of an endpoint. Cloning gives another handle to the same.
#[derive(Clone)]
pub(crate) struct Relays {
    shared: Arc<Shared>,
}

/// Takes what a relay has passed on: the relay, the peer, and the bytes. Must not block.
type Sink = Box<dyn Fn(NodeId, NodeId, Bytes) + Send + Sync>;

/// What the handles and the keepers of the legs share.
pub(super) struct Shared {
    own_id: NodeId,
    /// None once closed: it holds the endpoint's sockets, which hold this.
    dialler: Mutex<Option<Arc<LegDialler>>>,
    table: Mutex<Table>,
    /// Those legs that are up, for what is in a hurry.
    legs: RwLock<HashMap<NodeId, Arc<Leg>>>,
    state: watch::Sender<RelaysState>,
    /// How often the network has changed.
    network: watch::Sender<u64>,
    packets: RwLock<Option<Sink>>,
    spliced: mpsc::Sender<Spliced>,
    spliced_rx: Mutex<Option<mpsc::Receiver<Spliced>>>,
    keepers: Mutex<JoinSet<()>>,
}

impl Relays {
    /// No legs yet.
    pub(crate) fn new(dialler: LegDialler) -> Self {
        let (spliced, spliced_rx) = mpsc::channel(MAX_WAITING);
        let shared = Shared {
            own_id: dialler.identity.id(),
            dialler: Mutex::new(Some(Arc::new(dialler))),
            table: Mutex::default(),
            legs: RwLock::default(),
            state: watch::Sender::default(),
            network: watch::Sender::default(),
            packets: RwLock::default(),
            spliced,
            spliced_rx: Mutex::new(Some(spliced_rx)),
            keepers: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Keeps legs to the best of this node's own relays, which are these from now on.
    pub(crate) fn set_homes(&self, configured: &[RelayAddr]) {
        let mut homes: Vec<RelayAddr> = Vec::new();
        for relay in configured {
            let known = homes.iter().any(|home| home.id() == relay.id());
            if relay.id() != self.shared.own_id && !known && homes.len() < MAX_CONFIGURED {
                homes.push(relay.clone());
            }
        }
        let choice = self.shared.table().begin_choice();
        self.shared.set_homes(choice, homes.get(..MAX_HOMES).unwrap_or(&homes));
        if homes.len() > MAX_HOMES {
            let chooser = self.shared.spawn(homes::choose(Arc::clone(&self.shared), choice, homes));
            self.shared.table().chosen_by(choice, chooser);
        }
    }

    /// Makes sure that there is a leg to a relay, until the guard is dropped and 30 s more. `None` if there are too
    /// many besides those to the homes, or the relay is this node itself.
    pub(crate) fn join(&self, relay: &RelayAddr) -> Option<Joined> {
        if relay.id() == self.shared.own_id {
            return None;
        }
        {
            let mut table = self.shared.table();
            if table.is_forsaken() {
                return None;
            }
            if table.get(relay.id()).is_none() && !table.make_room() {
                return None;
            }
            self.shared.add(&mut table, relay, false);
            table.join(relay.id());
        }
        self.shared.publish();
        Some(Joined::new(Arc::clone(&self.shared), relay.id()))
    }

    /// Where packets that arrive go. It must not block.
    pub(crate) fn on_packet(&self, sink: impl Fn(NodeId, NodeId, Bytes) + Send + Sync + 'static) {
        *self.shared.packets.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(sink));
    }

    /// How the legs stand, and every change of it.
    pub(crate) fn watch_state(&self) -> watch::Receiver<RelaysState> {
        self.shared.watch_state()
    }

    /// How the legs stand, with round-trip times as of now.
    pub(crate) fn state(&self) -> RelaysState {
        self.shared.table().state()
    }

    /// The address of a relay whose leg is up.
    pub(crate) fn place(&self, relay: NodeId) -> Option<SocketAddr> {
        self.shared.leg(relay).map(|leg| leg.connection.remote_address())
    }

    /// The network has changed: legs that are down are dialled at once, and those that are up must show that they work.
    pub(crate) fn network_changed(&self) {
        self.shared.network.send_modify(|changes| *changes = changes.wrapping_add(1));
        self.shared.table().hurry();
    }

    /// A byte stream to a peer through a relay, whose leg must be up. Whether the peer is there shows when it is read.
    pub(crate) async fn splice(&self, relay: NodeId, peer: NodeId) -> Result<SplicedStream, LegError> {
        let leg = self.shared.leg(relay).ok_or(LegError::NoLeg)?;
        splice::open(&leg, peer).await
    }

    /// The byte streams that peers have asked relays for. There is one reader.
    pub(crate) fn incoming_splices(&self) -> Option<mpsc::Receiver<Spliced>> {
        self.shared.spliced_rx.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The endpoint is gone. Connections that live on may still need the legs; without any, the legs end too.
    pub(crate) fn forsake(&self) {
        let empty = self.shared.change(Table::forsake);
        if empty {
            self.shared.dialler.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// Waits until what was sent through the legs has left this node's queues, as long as that takes.
    pub(crate) async fn flushed(&self) {
        for leg in self.shared.all_legs() {
            leg.flushed().await;
        }
    }

    /// Ends all legs, and waits until the relays have been told.
    pub(crate) async fn close(&self) {
        let legs = self.shared.all_legs();
        self.end();
        for leg in legs {
            leg.connection.drained().await;
        }
    }

    /// Ends all legs at once, for good.
    pub(crate) fn end(&self) {
        self.shared.dialler.lock().unwrap_or_else(PoisonError::into_inner).take();
        for leg in self.shared.all_legs() {
            leg.connection.close(0, b"endpoint closed");
        }
        // Dropped, they end.
        drop(std::mem::take(&mut *self.shared.keepers.lock().unwrap_or_else(PoisonError::into_inner)));
        self.shared.change(Table::forsake);
        self.shared.change(Table::clear);
    }
}

impl Legs for Relays {
    fn send(&self, to: Via, contents: &[u8], segment_size: usize) {
        if let Some(leg) = self.shared.leg(to.relay) {
            leg.send(to.peer, contents.chunks(segment_size.max(1)));
        }
    }

    fn place(&self, relay: NodeId) -> Option<SocketAddr> {
        self.place(relay)
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leg(&self, relay: NodeId) -> Option<Arc<Leg>> {
        self.legs.read().unwrap_or_else(PoisonError::into_inner).get(&relay).cloned()
    }

    fn all_legs(&self) -> Vec<Arc<Leg>> {
        self.legs.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Adds a relay to the table, and a keeper if it is new.
    fn add(self: &Arc<Self>, table: &mut Table, relay: &RelayAddr, own: bool) {
        if !table.add(relay, own, Instant::now()) {
            return;
        }
        let Some(signals) = table.get(relay.id()).map(|entry| Arc::clone(&entry.signals)) else { return };
        let keeper = self.spawn(keeper::keep(Arc::clone(self), relay.id(), signals));
        table.kept_by(relay.id(), keeper);
    }

    /// Makes these the homes, as chosen; whatever was one ends if nobody else uses it.
    pub(super) fn set_homes(self: &Arc<Self>, choice: u64, homes: &[RelayAddr]) {
        self.change(|table| {
            if !table.is_choice(choice) {
                return;
            }
            table.set_homes(homes.iter().map(RelayAddr::id).collect());
            for home in homes {
                self.add(table, home, true);
            }
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut tasks = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task)
    }

    /// Tells those who watch what is new.
    fn publish(&self) {
        let now = self.table().state();
        self.state.send_if_modified(|known| {
            let changed = *known != now;
            *known = now;
            changed
        });
    }

    /// Changes something in the table, and tells.
    fn change<T>(&self, what: impl FnOnce(&mut Table) -> T) -> T {
        let result = what(&mut self.table());
        self.publish();
        result
    }

    pub(super) fn dialler(&self) -> Result<Arc<LegDialler>, LegError> {
        let dialler = self.dialler.lock().unwrap_or_else(PoisonError::into_inner);
        dialler.clone().ok_or(LegError::EndpointClosed)
    }

    pub(super) fn watch_state(&self) -> watch::Receiver<RelaysState> {
        self.state.subscribe()
    }

    /// Every change of the network.
    pub(super) fn watch_network(&self) -> watch::Receiver<u64> {
        self.network.subscribe()
    }

    /// How one relay stands, with its round-trip time as of now.
    pub(super) fn status(&self, relay: NodeId) -> Option<RelayStatus> {
        self.table().status(relay)
    }

    pub(super) fn addrs(&self, relay: NodeId) -> Vec<RelayAddr> {
        self.table().addrs(relay)
    }

    pub(super) fn is_used(&self, relay: NodeId) -> bool {
        self.table().is_used(relay)
    }

    pub(super) fn remove_unused(&self, relay: NodeId) -> bool {
        let (removed, last) = self.change(|table| (table.remove_unused(relay), table.is_deserted()));
        if last {
            self.dialler.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        removed
    }

    /// How much a leg has carried; changes for as long as it is of use to a connection.
    pub(super) fn traffic(&self, relay: NodeId) -> u64 {
        self.leg(relay).map_or(0, |leg| leg.traffic())
    }

    /// Whether somebody has a byte stream on the leg.
    pub(super) fn has_splices(&self, relay: NodeId) -> bool {
        self.leg(relay).is_some_and(|leg| leg.has_splices())
    }

    pub(super) fn leave(&self, relay: NodeId) {
        self.table().leave(relay);
    }

    /// A leg is up until the guard is dropped.
    pub(super) fn up(self: &Arc<Self>, relay: NodeId, leg: &Arc<Leg>) -> Up {
        let mut legs = self.legs.write().unwrap_or_else(PoisonError::into_inner);
        legs.insert(relay, Arc::clone(leg));
        drop(legs);
        self.change(|table| table.up(relay, leg));
        Up { shared: Arc::clone(self), relay, leg: Arc::clone(leg) }
    }

    pub(super) fn failed(&self, relay: NodeId, error: LegError) {
        self.change(|table| table.failed(relay, error, Instant::now()));
    }

    pub(super) fn observed(&self, relay: NodeId, addr: Option<SocketAddr>) {
        self.change(|table| table.observed(relay, addr));
    }

    pub(super) fn limited(&self, relay: NodeId, limit: Limit, dropped: u32) {
        self.change(|table| table.limited(relay, limit, dropped));
    }

    /// Whether the relay of a leg fails to answer.
    pub(super) fn doubted(&self, relay: NodeId, doubted: bool) {
        self.change(|table| table.doubted(relay, doubted));
    }

    pub(super) fn draining(&self, relay: NodeId) {
        self.change(|table| table.draining(relay));
    }

    pub(super) fn arrived(&self, relay: NodeId, peer: NodeId, packet: Bytes) {
        if let Some(sink) = &*self.packets.read().unwrap_or_else(PoisonError::into_inner) {
            sink(relay, peer, packet);
        }
    }

    pub(super) fn spliced(&self) -> &mpsc::Sender<Spliced> {
        &self.spliced
    }
}

/// A leg is in the table of those that are up.
pub(super) struct Up {
    shared: Arc<Shared>,
    relay: NodeId,
    leg: Arc<Leg>,
}

impl Drop for Up {
    fn drop(&mut self) {
        let mut legs = self.shared.legs.write().unwrap_or_else(PoisonError::into_inner);
        if legs.get(&self.relay).is_some_and(|leg| Arc::ptr_eq(leg, &self.leg)) {
            legs.remove(&self.relay);
        }
    }
}
