//! What the paths of all connections of an endpoint have in common.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foctet_core::path::PathKey;
use foctet_core::{NodeAddr, NodeId, RelayAddr};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::limits;
use crate::path::{DirectPolicy, Transport};
use crate::quic::socket::{Sockets, Via, is_mapped};
use crate::relay::{RelayState, RelaysState};

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
    /// Whether relays are reached, and not over UDP, though we try.
    pub(super) udp_blocked: watch::Sender<bool>,
    pub(crate) endpoint: noq::Endpoint,
    pub(super) keep_alive_direct: Duration,
    pub(super) keep_alive_relayed: Duration,
    /// Bytes of one connection that may be written and not yet acknowledged.
    pub(super) send_window: u64,
    resets: Mutex<Resets>,
}

/// How long UDP may take to reach a relay that was reached over TCP.
const UDP_PATIENCE: Duration = Duration::from_secs(5);

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
            udp_blocked: watch::Sender::default(),
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
                (addr.udp().filter(|addr| !is_mapped(addr.ip())).collect(), addr.relays().to_vec())
            };
            replace(&self.own, udp);
            replace(&self.own_relays, relays);
            if addr.changed().await.is_err() {
                return;
            }
        }
    }

    /// Notes which relays served us and do no more, or do not answer, as long as `relays` tells it; and whether UDP leads to
    /// none of them, if they are dialled over `udp` at all.
    pub(crate) async fn follow_relays(self: Arc<Self>, mut relays: watch::Receiver<RelaysState>, udp: bool) {
        let mut over_tcp_since: Option<Instant> = None;
        loop {
            let lost = {
                let state = relays.borrow_and_update();
                over_tcp_since =
                    (udp && are_over_tcp_alone(&state)).then(|| over_tcp_since.unwrap_or_else(Instant::now));
                let lost = state.relays.iter().filter(|status| !status.answers());
                lost.map(|status| status.addr.id()).collect::<BTreeSet<_>>()
            };
            let blocked_at = over_tcp_since.map(|since| since + UDP_PATIENCE);
            let blocked = blocked_at.is_some_and(|at| at <= Instant::now());
            replace(&self.udp_blocked, blocked);
            let came_back = self.lost_relays.borrow().difference(&lost).next().is_some();
            replace(&self.lost_relays, lost);
            if came_back {
                // What a connection sent there went nowhere, and its next probe may be as far away as the outage was long.
                self.reset_now();
            }
            tokio::select! {
                changed = relays.changed() => if changed.is_err() { return },
                () = sleep_until(blocked_at.unwrap_or_else(Instant::now)), if blocked_at.is_some() && !blocked => {}
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

/// Whether there are relays that serve us, and UDP leads to none of them.
fn are_over_tcp_alone(relays: &RelaysState) -> bool {
    let mut up = relays.relays.iter().filter_map(|status| match status.state {
        RelayState::Up { transport, observed_udp, .. } => Some((transport, observed_udp)),
        RelayState::Connecting { .. } => None,
    });
    let mut any = false;
    let over_tcp = up.all(|(transport, observed)| {
        any = true;
        transport == Transport::Tcp && observed.is_none()
    });
    any && over_tcp
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

#[cfg(test)]
mod tests {
    use foctet_core::{RelayHost, SecretKey};

    use super::*;
    use crate::relay::RelayStatus;

    fn relay(state: RelayState) -> RelayStatus {
        let ip = std::net::Ipv4Addr::LOCALHOST;
        let id = SecretKey::from_bytes([1; 32]).node_id();
        RelayStatus { addr: RelayAddr::new(id, RelayHost::Ip(ip.into()), 7), home: true, state }
    }

    fn up(transport: Transport, observed_udp: Option<SocketAddr>) -> RelayStatus {
        relay(RelayState::Up {
            rtt: Duration::ZERO,
            transport,
            remote: SocketAddr::from(([192, 0, 2, 1], 7)),
            observed_udp,
            observed_tcp: None,
            limited: None,
            guest: false,
            draining: false,
            silent: false,
        })
    }

    #[test]
    fn udp_seems_blocked_where_relays_are_reached_and_none_of_them_over_it() {
        let seen = Some(SocketAddr::from(([192, 0, 2, 9], 9)));
        let down = || relay(RelayState::Connecting { since: Instant::now(), failures: 9, last_error: None });
        for (relays, expected) in [
            (vec![], false),
            (vec![down()], false),
            (vec![down(), up(Transport::Tcp, None)], true),
            (vec![up(Transport::Tcp, None), up(Transport::Tcp, seen)], false),
            (vec![up(Transport::Tcp, None), up(Transport::Quic, None)], false),
        ] {
            assert_eq!(are_over_tcp_alone(&RelaysState { relays: relays.clone() }), expected, "{relays:?}");
        }
    }
}
