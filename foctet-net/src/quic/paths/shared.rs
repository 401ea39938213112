//! What the paths of all connections of an endpoint have in common.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foctet_core::path::PathKey;
use foctet_core::{NodeAddr, NodeId};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits;
use crate::path::DirectPolicy;

/// Between two resets of the probes' backoff. A reset is for all connections of an endpoint, as noq has it.
const RESET_PAUSE: Duration = Duration::from_secs(1);

/// Tells paths through relays from others. What is no relay's is direct.
pub(crate) trait Routes: Send + Sync {
    /// Where a path leads that has this address in noq.
    fn key(&self, remote: SocketAddr) -> PathKey;

    /// The address that stands for a relayed path, if it can be opened now.
    fn address(&self, key: PathKey) -> Option<SocketAddr>;
}

/// For an endpoint without relays.
pub(crate) struct NoRelays;

impl Routes for NoRelays {
    fn key(&self, remote: SocketAddr) -> PathKey {
        PathKey::Direct(super::canonical(remote))
    }

    fn address(&self, _: PathKey) -> Option<SocketAddr> {
        None
    }
}

/// Addresses at which this node may be reached over UDP.
#[derive(Debug, Default)]
pub(crate) struct OwnAddresses {
    /// Of our interfaces, best first.
    pub(crate) interfaces: Vec<SocketAddr>,
    /// As relays saw us.
    pub(crate) reflexive: Vec<SocketAddr>,
}

/// See the [module's text](self).
pub(crate) struct PathsShared {
    pub(crate) policy: DirectPolicy,
    pub(crate) routes: Arc<dyn Routes>,
    /// What peers may be told.
    pub(crate) own: watch::Sender<OwnAddresses>,
    /// Relays that are out of reach.
    pub(crate) lost_relays: watch::Sender<BTreeSet<NodeId>>,
    pub(crate) endpoint: noq::Endpoint,
    pub(super) keep_alive_direct: Duration,
    pub(super) keep_alive_relayed: Duration,
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
        policy: DirectPolicy,
        routes: Arc<dyn Routes>,
        max_idle_timeout: Duration,
    ) -> Self {
        Self {
            policy,
            routes,
            own: watch::Sender::default(),
            lost_relays: watch::Sender::default(),
            endpoint,
            keep_alive_direct: limits::keep_direct_path_alive(max_idle_timeout),
            keep_alive_relayed: limits::keep_alive(max_idle_timeout),
            resets: Mutex::default(),
        }
    }

    /// Keeps our interfaces' addresses up to date, as long as `addr` tells them.
    pub(crate) async fn follow(self: Arc<Self>, mut addr: watch::Receiver<NodeAddr>) {
        loop {
            let interfaces: Vec<_> = addr.borrow_and_update().udp().collect();
            self.own.send_if_modified(|own| {
                let changed = own.interfaces != interfaces;
                own.interfaces = interfaces;
                changed
            });
            if addr.changed().await.is_err() {
                return;
            }
        }
    }

    fn resets(&self) -> std::sync::MutexGuard<'_, Resets> {
        self.resets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes every connection probe at once instead of waiting for its backoff. Only where most connections stand
    /// still: then it is our network, and not one peer that is gone. Whether it was done, now or a moment ago.
    pub(super) fn reset_backoff(&self) -> bool {
        let now = Instant::now();
        {
            let mut resets = self.resets();
            if resets.last.is_some_and(|last| now.duration_since(last) < RESET_PAUSE / 2) {
                return true;
            }
            if resets.stalled * 2 < resets.connections {
                return false;
            }
            resets.last = Some(now);
        }
        self.endpoint.handle_network_change(Some(Arc::new(Recoverable)));
        true
    }
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
