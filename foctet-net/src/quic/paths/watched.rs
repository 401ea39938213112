use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use foctet_core::NodeId;
use foctet_core::path::{PathKey, Role};
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use super::driver::Driver;
use super::shared::PathsShared;
use crate::path::{DirectPolicy, PathEvent, PathInfo, PathKind, Transport};
use crate::quic::socket::{Disclosed, Sockets};

/// Path events that wait for a slow reader.
const MAX_EVENTS: usize = 64;

/// In place of an address that is not known any more.
const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A QUIC connection whose paths are watched, as long as this lives.
pub(crate) struct Watched {
    connection: noq::Connection,
    table: Arc<PathTable>,
    policy: DirectPolicy,
    allowed: watch::Sender<bool>,
    /// Where its first packet went.
    first: SocketAddr,
    /// Held once the peer may learn our addresses.
    disclosed: OnceLock<Disclosed>,
    driver: Option<AbortHandle>,
}

/// The open paths of a connection, as its driver knows them.
pub(super) struct PathTable {
    paths: Mutex<Paths>,
    pub(super) events: broadcast::Sender<PathEvent>,
    sockets: Arc<Sockets>,
}

#[derive(Default)]
struct Paths {
    open: Vec<(u32, PathKey)>,
    selected: Option<u32>,
    /// Where the peer was last, for when there is no path any more.
    last: Option<SocketAddr>,
}

impl Watched {
    /// Begins to watch a connection, whose first packet went to `first`; the dialler keeps paths open through all of these
    /// relays.
    pub(crate) fn new(
        connection: noq::Connection,
        role: Role,
        peer: NodeId,
        first: SocketAddr,
        relays: &[NodeId],
        shared: &Arc<PathsShared>,
    ) -> Self {
        let table = Arc::new(PathTable {
            paths: Mutex::default(),
            events: broadcast::Sender::new(MAX_EVENTS),
            sockets: Arc::clone(&shared.sockets),
        });
        let allowed = watch::Sender::new(false);
        let driver = Driver::new(
            &connection,
            role,
            peer,
            relays,
            Arc::clone(shared),
            Arc::clone(&table),
            allowed.subscribe(),
        );
        // With one path there is nothing to choose, as between a node and its relay, which has thousands of them.
        let driver = connection.is_multipath_enabled().then(|| tokio::spawn(driver.run()).abort_handle());
        Self { connection, table, policy: shared.policy, allowed, first, disclosed: OnceLock::new(), driver }
    }

    /// The application has taken the connection.
    pub(crate) fn accepted(&self) {
        if self.policy == DirectPolicy::WhenAccepted {
            self.allow_direct();
        }
    }

    /// The peer may learn our addresses, unless it never may.
    pub(crate) fn allow_direct(&self) {
        if self.policy != DirectPolicy::Never {
            // Before the driver acts on it.
            self.disclosed.get_or_init(|| Disclosed::to_peer(&self.table.sockets, self.first));
            self.allowed.send_replace(true);
        }
    }

    pub(crate) fn path_events(&self) -> broadcast::Receiver<PathEvent> {
        self.table.events.subscribe()
    }

    /// The open paths.
    pub(crate) fn paths(&self) -> Vec<PathInfo> {
        self.table.infos(&self.connection)
    }

    /// The peer's address on the path in use, or the relay's; the last one once there is none.
    pub(crate) fn remote_address(&self) -> SocketAddr {
        let (used, last) = {
            let paths = self.table.lock();
            (paths.used(), paths.last)
        };
        let used = used.and_then(|id| self.table.info(&self.connection, id));
        used.map(|path| path.remote).or(last).unwrap_or(UNKNOWN)
    }

    /// The round-trip time of the path in use.
    pub(crate) fn rtt(&self) -> Duration {
        let used = self.table.lock().used();
        used.and_then(|id| self.connection.rtt(id.into())).unwrap_or_default()
    }
}

impl Deref for Watched {
    type Target = noq::Connection;

    fn deref(&self) -> &noq::Connection {
        &self.connection
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

impl PathTable {
    fn lock(&self) -> std::sync::MutexGuard<'_, Paths> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn opened(&self, id: u32, key: PathKey, remote: Option<SocketAddr>) {
        let mut paths = self.lock();
        paths.open.push((id, key));
        paths.last = remote.or(paths.last);
    }

    /// The key of a path that was open.
    pub(super) fn closed(&self, id: u32) -> Option<PathKey> {
        let mut paths = self.lock();
        let at = paths.open.iter().position(|(open, _)| *open == id)?;
        Some(paths.open.remove(at).1)
    }

    pub(super) fn select(&self, id: Option<u32>) {
        self.lock().selected = id;
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.lock().open.iter().any(|(open, _)| *open == id)
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        self.lock().open.iter().map(|(id, _)| *id).collect()
    }

    fn infos(&self, connection: &noq::Connection) -> Vec<PathInfo> {
        let (open, used) = {
            let paths = self.lock();
            (paths.open.clone(), paths.used())
        };
        open.into_iter()
            .filter_map(|(id, key)| self.describe(connection, id, key, used == Some(id)))
            .collect()
    }

    pub(super) fn info(&self, connection: &noq::Connection, id: u32) -> Option<PathInfo> {
        let (key, used) = {
            let paths = self.lock();
            (paths.open.iter().find(|(open, _)| *open == id)?.1, paths.used() == Some(id))
        };
        self.describe(connection, id, key, used)
    }

    fn describe(
        &self,
        connection: &noq::Connection,
        id: u32,
        key: PathKey,
        in_use: bool,
    ) -> Option<PathInfo> {
        let path = connection.path(id.into())?;
        let (kind, remote) = match key {
            PathKey::Direct(_) => (PathKind::Direct, super::canonical(path.remote_address().ok()?)),
            // A relay that is gone has no address; the path to it ends soon.
            PathKey::Relay { relay, .. } => {
                (PathKind::Relay, self.sockets.relayed().place(relay).unwrap_or(UNKNOWN))
            }
        };
        Some(PathInfo {
            kind,
            transport: Transport::Quic,
            remote,
            relay: key.relay(),
            rtt: path.stats().rtt,
            in_use,
        })
    }
}

impl Paths {
    fn used(&self) -> Option<u32> {
        self.selected.or_else(|| self.open.first().map(|(id, _)| *id))
    }
}
