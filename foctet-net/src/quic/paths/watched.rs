use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use foctet_core::path::{PathKey, Role};
use foctet_core::{NodeId, RelayAddr};
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use super::driver::Driver;
use super::follower::Follower;
use super::shared::PathsShared;
use super::teller::tell;
use crate::path::{DirectPolicy, PathEvent, PathInfo, PathKind, Transport, WhyNotDirect};
use crate::quic::send_room::SendRoom;
use crate::quic::socket::{Disclosed, Sockets};
use crate::relay::{Joined, Relays};

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
    shared: Arc<PathsShared>,
    room: SendRoom,
    /// Whether the peer may know by which relays this node is reached.
    may_know_relays: watch::Sender<bool>,
    /// By which relays the peer is reached.
    listed: watch::Sender<Vec<NodeId>>,
    driver: Option<AbortHandle>,
    /// What tells the dialler of our relays, or hears of the acceptor's.
    notices: OnceLock<AbortHandle>,
}

/// The open paths of a connection, as its driver knows them.
pub(super) struct PathTable {
    paths: Mutex<Paths>,
    pub(super) events: broadcast::Sender<PathEvent>,
    sockets: Arc<Sockets>,
}

#[derive(Default)]
struct Paths {
    open: Vec<Open>,
    selected: Option<u32>,
    /// Why that is not direct, as its driver's agent sees it.
    why_not_direct: Option<WhyNotDirect>,
    /// Where the peer was last, for when there is no path any more.
    last: Option<SocketAddr>,
}

#[derive(Clone, Copy)]
struct Open {
    id: u32,
    key: PathKey,
    /// Where it leads, or where its relay was when that was last known.
    place: Option<SocketAddr>,
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
        let listed = watch::Sender::new(relays.to_vec());
        let driver = Driver::new(
            &connection,
            role,
            peer,
            Arc::clone(shared),
            Arc::clone(&table),
            allowed.subscribe(),
            listed.subscribe(),
        );
        // With one path there is nothing to choose, as between a node and its relay, which has thousands of them.
        let driver = connection.is_multipath_enabled().then(|| tokio::spawn(driver.run()).abort_handle());
        Self {
            connection,
            table,
            policy: shared.policy,
            allowed,
            first,
            disclosed: OnceLock::new(),
            shared: Arc::clone(shared),
            room: SendRoom::new(shared.send_window),
            may_know_relays: watch::Sender::new(false),
            listed,
            driver,
            notices: OnceLock::new(),
        }
    }

    /// As the dialler: follows the peer from these relays, to which there are these legs, to others that it tells of.
    pub(crate) async fn follow(
        &self,
        relays: &[RelayAddr],
        legs: Vec<Arc<Joined>>,
        all: &Relays,
    ) -> Result<(), noq::ConnectionError> {
        let (mut send, recv) = self.connection.open_bi().await?;
        send.set_priority(i32::MAX).ok();
        // The peer learns of the stream by that. There is nothing to tell it.
        send.finish().ok();
        let follower = Follower::new(recv, relays, legs, all, Arc::clone(&self.table), self.listed.clone());
        self.notices.get_or_init(|| tokio::spawn(follower.run()).abort_handle());
        Ok(())
    }

    /// As the acceptor: takes the stream on which the dialler wants to be told of our relays, its first in both directions.
    pub(crate) async fn take_notices_stream(&self) -> Result<(), noq::ConnectionError> {
        let (send, _nothing) = self.connection.accept_bi().await?;
        send.set_priority(i32::MAX).ok();
        let tell = tell(send, self.shared.own_relays.subscribe(), self.may_know_relays.subscribe());
        self.notices.get_or_init(|| tokio::spawn(tell).abort_handle());
        Ok(())
    }

    /// The application has taken the connection.
    pub(crate) fn accepted(&self) {
        if self.policy == DirectPolicy::WhenAccepted {
            self.allow_direct();
        }
        if !self.shared.tell_relays_late {
            self.may_know_relays.send_replace(true);
        }
    }

    /// The peer may learn our addresses, unless it never may, and our relays.
    pub(crate) fn allow_direct(&self) {
        self.may_know_relays.send_replace(true);
        if self.policy != DirectPolicy::Never {
            // Before the driver acts on it.
            self.disclosed.get_or_init(|| Disclosed::to_peer(&self.table.sockets, self.first));
            self.allowed.send_replace(true);
        }
    }

    /// So many bytes are about to be written: sees to it that there is room for what the paths carry.
    pub(crate) fn make_room(&self, bytes: usize) {
        if !self.room.is_due(bytes) {
            return;
        }
        // The first path has the number 0, also where paths are not watched.
        let ids: Vec<_> = self.table.lock().open.iter().map(|open| open.id).chain([0]).collect();
        let window = |id: u32| self.connection.path_stats(id.into()).map_or(0, |stats| stats.cwnd);
        let window = ids.into_iter().map(window).max();
        if let Some(room) = self.room.fitting(window.unwrap_or(0)) {
            self.connection.set_send_window(room);
        }
    }

    pub(crate) fn path_events(&self) -> broadcast::Receiver<PathEvent> {
        self.table.events.subscribe()
    }

    /// The open paths.
    pub(crate) fn paths(&self) -> Vec<PathInfo> {
        self.table.infos(&self.connection)
    }

    /// Why the path in use is not direct; `None` if it is.
    pub(crate) fn why_not_direct(&self) -> Option<WhyNotDirect> {
        if self.driver.is_none() {
            let relayed = self.paths().iter().any(|path| path.kind == PathKind::Relay);
            return relayed.then_some(WhyNotDirect::PeerTakesNoPart);
        }
        self.table.lock().why_not_direct
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
        for task in self.driver.iter().chain(self.notices.get()) {
            task.abort();
        }
        // As noq does without the last handle; but the stream of notices is one, until its task has ended.
        self.connection.close(noq::VarInt::from_u32(0), b"");
    }
}

impl PathTable {
    fn lock(&self) -> std::sync::MutexGuard<'_, Paths> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn opened(&self, id: u32, key: PathKey) {
        let place = match key {
            PathKey::Direct(remote) => Some(remote),
            PathKey::Relay { relay, .. } => self.sockets.relayed().place(relay),
        };
        let mut paths = self.lock();
        paths.open.push(Open { id, key, place });
        paths.last = place.or(paths.last);
    }

    /// Where a path led that was open.
    pub(super) fn closed(&self, id: u32) -> Option<Option<SocketAddr>> {
        let mut paths = self.lock();
        let at = paths.open.iter().position(|open| open.id == id)?;
        Some(paths.open.remove(at).place)
    }

    /// Whether there is a path through a relay.
    pub(super) fn leads_through(&self, relay: NodeId) -> bool {
        self.lock().open.iter().any(|open| open.key.relay() == Some(relay))
    }

    pub(super) fn select(&self, id: Option<u32>) {
        self.lock().selected = id;
    }

    pub(super) fn explain(&self, why: Option<WhyNotDirect>) {
        self.lock().why_not_direct = why;
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.lock().open.iter().any(|open| open.id == id)
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        self.lock().open.iter().map(|open| open.id).collect()
    }

    fn infos(&self, connection: &noq::Connection) -> Vec<PathInfo> {
        let (open, used) = {
            let paths = self.lock();
            (paths.open.clone(), paths.used())
        };
        open.into_iter().filter_map(|open| self.describe(connection, open, used == Some(open.id))).collect()
    }

    pub(super) fn info(&self, connection: &noq::Connection, id: u32) -> Option<PathInfo> {
        let (open, used) = {
            let paths = self.lock();
            (*paths.open.iter().find(|open| open.id == id)?, paths.used() == Some(id))
        };
        self.describe(connection, open, used)
    }

    fn describe(&self, connection: &noq::Connection, open: Open, in_use: bool) -> Option<PathInfo> {
        let path = connection.path(open.id.into())?;
        let (kind, remote) = match open.key {
            PathKey::Direct(_) => (PathKind::Direct, super::canonical(path.remote_address().ok()?)),
            PathKey::Relay { relay, .. } => {
                let place = self.sockets.relayed().place(relay);
                (PathKind::Relay, self.place(open, place).unwrap_or(UNKNOWN))
            }
        };
        Some(PathInfo {
            kind,
            transport: Transport::Quic,
            remote,
            relay: open.key.relay(),
            rtt: path.stats().rtt,
            in_use,
        })
    }

    /// Where the relay of a path is; where it was, if it is gone.
    fn place(&self, open: Open, now: Option<SocketAddr>) -> Option<SocketAddr> {
        if now != open.place
            && now.is_some()
            && let Some(known) = self.lock().open.iter_mut().find(|known| known.id == open.id)
        {
            known.place = now;
        }
        now.or(open.place)
    }
}

impl Paths {
    fn used(&self) -> Option<u32> {
        self.selected.or_else(|| self.open.first().map(|open| open.id))
    }
}
