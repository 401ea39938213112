//! The judge of a connection's paths, at either end, under a list of operations: whatever the network, the peer and time
//! may do. What it wants must be possible, bounded, and leave exactly one path that carries data.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use foctet_core::path::{
    Action, Config, Counters, MAX_CANDIDATES, MAX_PATHS_WATCHED, MAX_ROUNDS_PER_MINUTE, PathAgent, PathKey,
    PathStatus, Role,
};
use foctet_core::{NodeId, SecretKey};

/// More than an agent can want at once: three things of each path, each address told and taken back, and a few more.
const MAX_ACTIONS: usize = 3 * MAX_PATHS_WATCHED + 4 * MAX_CANDIDATES + 16;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Path {
    counters: Counters,
    status: Option<PathStatus>,
    closing: bool,
}

struct Machine {
    role: Role,
    agent: PathAgent,
    now: Instant,
    paths: BTreeMap<u32, Path>,
    next_id: u32,
    relays: [NodeId; 3],
    allowed: bool,
    rounds: VecDeque<Instant>,
}

fn address(choice: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, choice >> 1], u16::from(choice) * 7))
}

impl Machine {
    fn key(&self, choice: u8) -> PathKey {
        match choice & 3 {
            3 => PathKey::Direct(address(choice)),
            relay => {
                PathKey::Relay { relay: self.relays[usize::from(relay)], route: u128::from(choice >> 6) }
            }
        }
    }

    fn id(&self, choice: u8) -> u32 {
        let at = usize::from(choice) % self.paths.len().max(1);
        self.paths.keys().nth(at).copied().unwrap_or(u32::from(choice))
    }

    fn apply(&mut self, op: u8, choice: u8) {
        let (now, id) = (self.now, self.id(choice));
        match op & 0x0f {
            0 => {
                let id = self.next_id;
                self.next_id += 1;
                self.agent.handle_path_opened(now, id, self.key(choice));
                if self.paths.len() < MAX_PATHS_WATCHED {
                    self.paths.insert(id, Path::default());
                }
            }
            1 => {
                self.paths.remove(&id);
                self.agent.handle_path_closed(now, id);
            }
            2 => {
                if let Some(path) = self.paths.get_mut(&id).filter(|path| path.closing) {
                    (path.closing, path.status) = (false, None);
                    self.agent.handle_close_refused(now, id);
                }
            }
            3 => {
                let status = if op & 0x10 == 0 { PathStatus::Available } else { PathStatus::Backup };
                self.agent.handle_remote_status(now, id, status);
            }
            4 => self.agent.handle_relay_lost(now, self.relays[usize::from(choice % 3)]),
            5 => self.agent.handle_relay_back(now, self.relays[usize::from(choice % 3)]),
            6 => {
                let addrs: Vec<_> = (0..op >> 4).map(|n| address(choice.wrapping_add(n))).collect();
                self.agent.handle_local_candidates(now, &addrs);
            }
            7 if op & 0x10 == 0 => self.agent.handle_remote_candidate(now, address(choice)),
            7 => self.agent.handle_remote_candidate_removed(now, address(choice)),
            8 => match op >> 4 {
                0 => self.agent.handle_network_changed(now),
                1 => self.agent.handle_woke_up(now),
                3 => {
                    let keys = [self.key(choice), self.key(choice >> 2), self.key(choice >> 4)];
                    self.agent.handle_relays(now, keys.get(usize::from(choice >> 7)..).unwrap_or_default());
                }
                _ => {
                    self.allowed = true;
                    self.agent.allow_direct(now);
                }
            },
            9 => self.now += Duration::from_millis(u64::from(choice) << (op >> 4)),
            10 => {
                self.agent.handle_timeout(now);
                // The clock may run backwards.
                self.agent
                    .handle_timeout(now.checked_sub(Duration::from_millis(choice.into())).unwrap_or(now));
            }
            11 | 12 => self.moved(id, op & 0x10 != 0, op & 0x20 != 0, choice),
            _ => self.pass_time(choice, op >> 4),
        }
        self.settle();
    }

    fn moved(&mut self, id: u32, sent: bool, received: bool, choice: u8) {
        let Some(path) = self.paths.get_mut(&id) else { return };
        path.counters.sent = path.counters.sent.saturating_add(if sent { u64::from(choice) } else { 0 });
        path.counters.received =
            path.counters.received.saturating_add(if received { u64::from(choice) } else { 0 });
        path.counters.rtt = Duration::from_millis(u64::from(choice));
    }

    /// Some timeouts, each at its time, with counters that move on some of the paths.
    fn pass_time(&mut self, choice: u8, which: u8) {
        for _ in 0..choice & 0x0f {
            let Some(at) = self.agent.poll_timeout() else { return };
            self.now = self.now.max(at);
            for (n, (id, path)) in self.paths.iter_mut().enumerate() {
                if (u32::from(which) >> (n % 4)) & 1 != 0 {
                    path.counters.received += 1;
                }
                path.counters.sent += u64::from(choice >> 7);
                self.agent.handle_counters(self.now, *id, path.counters);
            }
            self.agent.handle_timeout(self.now);
            self.settle();
            let next = self.agent.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a timeout that does not pass");
        }
    }

    fn settle(&mut self) {
        let mut count = 0;
        while let Some(action) = self.agent.poll_action() {
            count += 1;
            assert!(count <= MAX_ACTIONS, "unbounded wishes");
            self.obey(action);
        }
        while self.agent.poll_event().is_some() {}
        let open = || self.paths.iter().filter(|(_, path)| !path.closing);
        let available: Vec<u32> = open()
            .filter(|(_, path)| path.status == Some(PathStatus::Available))
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(available, self.agent.selected().into_iter().collect::<Vec<_>>());
        assert_eq!(available.len(), usize::from(open().next().is_some()), "exactly one path carries data");
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::SetStatus { id, status } => {
                let path = self.paths.get_mut(&id).expect("only open paths have a status");
                assert!(!path.closing && path.status != Some(status));
                path.status = Some(status);
            }
            Action::Ping { id } => assert!(self.paths.contains_key(&id)),
            Action::Close { id, .. } => {
                let path = self.paths.get_mut(&id).expect("only open paths are closed");
                assert!(!path.closing, "closed twice");
                path.closing = true;
                assert!(self.paths.values().any(|path| !path.closing), "the last path must stay");
            }
            Action::StartRound => {
                assert!(self.allowed && self.role == Role::Dialler);
                self.rounds.retain(|at| self.now.saturating_duration_since(*at) < MINUTE);
                self.rounds.push_back(self.now);
                assert!(self.rounds.len() <= MAX_ROUNDS_PER_MINUTE, "too many rounds");
            }
            Action::AddCandidate(addr) => {
                assert!(self.allowed, "an address told too early");
                assert!(addr.port() != 0);
            }
            Action::RemoveCandidate(_) => assert!(self.allowed),
            Action::OpenRelay(key) => assert!(self.role == Role::Dialler && !key.is_direct()),
            Action::ResetBackoff { .. } => assert!(!self.paths.is_empty()),
            _ => {}
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "an Instant has no other beginning; only differences matter")]
pub(crate) fn run(data: &[u8]) {
    let Some((first, ops)) = data.split_first() else { return };
    let role = if first & 1 == 0 { Role::Dialler } else { Role::Acceptor };
    let now = Instant::now();
    let mut machine = Machine {
        role,
        agent: PathAgent::new(now, role, Config::default()),
        now,
        paths: BTreeMap::new(),
        next_id: 0,
        relays: [1, 2, 3].map(|seed| SecretKey::from_bytes([seed; 32]).node_id()),
        allowed: false,
        rounds: VecDeque::new(),
    };
    // More than a few thousand operations show nothing new.
    for op in ops.chunks_exact(2).take(4096) {
        machine.apply(op[0], op[1]);
    }
}
