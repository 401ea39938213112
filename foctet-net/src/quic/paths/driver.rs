use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foctet_core::NodeId;
use foctet_core::path::{Action, Config, Counters, Event, PathAgent, PathStatus, Role};
use futures_core::Stream;
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::canonical;
use super::shared::{Counted, PathsShared};
use super::watched::PathTable;
use crate::path::{DirectPolicy, PathEvent, Transport};
use crate::quic::config::MAX_PATHS;
use crate::quic::socket::is_mapped;

/// How long to wait where the agent has nothing to wait for.
const IDLE: Duration = Duration::from_secs(1);

/// Watches the paths of one connection from one end, and does what its agent says. Does not keep the connection alive.
pub(super) struct Driver {
    connection: noq::WeakConnectionHandle,
    role: Role,
    shared: Arc<PathsShared>,
    table: Arc<PathTable>,
    agent: PathAgent,
    closed: noq::OnClosed,
    paths: noq::PathEvents,
    told: noq::NatTraversalUpdates,
    allowed: watch::Receiver<bool>,
    own: watch::Receiver<Vec<SocketAddr>>,
    network: watch::Receiver<u64>,
    lost_relays: watch::Receiver<BTreeSet<NodeId>>,
    lost: BTreeSet<NodeId>,
    /// Whether relays are reached, and not over UDP.
    udp_blocked: watch::Receiver<bool>,
    /// The relays by which the peer is reached, as it tells.
    listed: watch::Receiver<Vec<NodeId>>,
    peer: NodeId,
    /// Whether this node ever had an address that others than itself can reach.
    had_network: bool,
    /// Whether the peer was told an address of ours.
    has_told: bool,
    /// Where the peer says that it may be reached.
    remote: BTreeSet<SocketAddr>,
    samples: BTreeMap<u32, Sample>,
    counted: Counted,
    /// Above every number that a path has had.
    next_id: u32,
}

/// What was last seen of a path's counters.
#[derive(Default)]
struct Sample {
    sent: u64,
    probes: u64,
    /// Bytes that may have been MTU probes, which a healthy path may swallow (RFC 8899).
    discounted: u64,
}

impl Driver {
    pub(super) fn new(
        connection: &noq::Connection,
        role: Role,
        peer: NodeId,
        shared: Arc<PathsShared>,
        table: Arc<PathTable>,
        allowed: watch::Receiver<bool>,
        listed: watch::Receiver<Vec<NodeId>>,
    ) -> Self {
        let mut lost_relays = shared.lost_relays.subscribe();
        lost_relays.mark_changed();
        let mut own = shared.own.subscribe();
        own.mark_changed();
        let mut config = Config::default();
        config.relayed_only = shared.policy == DirectPolicy::Never;
        let mut udp_blocked = shared.udp_blocked.subscribe();
        udp_blocked.mark_changed();
        let mut driver = Self {
            connection: connection.weak_handle(),
            role,
            table,
            agent: PathAgent::new(now(), role, config),
            closed: connection.on_closed(),
            paths: connection.path_events(),
            told: connection.nat_traversal_updates(),
            allowed,
            own,
            network: shared.network.subscribe(),
            lost_relays,
            lost: BTreeSet::new(),
            udp_blocked,
            listed,
            peer,
            had_network: false,
            has_told: false,
            remote: BTreeSet::new(),
            samples: BTreeMap::new(),
            counted: Counted::new(Arc::clone(&shared)),
            next_id: 0,
            shared,
        };
        driver.opened(connection, 0);
        if !driver.listed.borrow().is_empty() {
            driver.learn_listed();
        }
        driver
    }

    /// Runs until the connection is over.
    pub(super) async fn run(mut self) {
        if let Some(connection) = self.connection.upgrade() {
            self.learn_remote(&connection);
            self.settle(&connection);
        }
        loop {
            let at = self.agent.poll_timeout().unwrap_or_else(|| now() + IDLE);
            let woken = tokio::select! {
                biased;
                _ = &mut self.closed => Woken::Closed,
                event = next(&mut self.paths) => match event {
                    Some(Ok(event)) => Woken::Path(event),
                    Some(Err(_)) => Woken::Lagged,
                    None => Woken::Closed,
                },
                // What it says is in the connection too.
                told = next(&mut self.told) => if told.is_some() { Woken::Told } else { Woken::Closed },
                Ok(()) = self.allowed.changed() => Woken::Allowed,
                Ok(()) = self.own.changed() => Woken::Own,
                Ok(()) = self.network.changed() => Woken::Network,
                Ok(()) = self.lost_relays.changed() => Woken::Relays,
                Ok(()) = self.listed.changed() => Woken::Listed,
                Ok(()) = self.udp_blocked.changed() => Woken::Udp,
                () = sleep_until(at.into()) => Woken::Timeout,
            };
            let Some(connection) = self.connection.upgrade() else { return };
            match woken {
                Woken::Closed => return,
                Woken::Path(event) => self.path_event(&connection, &event),
                Woken::Lagged => self.look_again(&connection),
                Woken::Told => self.learn_remote(&connection),
                Woken::Allowed => {
                    if *self.allowed.borrow_and_update() {
                        self.agent.allow_direct(now());
                    }
                }
                Woken::Own => self.learn_own(&connection),
                Woken::Network => self.agent.handle_network_changed(now()),
                Woken::Relays => self.learn_relays(),
                Woken::Listed => self.learn_listed(),
                Woken::Udp => self.agent.handle_udp_blocked(*self.udp_blocked.borrow_and_update()),
                Woken::Timeout => self.sample(&connection),
            }
            self.settle(&connection);
        }
    }

    fn path_event(&mut self, connection: &noq::Connection, event: &noq::PathEvent) {
        match event {
            noq::PathEvent::Established { id, .. } => self.opened(connection, number(*id)),
            noq::PathEvent::Abandoned { id, reason, .. } => self.closed(number(*id), reason),
            noq::PathEvent::RemoteStatus { id, status, .. } => {
                self.agent.handle_remote_status(now(), number(*id), from_noq(*status));
            }
            _ => {}
        }
    }

    fn opened(&mut self, connection: &noq::Connection, id: u32) {
        self.next_id = self.next_id.max(id.saturating_add(1));
        if self.table.contains(id) {
            return;
        }
        let Some(path) = connection.path(id.into()) else { return };
        let Ok(remote) = path.remote_address() else { return };
        let key = self.shared.key(remote);
        let keep_alive =
            if key.is_direct() { self.shared.keep_alive_direct } else { self.shared.keep_alive_relayed };
        path.set_keep_alive_interval(Some(keep_alive)).ok();
        self.table.opened(id, key);
        self.samples.insert(id, Sample::default());
        self.agent.handle_path_opened(now(), id, key);
        self.table.select(self.agent.selected());
        if let Some(info) = self.table.info(connection, id) {
            self.tell(PathEvent::Opened(info));
        }
    }

    fn closed(&mut self, id: u32, reason: impl std::fmt::Debug) {
        self.samples.remove(&id);
        if let Some(remote) = self.table.closed(id) {
            self.tell(PathEvent::Closed {
                transport: Transport::Quic,
                remote,
                why: format!("{reason:?}").into(),
            });
        }
        self.agent.handle_path_closed(now(), id);
    }

    /// Some events are lost: looks at what there is.
    fn look_again(&mut self, connection: &noq::Connection) {
        for id in self.table.ids() {
            if connection.path(id.into()).is_none() {
                self.closed(id, "the event was missed");
            }
        }
        for id in self.next_id..self.next_id.saturating_add(MAX_PATHS) {
            self.opened(connection, id);
        }
        self.learn_remote(connection);
    }

    /// Only the dialler is told, and only by a peer that allows it.
    fn learn_remote(&mut self, connection: &noq::Connection) {
        if self.role == Role::Acceptor {
            return;
        }
        let Ok(told) = connection.get_remote_nat_traversal_addresses() else {
            self.agent.handle_peer_takes_no_part();
            return;
        };
        let told: BTreeSet<_> = told.into_iter().map(canonical).collect();
        for gone in self.remote.difference(&told) {
            self.agent.handle_remote_candidate_removed(now(), *gone);
        }
        for new in told.difference(&self.remote) {
            // A stand-in for a relayed peer means something to us alone.
            if !is_mapped(new.ip()) {
                self.agent.handle_remote_candidate(now(), *new);
            }
        }
        self.remote = told;
    }

    fn learn_own(&mut self, connection: &noq::Connection) {
        let near = connection
            .path(noq::PathId::ZERO)
            .and_then(|path| path.remote_address().ok())
            .is_some_and(|remote| canonical(remote).ip().is_loopback());
        let own = self.own.borrow_and_update().clone();
        self.had_network |= own.iter().any(|addr| !addr.ip().is_loopback());
        // Loopback says nothing to another machine. Where there never was anything else, both are most likely on this one.
        let near = near || !self.had_network;
        let mut addrs: Vec<SocketAddr> = Vec::new();
        for addr in own {
            if (near || !addr.ip().is_loopback()) && !addrs.contains(&addr) {
                addrs.push(addr);
            }
        }
        self.agent.handle_local_candidates(now(), &addrs);
    }

    fn learn_relays(&mut self) {
        let lost = self.lost_relays.borrow_and_update().clone();
        for relay in lost.difference(&self.lost) {
            self.agent.handle_relay_lost(now(), *relay);
        }
        for relay in self.lost.difference(&lost) {
            self.agent.handle_relay_back(now(), *relay);
        }
        self.lost = lost;
    }

    fn learn_listed(&mut self) {
        let keys: Vec<_> =
            self.listed.borrow_and_update().iter().copied().map(PathsShared::relay_key).collect();
        self.agent.handle_relays(now(), &keys);
    }

    fn sample(&mut self, connection: &noq::Connection) {
        let now = now();
        for (id, sample) in &mut self.samples {
            if let Some(path) = connection.path((*id).into()) {
                self.agent.handle_counters(now, *id, sample.take(&path.stats()));
            }
        }
        self.agent.handle_timeout(now);
    }

    /// Does what the agent wants.
    fn settle(&mut self, connection: &noq::Connection) {
        while let Some(action) = self.agent.poll_action() {
            self.act(connection, action);
        }
        self.table.select(self.agent.selected());
        self.table.explain(self.agent.why_not_direct());
        self.counted.set_stalled(self.agent.is_stalled());
        while let Some(event) = self.agent.poll_event() {
            if let Event::Changed { to, why, .. } = event
                && let Some(path) = self.table.info(connection, to)
            {
                tracing::debug!(path = to, remote = %path.remote, %why, "another path carries the data");
                self.tell(PathEvent::Selected { path, why: why.to_string().into() });
            }
        }
    }

    fn act(&mut self, connection: &noq::Connection, action: Action) {
        match action {
            Action::SetStatus { id, status } => {
                if let Some(path) = connection.path(id.into()) {
                    // It fails where the peer speaks no multipath, and there is one path then.
                    path.set_status(to_noq(status)).ok();
                }
            }
            Action::Ping { id } => ping(connection, id),
            Action::Close { id, why } => {
                tracing::debug!(path = id, %why, "a path is closed");
                if connection.path(id.into()).is_some_and(|path| path.close().is_err()) {
                    self.agent.handle_close_refused(now(), id);
                }
            }
            Action::StartRound => {
                let probed = connection.initiate_nat_traversal_round().map_or(0, |probed| probed.len());
                tracing::debug!(addresses = probed, "a NAT traversal round");
            }
            Action::AddCandidate(addr) => match connection.add_nat_traversal_address(addr) {
                Ok(()) => self.has_told = true,
                // It wants none at all. Where it wants some, the best were first.
                Err(_) if !self.has_told => self.agent.handle_peer_takes_no_part(),
                Err(_) => {}
            },
            Action::RemoveCandidate(addr) => {
                connection.remove_nat_traversal_address(addr).ok();
            }
            Action::OpenRelay(key) => {
                if let Some(addr) = key.relay().and_then(|relay| self.shared.address(relay, self.peer)) {
                    // That it opened is told by an event.
                    drop(connection.open_path_ensure(addr, noq::PathStatus::Backup));
                }
            }
            Action::ResetBackoff { news } if self.shared.reset_backoff(news) => {}
            Action::ResetBackoff { .. } => self.table.ids().into_iter().for_each(|id| ping(connection, id)),
            _ => {}
        }
    }

    fn tell(&self, event: PathEvent) {
        // Nobody may be listening, which is fine.
        self.table.events.send(event).ok();
    }
}

/// What woke the driver.
enum Woken {
    Closed,
    Path(noq::PathEvent),
    Lagged,
    Told,
    Allowed,
    Own,
    Network,
    Relays,
    Listed,
    Udp,
    Timeout,
}

impl Sample {
    fn take(&mut self, stats: &noq::PathStats) -> Counters {
        // Packets that only acknowledge are not in these bytes. If MTU probes are, nothing of this sample counts: what
        // else was sent is sent again where it is not answered.
        let probes = stats.sent_plpmtud_probes;
        if probes != self.probes {
            self.discounted += stats.sent_bytes.saturating_sub(self.sent);
        }
        (self.sent, self.probes) = (stats.sent_bytes, probes);
        Counters {
            sent: stats.sent_bytes.saturating_sub(self.discounted),
            received: stats.udp_rx.datagrams,
            rtt: stats.rtt,
        }
    }
}

/// The number of a path, which noq tells only by comparison.
fn number(id: noq::PathId) -> u32 {
    (0..u32::BITS)
        .rev()
        .map(|bit| 1 << bit)
        .fold(0, |number, bit| if noq::PathId::from(number | bit) <= id { number | bit } else { number })
}

fn ping(connection: &noq::Connection, id: u32) {
    if let Some(path) = connection.path(id.into()) {
        path.ping().ok();
    }
}

fn to_noq(status: PathStatus) -> noq::PathStatus {
    match status {
        PathStatus::Available => noq::PathStatus::Available,
        PathStatus::Backup => noq::PathStatus::Backup,
    }
}

fn from_noq(status: noq::PathStatus) -> PathStatus {
    match status {
        noq::PathStatus::Available => PathStatus::Available,
        noq::PathStatus::Backup => PathStatus::Backup,
    }
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// By tokio's clock, which is noq's, and which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
