//! What the paths of all connections of an endpoint have in common.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foctet_core::path::PathKey;
use foctet_core::{NodeAddr, NodeId, RelayAddr};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits;
use crate::path::DirectPolicy;
use crate::quic::socket::{Sockets, Via};
use crate::relay::RelaysState;

/// Between two resets of the probes' backoff. A reset is for all connections of an endpoint, as noq has it.
const RESET_PAUSE: Duration = Duration::from_secs(1);

/// As that where there is news: several connections mostly have the same at the same time.
const NEWS_PAUSE: Duration = Duration::from_millis(100);

/// So many connections may all be reset for the sake of one: it costs each a packet.
const FEW_CONNECTIONS: usize = 64;

/// See the [module's text](self).
pub(crate) struct PathsShared {
    pub(crate) policy: DirectPolicy,
    /// Whether diallers are told of this node's relays only once the application says so.
    pub(super) tell_relays_late: bool,
    pub(crate) sockets: Arc<Sockets>,
    /// What peers may be told: where this node may be reached over UDP, best first.
    pub(super) own: watch::Sender<Vec<SocketAddr>>,
    /// The relays by which this node is reached, best first.
    pub(super) own_relays: watch::Sender<Vec<RelayAddr>>,
    /// How often the network has changed.
    pub(super) network: watch::Sender<u64>,
    /// Relays that are out of reach.
    pub(super) lost_relays: watch::Sender<BTreeSet<NodeId>>,
    pub(crate) endpoint: noq::Endpoint,
    pub(super) keep_alive_direct: Duration,
    pub(super) keep_alive_relayed: Duration,
    /// Bytes of one connection that may be written and not yet acknowledged.
    pub(super) send_window: u64,
    resets: Mutex<Resets>,
}

#[derive(Default)]
struct Resets {
    connections: usize,
    stalled: usize,
    last: Option<Instant>,
}

impl PathsShared {
    pub(crate) fn new(
        endpoint: noq::Endpoint,
        sockets: Arc<Sockets>,
        policy: DirectPolicy,
        tell_relays_late: bool,
        max_idle_timeout: Duration,
        send_window: u64,
    ) -> Self {
        Self {
            policy,
            tell_relays_late,
            sockets,
            own: watch::Sender::default(),
            own_relays: watch::Sender::default(),
            network: watch::Sender::default(),
            lost_relays: watch::Sender::default(),
            endpoint,
            keep_alive_direct: limits::keep_direct_path_alive(max_idle_timeout),
            keep_alive_relayed: limits::keep_alive(max_idle_timeout),
            send_window,
            resets: Mutex::default(),
        }
    }

    /// Interfaces or addresses have changed, or the machine slept: every connection looks at its paths.
    pub(crate) fn network_changed(&self) {
        self.network.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Keeps what peers may be told up to date, as long as `addr` tells it.
    pub(crate) async fn follow_addr(self: Arc<Self>, mut addr: watch::Receiver<NodeAddr>) {
        loop {
            let (udp, relays) = {
                let addr = addr.borrow_and_update();
                (addr.udp().collect(), addr.relays().to_vec())
            };
            replace(&self.own, udp);
            replace(&self.own_relays, relays);
            if addr.changed().await.is_err() {
                return;
            }
        }
    }

    /// Notes which relays served us and do no more, or do not answer, as long as `relays` tells it.
    pub(crate) async fn follow_relays(self: Arc<Self>, mut relays: watch::Receiver<RelaysState>) {
        loop {
            let lost = {
                let state = relays.borrow_and_update();
                let lost = state.relays.iter().filter(|status| !status.answers());
                lost.map(|status| status.addr.id()).collect::<BTreeSet<_>>()
            };
            let came_back = self.lost_relays.borrow().difference(&lost).next().is_some();
            replace(&self.lost_relays, lost);
            if came_back {
                // What a connection sent there went nowhere, and its next probe may be as far away as the outage was long.
                self.reset_now();
            }
            if relays.changed().await.is_err() {
                return;
            }
        }
    }

    /// A relay leads to a peer in one way.
    pub(super) fn relay_key(relay: NodeId) -> PathKey {
        PathKey::Relay { relay, route: 0 }
    }

    /// Where a path leads that has this address in noq.
    pub(super) fn key(&self, remote: SocketAddr) -> PathKey {
        match self.sockets.relayed().via(remote) {
            Some(via) => Self::relay_key(via.relay),
            None => PathKey::Direct(super::canonical(remote)),
        }
    }

    /// The address that stands for a peer behind a relay, if there is a connection to that.
    pub(super) fn address(&self, relay: NodeId, peer: NodeId) -> Option<SocketAddr> {
        self.sockets.relayed().place(relay)?;
        self.sockets.relayed().address(Via { relay, peer })
    }

    fn resets(&self) -> std::sync::MutexGuard<'_, Resets> {
        self.resets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes every connection probe at once instead of waiting for its backoff. Of many connections most must stand
    /// still: then it is our network, and not one peer that is gone. `news` is that something was heard or has changed just
    /// now. Whether it was done, or a moment ago.
    pub(super) fn reset_backoff(&self, news: bool) -> bool {
        let pause = if news { NEWS_PAUSE } else { RESET_PAUSE / 2 };
        {
            let resets = self.resets();
            if resets.last.is_some_and(|last| last.elapsed() < pause) {
                return true;
            }
            if resets.connections > FEW_CONNECTIONS && resets.stalled * 2 < resets.connections {
                return false;
            }
        }
        self.reset_now();
        true
    }

    fn reset_now(&self) {
        self.resets().last = Some(Instant::now());
        self.endpoint.handle_network_change(Some(Arc::new(Recoverable)));
    }
}

/// Tells what is new, if it is.
fn replace<T: PartialEq>(watched: &watch::Sender<T>, now: T) {
    watched.send_if_modified(|known| {
        let changed = *known != now;
        *known = now;
        changed
    });
}

/// That sockets stay where they are, and no path needs a new one.
#[derive(Debug)]
struct Recoverable;

impl noq::NetworkChangeHint for Recoverable {
    fn is_path_recoverable(&self, _: noq::PathId, _: noq::FourTuple) -> bool {
        true
    }
}

/// One connection's place in the count of those that stand still.
pub(super) struct Counted {
    shared: Arc<PathsShared>,
    stalled: bool,
}

impl Counted {
    pub(super) fn new(shared: Arc<PathsShared>) -> Self {
        shared.resets().connections += 1;
        Self { shared, stalled: false }
    }

    pub(super) fn set_stalled(&mut self, stalled: bool) {
        if std::mem::replace(&mut self.stalled, stalled) != stalled {
            let mut resets = self.shared.resets();
            resets.stalled = if stalled { resets.stalled + 1 } else { resets.stalled.saturating_sub(1) };
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.set_stalled(false);
        let mut resets = self.shared.resets();
        resets.connections = resets.connections.saturating_sub(1);
    }
}
