mod explaining;
mod judging;
mod output;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::candidate::Candidates;
use super::relays::Relays;
use super::rounds::{Rounds, SETTLE};
use super::state::{Deaths, Path};
use super::{ChangeReason, CloseReason, Counters, Event, PathKey, PathStatus};
use crate::NodeId;

/// Paths of one connection that are watched; more are let be.
pub const MAX_PATHS_WATCHED: usize = 16;

/// Events that wait to be taken; the oldest are dropped.
const MAX_EVENTS: usize = 32;

/// How long a path that stands by outlives our connection to its relay. It carries nothing that would have to be sent again; and
/// what ended that connection may be about to end the path that carries the data, when it will be needed. The peer might not
/// even hear that it was closed.
const STANDBY_GRACE: Duration = Duration::from_secs(5);

/// When nobody has called for so long, the machine slept (or the process stood still): the longest sampling pause is a
/// third of it.
const TIME_JUMP: Duration = Duration::from_secs(3);

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The one that connected. It chooses the path and starts NAT traversal rounds.
    Dialler,
    /// The one that accepted. It follows, unless its own evidence speaks against it.
    Acceptor,
}

/// What may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The shortest silence that makes a path suspect where an answer is due, and after which a stream of datagrams
    /// that stops is asked about. By default 200 ms: eight times the peer's largest delay of acknowledgements, so that
    /// its machine may be busy.
    pub silence: Duration,
    /// Whether this side never tells its addresses, and so never gets a direct path. By default no. It changes nothing but
    /// [what is said of it](PathAgent::why_not_direct): without [`PathAgent::allow_direct`] there is none.
    pub relayed_only: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { silence: Duration::from_millis(200), relayed_only: false }
    }
}

/// Why probes shall be sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reset {
    /// Still nothing comes back.
    Stalled,
    /// Something came back, or has changed. The last reset may have been a moment too early.
    News,
}

/// Judges the paths of one connection, from one end. The rules are in the [module's text](super).
#[derive(Debug)]
pub struct PathAgent {
    role: Role,
    config: Config,
    now: Instant,
    paths: Vec<Path>,
    selected: Option<u32>,
    /// Why the path that carried the data until now is no more, if that is so.
    fallen: Option<ChangeReason>,
    /// When another path was chosen for its speed.
    sped_up_at: Option<Instant>,
    deaths: Deaths,
    candidates: Candidates,
    rounds: Rounds,
    relays: Relays,
    stalled: bool,
    /// When the network changed or the machine woke up, until something has come in since.
    unheard_since: Option<Instant>,
    peer_takes_no_part: bool,
    udp_blocked: bool,
    reset_at: Option<Instant>,
    wants_reset: Option<Reset>,
    sampled_at: Instant,
    events: VecDeque<Event>,
}

impl PathAgent {
    /// The agent of a connection that has no path yet.
    pub fn new(now: Instant, role: Role, config: Config) -> Self {
        Self {
            role,
            config,
            now,
            paths: Vec::new(),
            selected: None,
            fallen: None,
            sped_up_at: None,
            deaths: Deaths::default(),
            candidates: Candidates::default(),
            rounds: Rounds::default(),
            relays: Relays::default(),
            stalled: false,
            unheard_since: None,
            peer_takes_no_part: false,
            udp_blocked: false,
            reset_at: None,
            wants_reset: None,
            sampled_at: now,
            events: VecDeque::new(),
        }
    }

    /// A path can carry data. Numbers are never used twice, and one that is open already is left alone.
    pub fn handle_path_opened(&mut self, now: Instant, id: u32, key: PathKey) {
        let now = self.tick(now);
        if self.paths.len() >= MAX_PATHS_WATCHED || self.paths.iter().any(|path| path.id == id) {
            return;
        }
        let mut path = Path::new(now, id, key, self.deaths.of(key));
        if self.paths.is_empty() {
            // The peer has no other.
            path.remote = Some(PathStatus::Available);
        }
        self.paths.push(path);
        // That took a round trip.
        self.unheard_since = None;
        self.relays.opened(now, key);
        self.decide(now);
    }

    /// A path carries nothing any more, whoever closed it.
    pub fn handle_path_closed(&mut self, now: Instant, id: u32) {
        let now = self.tick(now);
        let Some(at) = self.paths.iter().position(|path| path.id == id) else { return };
        let path = self.paths.swap_remove(at);
        if path.key.is_direct() {
            self.deaths.note(path.key);
            self.rounds.ask(now);
        } else {
            self.relays.closed(now, path.key);
        }
        if self.selected == Some(id) {
            self.selected = None;
            self.fallen = Some(match path.closing.map(|closing| closing.why) {
                Some(CloseReason::RelayLost) => ChangeReason::RelayLost,
                Some(CloseReason::NoAnswer) => ChangeReason::NoAnswer,
                Some(CloseReason::RelayLeft) => ChangeReason::RelayLeft,
                None => ChangeReason::Closed,
            });
        }
        self.decide(now);
    }

    /// A path could not be closed, because it is the last one.
    pub fn handle_close_refused(&mut self, now: Instant, id: u32) {
        let now = self.tick(now);
        if let Some(path) = self.path_mut(id) {
            path.closing = None;
            path.told = None;
            path.liveness.forgive(now);
        }
        self.decide(now);
    }

    /// The peer has given a path this status.
    pub fn handle_remote_status(&mut self, now: Instant, id: u32, status: PathStatus) {
        let now = self.tick(now);
        let selected = self.selected;
        if let Some(path) = self.path_mut(id) {
            let before = path.remote.replace(status);
            match status {
                PathStatus::Available => (path.left_at, path.doubted) = (None, false),
                PathStatus::Backup if before == Some(PathStatus::Available) && selected == Some(id) => {
                    path.left_at = Some(now);
                }
                PathStatus::Backup => {}
            }
        }
        self.decide(now);
    }

    /// A sample of a path's counters. All open paths are sampled whenever [`poll_timeout`](Self::poll_timeout) has come,
    /// and then [`handle_timeout`](Self::handle_timeout) is called.
    pub fn handle_counters(&mut self, now: Instant, id: u32, counters: Counters) {
        let now = self.tick(now);
        let unheard_since = self.unheard_since;
        let Some(path) = self.path_mut(id) else { return };
        if path.liveness.observe(now, counters) {
            // So that the peer, too, hears that it works.
            path.wants_ping = true;
        }
        let heard = unheard_since.is_some_and(|since| path.liveness.has_heard_since(since));
        let proved = (path.liveness.round_trips() > 0).then_some(path.key);
        if heard {
            self.unheard_since = None;
        }
        if let Some(key) = proved {
            self.relays.proved(key);
        }
    }

    /// Through these relays the peer can be reached, instead of those before: the dialler keeps a path open through each,
    /// four at most, as it does with relayed paths that were open once. It leaves a path through another relay once one of
    /// these carries packets, and opens it no more.
    pub fn handle_relays(&mut self, now: Instant, keys: &[PathKey]) {
        let now = self.tick(now);
        self.relays.listed(now, keys);
        let mut asks = false;
        for path in &mut self.paths {
            let left = self.relays.is_left(path.key).then(|| path.relay_left.unwrap_or(now));
            asks |= left.is_some() && path.relay_left.is_none();
            path.relay_left = left;
        }
        if asks {
            // Whichever answers takes its place.
            self.paths.iter_mut().filter(|path| path.stands_by()).for_each(|path| path.wants_ping = true);
        }
        self.decide(now);
    }

    /// Our connection to a relay is down: its paths are dead at once. One that carried the data is closed, as soon as there is
    /// another; one that stood by, only if the connection to the relay does not come back.
    pub fn handle_relay_lost(&mut self, now: Instant, relay: NodeId) {
        let now = self.tick(now);
        for path in self.paths.iter_mut().filter(|path| path.key.relay() == Some(relay)) {
            path.relay_lost = true;
            if self.selected != Some(path.id) {
                path.expected_until = Some(now + STANDBY_GRACE);
            }
        }
        self.relays.lost(relay);
        self.decide(now);
    }

    /// Our connection to a relay is up again.
    pub fn handle_relay_back(&mut self, now: Instant, relay: NodeId) {
        let now = self.tick(now);
        for path in self.paths.iter_mut().filter(|path| path.key.relay() == Some(relay)) {
            if path.relay_lost {
                path.relay_lost = false;
                path.wants_ping = true;
                path.liveness.forgive(now);
                // Its probes went nowhere, and are far apart by now.
                self.wants_reset = Some(Reset::News);
            }
        }
        self.relays.back(now, relay);
        self.decide(now);
    }

    /// The addresses at which this node may be reached, best first, instead of those before. The peer is told of
    /// [`MAX_CANDIDATES`](super::MAX_CANDIDATES) at most, and only once [allowed](Self::allow_direct). If they are others than
    /// before, the network has changed, and that need not be told besides.
    pub fn handle_local_candidates(&mut self, now: Instant, addrs: &[SocketAddr]) {
        let now = self.tick(now);
        let change = self.candidates.set_local(addrs);
        if change.moved {
            self.network_changed(now);
        }
        if change.new {
            self.rounds.ask(now + SETTLE);
        }
        self.decide(now);
    }

    /// The peer may be reached at this address, it says.
    pub fn handle_remote_candidate(&mut self, now: Instant, addr: SocketAddr) {
        let now = self.tick(now);
        if self.candidates.add_remote(addr) {
            self.rounds.ask(now + SETTLE);
        }
        self.decide(now);
    }

    /// The peer may no longer be reached at this address.
    pub fn handle_remote_candidate_removed(&mut self, now: Instant, addr: SocketAddr) {
        let now = self.tick(now);
        self.candidates.remove_remote(addr);
        self.decide(now);
    }

    /// The peer does not negotiate NAT traversal: there will be no direct path but what the connection began on.
    pub fn handle_peer_takes_no_part(&mut self) {
        self.peer_takes_no_part = true;
    }

    /// Whether UDP seems to be blocked where we are: relays are reached, and not over UDP.
    pub fn handle_udp_blocked(&mut self, blocked: bool) {
        self.udp_blocked = blocked;
    }

    /// The peer may be told our addresses from now on: the application has accepted it.
    pub fn allow_direct(&mut self, now: Instant) {
        let now = self.tick(now);
        if self.candidates.allow() {
            self.rounds.ask(now);
        }
        self.decide(now);
    }

    /// Interfaces, addresses or routes of this machine have changed: every path is asked, and lost ones are tried again
    /// once something comes back.
    pub fn handle_network_changed(&mut self, now: Instant) {
        let now = self.tick(now);
        self.network_changed(now);
        // What changes with it is told in a moment.
        self.rounds.ask(now + SETTLE);
        self.decide(now);
    }

    /// The machine slept. What happened meanwhile is no evidence; every path is asked. The agent sees it by itself
    /// where its clock goes on in sleep.
    pub fn handle_woke_up(&mut self, now: Instant) {
        let now = self.tick(now);
        self.woke_up(now);
        self.decide(now);
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come, and the counters were sampled.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.tick(now);
        self.sampled_at = now;
        self.decide(now);
    }

    /// The path that carries the data, if there is one.
    pub fn selected(&self) -> Option<u32> {
        self.selected
    }

    /// Whether nothing comes back on any path.
    pub fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// The current time, which never runs backwards; and whether it has jumped.
    fn tick(&mut self, now: Instant) -> Instant {
        let before = self.now;
        self.now = before.max(now);
        if self.now.saturating_duration_since(before) >= TIME_JUMP {
            self.woke_up(self.now);
        }
        self.now
    }

    fn network_changed(&mut self, now: Instant) {
        self.deaths.forget();
        self.rounds.restart();
        self.probe_all(now);
    }

    fn woke_up(&mut self, now: Instant) {
        for path in &mut self.paths {
            path.liveness.forgive(now);
        }
        self.rounds.restart();
        self.probe_all(now);
    }

    fn probe_all(&mut self, now: Instant) {
        for path in self.paths.iter_mut().filter(|path| path.closing.is_none()) {
            path.wants_ping = true;
        }
        self.wants_reset = Some(Reset::News);
        self.unheard_since = Some(now).filter(|_| !self.paths.is_empty());
        self.relays.hurry(now);
    }

    fn path(&self, id: u32) -> Option<&Path> {
        self.paths.iter().find(|path| path.id == id)
    }

    fn path_mut(&mut self, id: u32) -> Option<&mut Path> {
        self.paths.iter_mut().find(|path| path.id == id)
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}
