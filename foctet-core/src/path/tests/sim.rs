//! Two agents, each over a sender and receiver that behave like QUIC's as far as counters can tell: a window, probes
//! with backoff, acknowledgements, data sent again when it is lost or its path closed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::SecretKey;
use crate::path::{Action, Config, Counters, Event, PathAgent, PathKey, PathStatus, Role};

/// Packets in flight on a path.
const WINDOW: usize = 20;

pub(super) const DIALLER: usize = 0;
pub(super) const ACCEPTOR: usize = 1;

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn relay(n: u8) -> PathKey {
    PathKey::Relay { relay: SecretKey::from_bytes([n; 32]).node_id(), route: n.into() }
}

pub(super) fn direct(n: u8) -> PathKey {
    PathKey::Direct(std::net::SocketAddr::from(([192, 0, 2, n], 1000)))
}

/// What a key stands for in the world.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) one_way: Duration,
    pub(super) loss_per_mille: u64,
    /// For what each end sends.
    pub(super) dead: [bool; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Bulk(u64),
    Ping,
    Status { id: u32, available: bool, seq: u64 },
    Abandon { id: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Packet {
    Eliciting {
        number: u64,
        unit: Unit,
    },
    /// Takes the path that its sender sends on, as noq's do.
    Ack {
        path: u32,
        number: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Arrive { to: usize, id: u32, packet: Packet },
    Probe { of: usize, id: u32, generation: u64 },
    Open { id: u32 },
    Script(usize),
}

struct Flow {
    key: PathKey,
    counters: Counters,
    variation: Duration,
    next: u64,
    flying: BTreeMap<u64, (Unit, Instant)>,
    backoff: u32,
    generation: u64,
    available: bool,
}

impl Flow {
    fn pto(&self) -> Duration {
        (self.counters.rtt + (self.variation * 4).max(ms(1)) + ms(25)) * (1 << self.backoff)
    }
}

pub(super) struct End {
    pub(super) agent: PathAgent,
    flows: BTreeMap<u32, Flow>,
    waiting: VecDeque<Unit>,
    pub(super) bulk: bool,
    next_bulk: u64,
    seen: BTreeSet<u64>,
    statuses: BTreeMap<u32, u64>,
    next_status: u64,
    pub(super) last_delivery: Instant,
    /// The longest time without new bulk data from the other end, since it was last looked at.
    pub(super) longest_gap: Duration,
    pub(super) events: Vec<(Duration, Event)>,
    pub(super) actions: Vec<(Duration, Action)>,
}

type Script = Box<dyn FnMut(&mut Sim)>;

pub(super) struct Sim {
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) ends: [End; 2],
    pub(super) links: BTreeMap<PathKey, Link>,
    /// What a round finds, if its link is alive.
    pub(super) found_by_rounds: Vec<PathKey>,
    queue: BinaryHeap<Reverse<(Instant, u64, Happening)>>,
    scripts: Vec<Option<Script>>,
    opening: BTreeMap<u32, PathKey>,
    next_id: u32,
    order: u64,
    random: u64,
}

impl Sim {
    #[allow(
        clippy::disallowed_methods,
        reason = "an Instant has no other beginning; only differences matter"
    )]
    pub(super) fn new(seed: u64) -> Self {
        let start = Instant::now();
        let end = |role| End {
            agent: PathAgent::new(start, role, Config::default()),
            flows: BTreeMap::new(),
            waiting: VecDeque::new(),
            bulk: false,
            next_bulk: 0,
            seen: BTreeSet::new(),
            statuses: BTreeMap::new(),
            next_status: 0,
            last_delivery: start,
            longest_gap: Duration::ZERO,
            events: Vec::new(),
            actions: Vec::new(),
        };
        Self {
            start,
            now: start,
            ends: [end(Role::Dialler), end(Role::Acceptor)],
            links: BTreeMap::new(),
            found_by_rounds: Vec::new(),
            queue: BinaryHeap::new(),
            scripts: Vec::new(),
            opening: BTreeMap::new(),
            next_id: 0,
            order: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// A link, and a path over it that is open at both ends.
    pub(super) fn with_path(mut self, key: PathKey, rtt: u64) -> Self {
        self = self.with_link(key, rtt);
        let id = self.next_id;
        self.next_id += 1;
        self.open(id, key);
        self
    }

    pub(super) fn with_link(mut self, key: PathKey, rtt: u64) -> Self {
        self.links.insert(key, Link { one_way: ms(rtt) / 2, loss_per_mille: 0, dead: [false; 2] });
        self
    }

    pub(super) fn with_loss(mut self, per_mille: u64) -> Self {
        self.links.values_mut().for_each(|link| link.loss_per_mille = per_mille);
        self
    }

    pub(super) fn at(&mut self, at: Duration, script: impl FnMut(&mut Self) + 'static) {
        self.scripts.push(Some(Box::new(script)));
        let script = Happening::Script(self.scripts.len() - 1);
        self.schedule(self.start + at, script);
    }

    pub(super) fn blackhole(&mut self, key: PathKey, dead: bool) {
        self.links.get_mut(&key).unwrap().dead = [dead; 2];
    }

    /// Forgets the stalls until now.
    pub(super) fn measure(&mut self) {
        for end in &mut self.ends {
            end.longest_gap = Duration::ZERO;
            end.last_delivery = self.now;
        }
    }

    pub(super) fn selected(&self, end: usize) -> Option<PathKey> {
        let id = self.ends[end].agent.selected()?;
        self.ends[end].flows.get(&id).map(|flow| flow.key)
    }

    pub(super) fn count(&self, end: usize, which: impl Fn(&Action) -> bool) -> usize {
        self.ends[end].actions.iter().filter(|(_, action)| which(action)).count()
    }

    pub(super) fn open_paths(&self, end: usize) -> Vec<PathKey> {
        self.ends[end].flows.values().map(|flow| flow.key).collect()
    }

    pub(super) fn run(&mut self, until: Duration) {
        let until = self.start + until;
        self.settle();
        loop {
            let timeouts = [self.ends[0].agent.poll_timeout(), self.ends[1].agent.poll_timeout()];
            let timeout = timeouts.into_iter().flatten().min();
            let event = self.queue.peek().map(|Reverse((at, ..))| *at);
            let Some(next) = [timeout, event].into_iter().flatten().min().filter(|next| *next <= until)
            else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            if event.is_some_and(|at| at <= self.now) {
                let Reverse((_, _, happening)) = self.queue.pop().unwrap();
                self.happen(happening);
            } else {
                for (end, timeout) in timeouts.into_iter().enumerate() {
                    if timeout.is_some_and(|at| at <= self.now) {
                        self.sample(end);
                    }
                }
            }
            self.settle();
        }
    }

    fn sample(&mut self, end: usize) {
        let End { agent, flows, .. } = &mut self.ends[end];
        for (id, flow) in flows {
            agent.handle_counters(self.now, *id, flow.counters);
        }
        agent.handle_timeout(self.now);
    }

    fn schedule(&mut self, at: Instant, happening: Happening) {
        self.order += 1;
        self.queue.push(Reverse((at, self.order, happening)));
    }

    fn chance(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % 1000
    }

    fn open(&mut self, id: u32, key: PathKey) {
        let rtt = self.links[&key].one_way * 2;
        for end in &mut self.ends {
            let counters = Counters { sent: 0, received: 0, rtt };
            let flow = Flow {
                key,
                counters,
                variation: rtt / 2,
                next: 0,
                flying: BTreeMap::new(),
                backoff: 0,
                generation: 0,
                available: false,
            };
            end.flows.insert(id, flow);
            end.agent.handle_path_opened(self.now, id, key);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Script(at) => {
                let mut script = self.scripts[at].take().unwrap();
                script(self);
            }
            Happening::Open { id } => {
                let key = self.opening.remove(&id).unwrap();
                if self.links[&key].dead == [false; 2] {
                    self.open(id, key);
                }
            }
            Happening::Arrive { to, id, packet } => self.arrive(to, id, packet),
            Happening::Probe { of, id, generation } => {
                let Some(flow) = self.ends[of].flows.get_mut(&id) else { return };
                if flow.generation != generation || flow.flying.is_empty() {
                    return;
                }
                flow.backoff = (flow.backoff + 1).min(10);
                self.send(of, id, Unit::Ping);
                self.send(of, id, Unit::Ping);
            }
        }
    }

    fn arrive(&mut self, to: usize, id: u32, packet: Packet) {
        let Some(flow) = self.ends[to].flows.get_mut(&id) else { return };
        flow.counters.received += 1;
        match packet {
            Packet::Ack { path: id, number } => {
                let Some(flow) = self.ends[to].flows.get_mut(&id) else { return };
                let Some((_, sent_at)) = flow.flying.remove(&number) else { return };
                let took = self.now - sent_at;
                flow.variation = (flow.variation * 3 + took.abs_diff(flow.counters.rtt)) / 4;
                flow.counters.rtt = (flow.counters.rtt * 7 + took) / 8;
                flow.backoff = 0;
                let lost: Vec<u64> = flow.flying.range(..number.saturating_sub(2)).map(|(n, _)| *n).collect();
                let units: Vec<Unit> = lost
                    .iter()
                    .filter_map(|number| flow.flying.remove(number))
                    .map(|(unit, _)| unit)
                    .collect();
                self.ends[to].waiting.extend(units.into_iter().filter(|unit| *unit != Unit::Ping));
                self.arm(to, id);
            }
            Packet::Eliciting { number, unit } => {
                let flows = &self.ends[to].flows;
                let over = flows.iter().find(|(_, flow)| flow.available).map_or(id, |(over, _)| *over);
                self.transmit(to, over, Packet::Ack { path: id, number });
                self.deliver(to, unit);
            }
        }
    }

    fn deliver(&mut self, to: usize, unit: Unit) {
        let now = self.now;
        let end = &mut self.ends[to];
        match unit {
            Unit::Ping => {}
            Unit::Bulk(n) => {
                if end.seen.insert(n) {
                    end.longest_gap = end.longest_gap.max(now - end.last_delivery);
                    end.last_delivery = now;
                }
            }
            Unit::Status { id, available, seq } => {
                let known = end.statuses.entry(id).or_default();
                if *known < seq && end.flows.contains_key(&id) {
                    *known = seq;
                    let status = if available { PathStatus::Available } else { PathStatus::Backup };
                    end.agent.handle_remote_status(now, id, status);
                }
            }
            Unit::Abandon { id } => self.closed(to, id),
        }
    }

    fn closed(&mut self, end: usize, id: u32) {
        let Some(flow) = self.ends[end].flows.remove(&id) else { return };
        let units = flow.flying.into_values().map(|(unit, _)| unit).filter(|unit| *unit != Unit::Ping);
        self.ends[end].waiting.extend(units);
        self.ends[end].agent.handle_path_closed(self.now, id);
    }

    fn arm(&mut self, of: usize, id: u32) {
        let Some(flow) = self.ends[of].flows.get_mut(&id) else { return };
        flow.generation += 1;
        let (at, generation) = (self.now + flow.pto(), flow.generation);
        self.schedule(at, Happening::Probe { of, id, generation });
    }

    fn send(&mut self, from: usize, id: u32, unit: Unit) {
        let Some(flow) = self.ends[from].flows.get_mut(&id) else { return };
        let number = flow.next;
        flow.next += 1;
        flow.counters.sent += 1;
        flow.flying.insert(number, (unit, self.now));
        self.transmit(from, id, Packet::Eliciting { number, unit });
        self.arm(from, id);
    }

    fn transmit(&mut self, from: usize, id: u32, packet: Packet) {
        let key = self.ends[from].flows[&id].key;
        let link = self.links[&key];
        if link.dead[from] || self.chance() < link.loss_per_mille {
            return;
        }
        self.schedule(self.now + link.one_way, Happening::Arrive { to: 1 - from, id, packet });
    }

    /// Does what the agents want, and sends what may be sent.
    fn settle(&mut self) {
        for end in 0..2 {
            while let Some(action) = self.ends[end].agent.poll_action() {
                self.ends[end].actions.push((self.now - self.start, action));
                self.act(end, action);
            }
            while let Some(event) = self.ends[end].agent.poll_event() {
                self.ends[end].events.push((self.now - self.start, event));
            }
            self.fill(end);
        }
    }

    fn act(&mut self, end: usize, action: Action) {
        match action {
            Action::SetStatus { id, status } => {
                let available = status == PathStatus::Available;
                if let Some(flow) = self.ends[end].flows.get_mut(&id) {
                    flow.available = available;
                }
                self.ends[end].next_status += 1;
                let seq = self.ends[end].next_status;
                self.ends[end].waiting.push_back(Unit::Status { id, available, seq });
            }
            Action::Ping { id } => self.send(end, id, Unit::Ping),
            Action::Close { id, .. } => {
                assert!(self.ends[end].flows.len() > 1, "the last path must stay");
                self.closed(end, id);
                self.ends[end].waiting.push_front(Unit::Abandon { id });
            }
            Action::StartRound => {
                for key in self.found_by_rounds.clone() {
                    let open = self.ends[end].flows.values().any(|flow| flow.key == key);
                    let opening = self.opening.values().any(|opening| *opening == key);
                    if !open && !opening {
                        self.begin_open(key);
                    }
                }
            }
            Action::OpenRelay(key) => self.begin_open(key),
            Action::ResetBackoff { .. } => {
                let ids: Vec<u32> = self.ends[end].flows.keys().copied().collect();
                for id in ids {
                    self.ends[end].flows.get_mut(&id).unwrap().backoff = 0;
                    self.send(end, id, Unit::Ping);
                }
            }
            Action::AddCandidate(_) | Action::RemoveCandidate(_) => {}
        }
    }

    fn begin_open(&mut self, key: PathKey) {
        let id = self.next_id;
        self.next_id += 1;
        self.opening.insert(id, key);
        self.schedule(self.now + self.links[&key].one_way * 2, Happening::Open { id });
    }

    /// As noq does: available paths first, backups only if there is none.
    fn fill(&mut self, end: usize) {
        let any = self.ends[end].flows.values().any(|flow| flow.available);
        let ids: Vec<u32> = self.ends[end]
            .flows
            .iter()
            .filter(|(_, flow)| flow.available || !any)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            while self.ends[end].flows[&id].flying.len() < WINDOW {
                let this = &mut self.ends[end];
                let unit = match this.waiting.pop_front() {
                    Some(unit) => unit,
                    None if this.bulk => {
                        this.next_bulk += 1;
                        Unit::Bulk(this.next_bulk)
                    }
                    None => break,
                };
                self.send(end, id, unit);
            }
        }
    }
}
