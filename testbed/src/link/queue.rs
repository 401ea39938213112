//! One direction of a link, as a queue that holds packets until it is time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::Random;

/// How many packets a direction holds at most: 100 MB of full ones, which is 200 ms at 4 Gbit/s.
const MAX_HELD: usize = 65_536;

/// The queue before a slow line, where none is told: as much as the line carries in this time.
const DEFAULT_QUEUE_TIME: Duration = Duration::from_millis(50);

/// But at least this many bytes, or a slow line could not take the burst that a window opens with.
const MIN_DEFAULT_QUEUE: u64 = 32 * 1024;

/// What one direction of a link does to packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// How long each packet takes at least, one way.
    pub delay: Duration,
    /// Up to so much is added to the delay, at random. It may change the order.
    pub jitter: Duration,
    /// In bits a second, of whole IP packets. `None` is without limit.
    pub rate: Option<u64>,
    /// How many bytes may wait for a line with a rate; what comes on top is dropped. `None` is what the line carries
    /// in 50 ms, at least 32 KiB.
    pub queue: Option<u64>,
    /// The share of packets that is lost, 0 to 1.
    pub loss: f64,
    /// How many packets in a row are lost on average. Anything not above what chance makes of `loss` alone, as 0, loses
    /// each packet for itself.
    pub burst: f64,
    /// What the random numbers begin with: the same packets at the same times with the same seed have the same fate.
    pub seed: u64,
}

impl Default for Shape {
    /// Neither delay nor limit nor loss.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            rate: None,
            queue: None,
            loss: 0.0,
            burst: 0.0,
            seed: 1,
        }
    }
}

/// What became of a packet on arrival at a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It comes out later.
    Held,
    /// Chance took it.
    Lost,
    /// There was no room for it.
    Full,
}

/// One direction of a link: packets go in, and come out when it is time. Times are since any fixed moment, the same for
/// all calls, and must not go back.
#[derive(Debug)]
pub struct Queue<T> {
    shape: Shape,
    random: Random,
    /// Whether the last packet was lost.
    losing: bool,
    /// When the line will have sent all that came so far.
    line_free: Duration,
    held: BinaryHeap<Held<T>>,
    arrivals: u64,
}

#[derive(Debug)]
struct Held<T> {
    release: Duration,
    arrival: u64,
    packet: T,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            random: Random::new(shape.seed),
            losing: false,
            line_free: Duration::ZERO,
            held: BinaryHeap::new(),
            arrivals: 0,
        }
    }

    /// Changes what it does to packets from now on. Those inside are let out as they were to be.
    pub fn reshape(&mut self, shape: Shape) {
        if shape.seed != self.shape.seed {
            self.random = Random::new(shape.seed);
        }
        self.shape = shape;
    }

    /// A packet of `size` bytes arrives.
    pub fn push(&mut self, now: Duration, size: usize, packet: T) -> Fate {
        if self.loses() {
            return Fate::Lost;
        }
        if self.held.len() >= MAX_HELD {
            return Fate::Full;
        }
        let sent = match self.shape.rate {
            None => now,
            Some(rate) => {
                let starts = self.line_free.max(now);
                let waiting = bytes_in(rate, starts.saturating_sub(now));
                let queue = self
                    .shape
                    .queue
                    .unwrap_or_else(|| bytes_in(rate, DEFAULT_QUEUE_TIME).max(MIN_DEFAULT_QUEUE));
                // One byte of tolerance, as times are whole nanoseconds. A packet that need not wait always fits.
                if waiting > 0 && waiting.saturating_add(size as u64) > queue.saturating_add(1) {
                    return Fate::Full;
                }
                self.line_free = starts.saturating_add(time_for(rate, size));
                self.line_free
            }
        };
        let jitter = u64::try_from(self.shape.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = if jitter == 0 { 0 } else { self.random.below(jitter.saturating_add(1)) };
        let release = sent.saturating_add(self.shape.delay).saturating_add(Duration::from_nanos(jitter));
        self.held.push(Held { release, arrival: self.arrivals, packet });
        self.arrivals = self.arrivals.wrapping_add(1);
        Fate::Held
    }

    /// The next packet whose time has come.
    pub fn pop(&mut self, now: Duration) -> Option<T> {
        if self.next_timeout()? > now {
            return None;
        }
        self.held.pop().map(|held| held.packet)
    }

    /// When the next packet comes out.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.held.peek().map(|held| held.release)
    }

    /// How many packets are inside.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is inside.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether the next packet is lost: a chain of two states (Gilbert's), which loses the share of packets that it
    /// shall, in runs as long as they shall be.
    fn loses(&mut self) -> bool {
        let loss = self.shape.loss;
        if loss <= 0.0 {
            self.losing = false;
        } else if loss >= 1.0 {
            self.losing = true;
        } else {
            // By chance alone, runs are this long.
            let run = self.shape.burst.max(1.0 / (1.0 - loss));
            let begins = loss / (run * (1.0 - loss));
            let ends = 1.0 / run;
            let chance = self.random.unit();
            self.losing = if self.losing { chance >= ends } else { chance < begins };
        }
        self.losing
    }
}

/// How long a line takes to send `size` bytes.
fn time_for(rate: u64, size: usize) -> Duration {
    let nanos =
        (size as u128).saturating_mul(8_000_000_000).checked_div(u128::from(rate)).unwrap_or(u128::MAX);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How many bytes a line sends in `time`.
fn bytes_in(rate: u64, time: Duration) -> u64 {
    let bytes = time.as_nanos().saturating_mul(u128::from(rate)) / 8_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl<T> Ord for Held<T> {
    /// The greatest comes out of the heap first: that with the earliest time; of those with the same, the first to come.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.release, other.arrival).cmp(&(self.release, self.arrival))
    }
}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Held<T> {}

#[cfg(test)]
mod tests;
