//! Paths over one line with a queue, in virtual time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use super::super::model::Model;

const PACKET: u64 = 1400;

/// One packet in so many is acknowledged.
const ACKED_AT_ONCE: u64 = 10;

/// And each at the latest after this.
const ACK_DELAY: Duration = Duration::from_millis(1);

/// How much more is sent at once than the pace allows, as noq does.
const BURST: Duration = Duration::from_millis(2);

#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// Bytes a second.
    pub(super) rate: f64,
    pub(super) rtt: Duration,
    /// How long a packet waits in the queue at most.
    pub(super) queue: Duration,
    pub(super) loss: f64,
}

impl Default for Link {
    fn default() -> Self {
        let queue = Duration::from_millis(50);
        Self { rate: 12_500_000.0, rtt: Duration::from_millis(100), queue, loss: 0.0 }
    }
}

/// What one sender got, after the first 3 s.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carried {
    /// Of the link's rate.
    pub(super) share: f64,
    /// How long its packets waited in the queue on average, in milliseconds.
    pub(super) waited: f64,
    /// The share of its packets that found the queue full.
    pub(super) refused: f64,
}

struct Sender {
    model: Model,
    next: u64,
    in_flight: u64,
    /// By number: when it was sent.
    unheard: BTreeMap<u64, Instant>,
    tokens: f64,
    refilled: Instant,
    rtt: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The timer of a sender, which rearms itself.
    Timer(usize),
    Send(usize),
    /// Everything that arrived up to here, of one sender.
    Ack(usize),
}

/// So many senders, each with all the data in the world; the second begins a second after the first, and so on.
pub(super) fn run(link: Link, senders: usize, time: Duration) -> Vec<Carried> {
    let start = Instant::now();
    let warm_up = start + Duration::from_secs(3);
    let mut random = 12_345_u64;
    let mut chance = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let mut paths: Vec<_> = (0..senders)
        .map(|_| Sender {
            model: Model::new(start, PACKET as u16, 32 * PACKET),
            next: 0,
            in_flight: 0,
            unheard: BTreeMap::new(),
            tokens: 0.0,
            refilled: start,
            rtt: link.rtt.as_secs_f64(),
        })
        .collect();
    let mut carried = vec![Carried::default(); senders];
    let (mut sent, mut counted) = (vec![0.0_f64; senders], vec![0.0_f64; senders]);
    let mut events = BinaryHeap::new();
    let mut arrived: Vec<VecDeque<(Instant, u64)>> = vec![VecDeque::new(); senders];
    let mut line_free = start;
    for sender in 0..senders {
        events.push(Reverse((start + Duration::from_secs(sender as u64), Event::Timer(sender))));
    }
    while let Some(Reverse((now, event))) = events.pop() {
        if now > start + time {
            break;
        }
        match event {
            Event::Send(index) | Event::Timer(index) => {
                let path = &mut paths[index];
                let pace = path.model.window() as f64 * 1.25 / path.rtt;
                let passed = now.duration_since(path.refilled).as_secs_f64();
                path.tokens =
                    (path.tokens + passed * pace).min((pace * BURST.as_secs_f64()).max(10.0 * PACKET as f64));
                path.refilled = now;
                while path.in_flight + PACKET <= path.model.window() && path.tokens >= PACKET as f64 {
                    path.tokens -= PACKET as f64;
                    path.model.sent(now, PACKET, path.next);
                    path.unheard.insert(path.next, now);
                    path.in_flight += PACKET;
                    let number = path.next;
                    path.next += 1;
                    let measured = now >= warm_up;
                    sent[index] += f64::from(u8::from(measured));
                    let waits = line_free.saturating_duration_since(now);
                    if waits > link.queue {
                        carried[index].refused += f64::from(u8::from(measured));
                        continue;
                    }
                    line_free = line_free.max(now) + Duration::from_secs_f64(PACKET as f64 / link.rate);
                    if measured {
                        carried[index].waited += waits.as_secs_f64() * 1e3;
                        counted[index] += 1.0;
                    }
                    if chance() < link.loss {
                        continue;
                    }
                    let back = line_free + link.rtt;
                    if back >= warm_up {
                        carried[index].share += PACKET as f64;
                    }
                    arrived[index].push_back((back, number));
                    let delay = if number % ACKED_AT_ONCE == 0 { Duration::ZERO } else { ACK_DELAY };
                    events.push(Reverse((back + delay, Event::Ack(index))));
                }
                // A timer of a millisecond, as tokio has.
                if matches!(event, Event::Timer(_)) {
                    events.push(Reverse((now + Duration::from_millis(1), event)));
                }
            }
            Event::Ack(index) => {
                let path = &mut paths[index];
                let mut largest = None;
                while let Some(&(_, number)) = arrived[index].front().filter(|(at, _)| *at <= now) {
                    arrived[index].pop_front();
                    if let Some(at) = path.unheard.remove(&number) {
                        path.model.acked(now, at, PACKET, number);
                        path.in_flight -= PACKET;
                        path.rtt += (now.duration_since(at).as_secs_f64() - path.rtt) / 8.0;
                        largest = Some(number);
                    }
                }
                let Some(largest) = largest else { continue };
                path.model.taken(now, path.in_flight, false);
                let lost: Vec<u64> =
                    path.unheard.range(..largest.saturating_sub(2)).map(|(number, _)| *number).collect();
                for number in lost {
                    path.unheard.remove(&number);
                    path.in_flight -= PACKET;
                    path.model.lost(PACKET, number);
                }
                events.push(Reverse((now, Event::Send(index))));
            }
        }
    }
    let all = link.rate * (time - Duration::from_secs(3)).as_secs_f64();
    for index in 0..senders {
        carried[index].share /= all;
        carried[index].waited /= counted[index].max(1.0);
        carried[index].refused /= f64::max(sent[index], 1.0);
    }
    carried
}
