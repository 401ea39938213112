use std::time::{Duration, Instant};

use super::deliveries::{Delivered, Deliveries};
use super::recent_max::RecentMax;

/// Full packets that may always be in flight: with fewer, an acknowledgement may have to wait for its timer.
const LEAST_PACKETS: u64 = 4;

/// A round is a round trip, but at least so long: over a shorter time a rate says how this machine shared out its time.
const LEAST_ROUND: Duration = Duration::from_millis(10);

/// How much of the bandwidth-delay product may be in flight: to find the bandwidth, to see whether there is more, between such
/// probes, and to get rid of a queue. More than 1 between probes, or every delay in sending would cost rate.
const STARTUP_GAIN: f64 = 2.0;
const UP_GAIN: f64 = 1.25;
const CRUISE_GAIN: f64 = 1.15;
const DOWN_GAIN: f64 = 0.9;

/// How much faster than a window in each round trip is sent: a sender that a busy machine lets sleep for a few milliseconds has to catch up.
/// What bounds the rate is the window.
const PACE_GAIN: f64 = 2.0;

/// tokio's timers go off once in a millisecond.
const LEAST_PACED: Duration = Duration::from_millis(1);

/// As much as a queue of others is answered with: who keeps to less starves beside what fills every queue (CUBIC).
const MOST_GAIN: f64 = 2.0;

/// By so much a round must have been faster for the search to go on, and for so many rounds it need not be.
const STARTUP_GROWTH: f64 = 1.25;
const STARTUP_PATIENCE: u32 = 3;
const UP_GROWTH: f64 = 1.1;

/// A round trip longer by an eighth, within these bounds, means that a queue stands.
const QUEUE_LEAST: Duration = Duration::from_millis(2);
const QUEUE_MOST: Duration = Duration::from_millis(16);

/// Rounds between probes for more bandwidth. A probe that costs losses doubles them, up to the most.
const LEAST_CRUISE: u32 = 6;
const MOST_CRUISE: u32 = 48;

/// The share of a round's bytes whose loss is taken for chance; and as many packets, or chance would look like more.
const LOSS_BY_CHANCE: f64 = 0.03;
const LOST_BY_CHANCE: u32 = 8;

/// What a round with more loss leaves of the bandwidth-delay product at least.
const BACK_OFF_LEAST: f64 = 0.6;

/// After so long without a round trip as short as the shortest known, the path is emptied to see how long it is.
const SHORTEST_FOR: Duration = Duration::from_secs(10);
const EMPTY_FOR: Duration = Duration::from_millis(200);
const EMPTY_GAIN: f64 = 0.5;

/// Acknowledgements may come in heaps, for which the window has so much room at most.
const HEAP_TIME: Duration = Duration::from_millis(10);

/// What is known of a path, and how much may be in flight on it therefore: its bandwidth and its shortest round trip, whose
/// product is what it holds without a queue. Losses that chance explains change nothing.
#[derive(Debug, Clone)]
pub(super) struct Model {
    mtu: u64,
    window: u64,
    phase: Phase,
    deliveries: Deliveries,
    in_flight: u64,
    /// Bytes acknowledged in the acknowledgement that is being taken.
    acked: u64,
    /// Bytes a second.
    bandwidth: RecentMax,
    shortest: Option<Shortest>,
    round: Round,
    /// The shortest round trip of the last round, and how many bytes a second it delivered.
    rtt: Duration,
    rate: f64,
    /// The round trip of the packet acknowledged last.
    latest: Duration,
    heap: Heap,
    /// What losses leave of the window, until the next probe.
    cap: u64,
    cruise: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// The bandwidth is not known: what may be in flight doubles every round trip. Best rate so far, and rounds since.
    Startup { best: f64, rounds: u32 },
    /// A queue shall go, for so many more rounds at most.
    Down { rounds: u32 },
    /// The bandwidth is known.
    Cruise { rounds: u32 },
    /// Whether there is more; the rate before, and rounds since. What is sent in one round shows in the next.
    Up { before: f64, rounds: u32 },
    /// The path is emptied, until then; the shortest round trip meanwhile.
    Empty { until: Instant, rtt: Option<Duration> },
}

/// The shortest round trip, and when it was last confirmed.
#[derive(Debug, Clone, Copy)]
struct Shortest {
    rtt: Duration,
    at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Round {
    /// It is over when a packet is acknowledged that was sent with this total delivered.
    ends: u64,
    began: Instant,
    rtt: Option<Duration>,
    rate: f64,
    limited: bool,
    delivered: u64,
    lost: u64,
    packets_lost: u32,
}

/// How much more is acknowledged at once than the bandwidth explains.
#[derive(Debug, Clone, Copy)]
struct Heap {
    began: Instant,
    acked: u64,
    size: RecentMax,
}

impl Round {
    fn begin(now: Instant, ends: u64) -> Self {
        Self {
            ends,
            began: now,
            rtt: None,
            rate: 0.0,
            limited: false,
            delivered: 0,
            lost: 0,
            packets_lost: 0,
        }
    }

    /// Whether more was lost than chance explains.
    fn is_lossy(&self) -> bool {
        let all = self.lost.saturating_add(self.delivered);
        self.packets_lost >= LOST_BY_CHANCE && self.lost as f64 > LOSS_BY_CHANCE * all as f64
    }
}

impl Model {
    /// Of a path of which nothing is known.
    pub(super) fn new(now: Instant, mtu: u16, window: u64) -> Self {
        Self {
            mtu: mtu.into(),
            window,
            phase: Phase::Startup { best: 0.0, rounds: 0 },
            deliveries: Deliveries::new(now),
            in_flight: 0,
            acked: 0,
            bandwidth: RecentMax::default(),
            shortest: None,
            round: Round::begin(now, 0),
            rtt: Duration::ZERO,
            rate: 0.0,
            latest: Duration::ZERO,
            heap: Heap { began: now, acked: 0, size: RecentMax::default() },
            cap: u64::MAX,
            cruise: LEAST_CRUISE,
        }
    }

    /// Bytes that may be in flight.
    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// Bytes a second that may be sent as long as the window allows it, once a round trip is known that timers can divide.
    pub(super) fn pace(&self) -> Option<u64> {
        let rtt = self.shortest?.rtt;
        (rtt >= LEAST_PACED).then_some((self.window as f64 * PACE_GAIN / rtt.as_secs_f64()) as u64)
    }

    /// Bytes a second, as far as is known.
    pub(super) fn bandwidth(&self) -> Option<f64> {
        Some(self.bandwidth.get()).filter(|rate| *rate > 0.0)
    }

    pub(super) fn set_mtu(&mut self, mtu: u16) {
        self.mtu = mtu.into();
        self.window = self.window.max(self.least());
    }

    pub(super) fn sent(&mut self, now: Instant, bytes: u64, number: u64) {
        self.deliveries.sent(now, number, self.in_flight);
        self.in_flight = self.in_flight.saturating_add(bytes);
    }

    /// One packet of an acknowledgement; [`taken`](Self::taken) ends it.
    pub(super) fn acked(&mut self, now: Instant, sent: Instant, bytes: u64, number: u64) {
        self.deliveries.acked(now, sent, bytes, number);
        self.acked = self.acked.saturating_add(bytes);
        let rtt = now.saturating_duration_since(sent);
        self.latest = rtt;
        self.round.rtt = Some(self.round.rtt.map_or(rtt, |shortest| shortest.min(rtt)));
        if let Phase::Empty { rtt: seen, .. } = &mut self.phase {
            *seen = Some(seen.map_or(rtt, |shortest| shortest.min(rtt)));
        }
        match &mut self.shortest {
            Some(shortest) if rtt > shortest.rtt + shortest.rtt / 64 => {}
            Some(shortest) => *shortest = Shortest { rtt: shortest.rtt.min(rtt), at: now },
            None => self.shortest = Some(Shortest { rtt, at: now }),
        }
    }

    pub(super) fn lost(&mut self, bytes: u64, number: u64) {
        self.deliveries.lost(number);
        self.round.lost = self.round.lost.saturating_add(bytes);
        self.round.packets_lost = self.round.packets_lost.saturating_add(1);
    }

    /// A router on the way says that its queue is filling.
    pub(super) fn congested(&mut self) {
        self.back_off(self.bandwidth.get());
    }

    /// An acknowledgement was taken. `in_flight` bytes are still on their way; `limited` if more might be.
    pub(super) fn taken(&mut self, now: Instant, in_flight: u64, limited: bool) {
        self.in_flight = in_flight;
        let acked = std::mem::take(&mut self.acked);
        let shortest = self.shortest.map_or(Duration::ZERO, |shortest| shortest.rtt);
        let delivered = self.deliveries.taken(now, in_flight, limited, shortest);
        self.round.delivered = self.round.delivered.saturating_add(acked);
        if let Some(Delivered { rate, limited, .. }) = delivered {
            self.round.limited |= limited;
            self.round.rate = self.round.rate.max(rate);
            // Later it is whole rounds that count: a machine that is busy reads acknowledgements in heaps, which look like bandwidth.
            let searching = matches!(self.phase, Phase::Startup { .. });
            if searching && !limited || rate > self.bandwidth.get() && self.round.limited {
                self.bandwidth.add(rate);
            }
        }
        self.take_heap(now, acked);
        let over = delivered.is_some_and(|delivered| delivered.since >= self.round.ends)
            && now.saturating_duration_since(self.round.began) >= LEAST_ROUND;
        if over {
            self.next_round(now);
        }
        self.leave_low_phases(now);
        self.set_window(acked);
    }

    fn take_heap(&mut self, now: Instant, acked: u64) {
        let bandwidth = self.bandwidth.get();
        let expected = bandwidth * now.saturating_duration_since(self.heap.began).as_secs_f64();
        if self.heap.acked as f64 <= expected {
            (self.heap.began, self.heap.acked) = (now, acked);
            self.heap.size.add(acked as f64);
        } else {
            self.heap.acked = self.heap.acked.saturating_add(acked);
            self.heap.size.add(self.heap.acked as f64 - expected);
        }
    }

    fn next_round(&mut self, now: Instant) {
        let ended = std::mem::replace(&mut self.round, Round::begin(now, self.deliveries.total()));
        self.rtt = ended.rtt.unwrap_or(self.rtt);
        self.rate = ended.delivered as f64 / now.saturating_duration_since(ended.began).as_secs_f64();
        if !ended.limited {
            self.bandwidth.next_round();
            self.bandwidth.add(self.rate);
        }
        self.heap.size.next_round();
        if self.shortest_is_old(now) {
            if ended.limited || self.in_flight <= self.product(EMPTY_GAIN) {
                self.shortest = ended.rtt.map(|rtt| Shortest { rtt, at: now });
            } else if !matches!(self.phase, Phase::Empty { .. }) {
                self.phase = Phase::Empty { until: now + EMPTY_FOR.max(self.rtt * 2), rtt: None };
                return;
            }
        }
        let lossy = ended.is_lossy();
        self.phase = match self.phase {
            Phase::Startup { .. } if lossy => Phase::Down { rounds: 3 },
            Phase::Startup { best, rounds } if ended.limited => Phase::Startup { best, rounds },
            Phase::Startup { best, .. } if ended.rate >= best * STARTUP_GROWTH => {
                Phase::Startup { best: ended.rate, rounds: 0 }
            }
            Phase::Startup { rounds, .. }
                if rounds + 1 >= STARTUP_PATIENCE || rounds > 0 && self.has_queue(self.rtt) =>
            {
                Phase::Down { rounds: 3 }
            }
            Phase::Startup { best, rounds } => Phase::Startup { best, rounds: rounds + 1 },
            Phase::Down { rounds: 0 | 1 } => Phase::Cruise { rounds: 0 },
            Phase::Down { rounds } => Phase::Down { rounds: rounds - 1 },
            // What is lost in the first round was sent before it.
            Phase::Cruise { rounds: 1.. } if lossy => {
                // The bandwidth was overestimated, as when acknowledgements come in heaps, or others want their share.
                self.back_off(self.rate);
                Phase::Cruise { rounds: 0 }
            }
            Phase::Cruise { rounds } if rounds + 1 < self.cruise => Phase::Cruise { rounds: rounds + 1 },
            Phase::Cruise { rounds } if ended.limited => Phase::Cruise { rounds },
            Phase::Cruise { .. } => {
                self.cap = u64::MAX;
                Phase::Up { before: self.bandwidth.get(), rounds: 0 }
            }
            Phase::Up { .. } if lossy => {
                // The queue is a short one: none of it is used between probes.
                self.cap = self.product(1.0);
                self.cruise = self.cruise.saturating_mul(2).min(MOST_CRUISE);
                Phase::Down { rounds: 2 }
            }
            Phase::Up { before, rounds: 0 } => Phase::Up { before, rounds: 1 },
            Phase::Up { before, .. } if self.rate >= before * UP_GROWTH => {
                self.cruise = LEAST_CRUISE;
                Phase::Up { before: self.rate, rounds: 1 }
            }
            Phase::Up { .. } => {
                self.cruise = LEAST_CRUISE;
                Phase::Down { rounds: 2 }
            }
            empty @ Phase::Empty { .. } => empty,
        };
    }

    /// Until the next probe, no queue is made: as much is in flight as carried `rate` bytes a second.
    fn back_off(&mut self, rate: f64) {
        let held = (rate * self.shortest_rtt().as_secs_f64()) as u64;
        self.cap = held.min(self.window).max(self.product(BACK_OFF_LEAST));
    }

    fn leave_low_phases(&mut self, now: Instant) {
        match self.phase {
            Phase::Down { .. } if self.in_flight <= self.product(DOWN_GAIN) => {
                self.phase = Phase::Cruise { rounds: 0 };
            }
            Phase::Empty { until, rtt } if now >= until => {
                self.shortest = Some(Shortest { rtt: rtt.unwrap_or(self.rtt), at: now });
                self.phase = Phase::Cruise { rounds: 0 };
            }
            _ => {}
        }
    }

    fn set_window(&mut self, acked: u64) {
        let heap = self.heap.size.get().min(self.bandwidth.get() * HEAP_TIME.as_secs_f64()) as u64;
        let grown = self.window.saturating_add(acked);
        let target = match self.phase {
            Phase::Startup { .. } => {
                // Until the bandwidth is known, what it seems to be bounds only what the window grows to.
                let most = self.product(STARTUP_GAIN).saturating_add(heap);
                if !self.has_queue(self.latest) {
                    self.window = self.window.max(grown.min(most));
                }
                return;
            }
            Phase::Down { .. } => self.product(DOWN_GAIN),
            Phase::Cruise { .. } => self.standing(CRUISE_GAIN).saturating_add(heap),
            Phase::Up { .. } => self.standing(UP_GAIN).saturating_add(heap),
            Phase::Empty { .. } => self.product(EMPTY_GAIN),
        };
        self.window = target.min(grown).min(self.cap).max(self.least());
    }

    /// Bytes that the path holds without a queue, times `gain`.
    fn product(&self, gain: f64) -> u64 {
        (self.bandwidth.get() * self.shortest_rtt().as_secs_f64() * gain) as u64
    }

    /// The same, but where others keep a queue, as much as keeps our share of it.
    fn standing(&self, gain: f64) -> u64 {
        let share = self.rate * self.rtt.as_secs_f64() * gain / CRUISE_GAIN;
        (share as u64).clamp(self.product(gain), self.product(gain.max(MOST_GAIN)))
    }

    /// Whether a round trip that long has waited somewhere.
    fn has_queue(&self, rtt: Duration) -> bool {
        let shortest = self.shortest_rtt();
        rtt > shortest + (shortest / 8).clamp(QUEUE_LEAST, QUEUE_MOST)
    }

    fn shortest_rtt(&self) -> Duration {
        self.shortest.map_or(Duration::ZERO, |shortest| shortest.rtt)
    }

    fn shortest_is_old(&self, now: Instant) -> bool {
        self.shortest.is_some_and(|shortest| now.saturating_duration_since(shortest.at) > SHORTEST_FOR)
    }

    fn least(&self) -> u64 {
        self.mtu.saturating_mul(LEAST_PACKETS)
    }
}
