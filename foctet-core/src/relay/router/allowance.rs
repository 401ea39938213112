use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate};
use crate::NodeId;
use crate::relay::Limit;

/// Peers of one client whose rate is kept at once; of those that were not sent to for longest, one is forgotten for a new
/// one. A forgotten rate begins with a full burst, which the client's own limit bounds.
pub const MAX_PAIRS: usize = 64;

/// How often a client is told of one limit.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What one client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// Bytes of packets and spliced streams that it sends.
    pub bytes: Rate,
    /// Packets that it sends.
    pub packets: Rate,
    /// Bytes of packets that it sends to one peer.
    pub pair: Rate,
    /// Signals that it sends.
    pub signals: Rate,
    /// Spliced streams that it has opened at once.
    pub splices: u32,
}

/// What one client has left of its limits, and what it has to be told.
#[derive(Debug)]
pub struct Allowance {
    limits: ClientLimits,
    bytes: Bucket,
    packets: Bucket,
    signals: Bucket,
    pairs: BTreeMap<NodeId, (Bucket, Instant)>,
    splices: u32,
    /// For each limit that was hit: what it has cost since it was told, and when that was.
    hit: BTreeMap<Limit, (u32, Option<Instant>)>,
}

impl Allowance {
    /// The whole of it.
    pub fn new(now: Instant, limits: ClientLimits) -> Self {
        Self {
            limits,
            bytes: Bucket::new(now, limits.bytes),
            packets: Bucket::new(now, limits.packets),
            signals: Bucket::new(now, limits.signals),
            pairs: BTreeMap::new(),
            splices: 0,
            hit: BTreeMap::new(),
        }
    }

    /// Other limits from now on; what is under way goes on.
    pub fn set_limits(&mut self, now: Instant, limits: ClientLimits) {
        if self.limits == limits {
            return;
        }
        self.limits = limits;
        self.bytes.set_rate(now, limits.bytes);
        self.packets.set_rate(now, limits.packets);
        self.signals.set_rate(now, limits.signals);
        for (bucket, _) in self.pairs.values_mut() {
            bucket.set_rate(now, limits.pair);
        }
    }

    /// Whether the client may send a packet of so many bytes to a peer.
    ///
    /// # Errors
    ///
    /// The limit that it hits.
    pub fn packet(&mut self, now: Instant, peer: NodeId, bytes: u64) -> Result<(), Limit> {
        if !self.packets.take(now, 1) {
            return Err(Limit::Packets);
        }
        if !self.bytes.take(now, bytes) {
            return Err(Limit::Bytes);
        }
        if self.limits.pair.per_second != 0 && !self.pair(now, peer).take(now, bytes) {
            // What did not go to this peer may go to another.
            self.bytes.give_back(bytes);
            return Err(Limit::Pair);
        }
        Ok(())
    }

    fn pair(&mut self, now: Instant, peer: NodeId) -> &mut Bucket {
        if !self.pairs.contains_key(&peer) && self.pairs.len() >= MAX_PAIRS {
            let oldest = self.pairs.iter().min_by_key(|(_, (_, used))| *used).map(|(peer, _)| *peer);
            if let Some(oldest) = oldest {
                self.pairs.remove(&oldest);
            }
        }
        let rate = self.limits.pair;
        let (bucket, used) = self.pairs.entry(peer).or_insert_with(|| (Bucket::new(now, rate), now));
        *used = now;
        bucket
    }

    /// How long the next bytes of a spliced stream have to wait, and, if not at all, takes them. Streams wait, packets get
    /// lost. At most a burst is asked for at once.
    pub fn stream(&mut self, now: Instant, bytes: u64) -> Duration {
        let bytes = bytes.min(self.limits.bytes.burst);
        let wait = self.bytes.wait(now, bytes);
        if wait.is_zero() {
            self.bytes.take(now, bytes);
        }
        wait
    }

    /// Whether the client may send a signal.
    ///
    /// # Errors
    ///
    /// [`Limit::Signals`].
    pub fn signal(&mut self, now: Instant) -> Result<(), Limit> {
        if self.signals.take(now, 1) { Ok(()) } else { Err(Limit::Signals) }
    }

    /// Whether the client may open one more spliced stream; it counts until [`splice_over`](Self::splice_over).
    ///
    /// # Errors
    ///
    /// [`Limit::Splices`].
    pub fn splice(&mut self) -> Result<(), Limit> {
        if self.splices >= self.limits.splices {
            return Err(Limit::Splices);
        }
        self.splices += 1;
        Ok(())
    }

    /// One of its spliced streams has ended.
    pub fn splice_over(&mut self) {
        self.splices = self.splices.saturating_sub(1);
    }

    /// Something was dropped for a limit. Gives how many were since the client was last told, if it is to be told now.
    pub fn dropped(&mut self, now: Instant, limit: Limit) -> Option<u32> {
        let (count, told) = self.hit.entry(limit).or_default();
        *count = count.saturating_add(1);
        if told.is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY) {
            return None;
        }
        *told = Some(now);
        Some(std::mem::take(count))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test begins some time")]
mod tests {
    use super::*;
    use crate::SecretKey;

    fn peer(n: u8) -> NodeId {
        SecretKey::from_bytes([n; 32]).node_id()
    }

    fn limits() -> ClientLimits {
        ClientLimits {
            bytes: Rate { per_second: 100_000, burst: 50_000 },
            packets: Rate { per_second: 100, burst: 50 },
            pair: Rate { per_second: 10_000, burst: 5_000 },
            signals: Rate { per_second: 1, burst: 2 },
            splices: 2,
        }
    }

    #[test]
    fn each_limit_is_hit_by_itself_and_named() {
        let now = Instant::now();
        let mut client = Allowance::new(now, limits());
        assert_eq!(client.packet(now, peer(1), 5_000), Ok(()));
        assert_eq!(client.packet(now, peer(1), 1), Err(Limit::Pair));
        for n in 2..=10 {
            assert_eq!(client.packet(now, peer(n), 5_000), Ok(()), "what one peer did not get, others can");
        }
        assert_eq!(client.packet(now, peer(11), 1), Err(Limit::Bytes));
        for _ in 0..38 {
            client.packet(now, peer(12), 1).ok();
        }
        assert_eq!(client.packet(now, peer(12), 0), Err(Limit::Packets));
        assert_eq!((client.signal(now), client.signal(now)), (Ok(()), Ok(())));
        assert_eq!(client.signal(now), Err(Limit::Signals));
        assert_eq!(
            (client.splice(), client.splice(), client.splice()),
            (Ok(()), Ok(()), Err(Limit::Splices))
        );
        client.splice_over();
        assert_eq!(client.splice(), Ok(()));
        assert_eq!(client.stream(now, 1_000), Duration::from_millis(10));
        assert_eq!(client.stream(now + Duration::from_millis(10), 1_000), Duration::ZERO);
    }

    #[test]
    fn a_client_is_told_once_a_second_what_a_limit_has_cost() {
        let mut now = Instant::now();
        let mut client = Allowance::new(now, limits());
        assert_eq!(client.dropped(now, Limit::Bytes), Some(1));
        assert_eq!(client.dropped(now, Limit::Bytes), None);
        assert_eq!(client.dropped(now, Limit::Queue), Some(1), "another limit");
        now += TELL_EVERY;
        assert_eq!(client.dropped(now, Limit::Bytes), Some(2));
    }

    #[test]
    fn limits_change_under_way() {
        let now = Instant::now();
        let mut client = Allowance::new(now, limits());
        client.set_limits(
            now,
            ClientLimits { packets: Rate { per_second: 1, burst: 1 }, splices: 0, ..limits() },
        );
        assert_eq!(client.packet(now, peer(1), 1), Ok(()));
        assert_eq!(client.packet(now, peer(1), 1), Err(Limit::Packets));
        assert_eq!(client.splice(), Err(Limit::Splices));
    }

    #[test]
    fn the_pairs_kept_are_bounded() {
        let now = Instant::now();
        let mut client = Allowance::new(now, ClientLimits { packets: Rate::UNLIMITED, ..limits() });
        for n in 0..=u8::MAX {
            client.packet(now + Duration::from_secs(n.into()), peer(n), 1).unwrap();
        }
        assert_eq!(client.pairs.len(), MAX_PAIRS);
        assert!(client.pairs.contains_key(&peer(u8::MAX)));
    }
}
