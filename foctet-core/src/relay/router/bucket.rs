use std::time::{Duration, Instant};

/// So much a second, and so much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Units a second; 0: without limit.
    pub per_second: u64,
    /// Units that may come at once after a pause.
    pub burst: u64,
}

impl Rate {
    /// No limit at all.
    pub const UNLIMITED: Self = Self { per_second: 0, burst: 0 };
}

/// A token bucket: it holds a burst, and is refilled at a rate.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: Rate,
    /// Units in it, in billionths, so that nothing is lost to rounding however often it is asked.
    level: u128,
    at: Instant,
}

const BILLION: u128 = 1_000_000_000;

impl Bucket {
    /// A full bucket.
    pub fn new(now: Instant, rate: Rate) -> Self {
        Self { rate, level: u128::from(rate.burst) * BILLION, at: now }
    }

    /// Changes the rate; what is in it stays, up to the new burst.
    pub fn set_rate(&mut self, now: Instant, rate: Rate) {
        self.refill(now);
        self.rate = rate;
        self.level = self.level.min(u128::from(rate.burst) * BILLION);
    }

    /// Takes so many units, if they are there.
    pub fn take(&mut self, now: Instant, units: u64) -> bool {
        if self.rate.per_second == 0 {
            return true;
        }
        self.refill(now);
        let wanted = u128::from(units) * BILLION;
        if wanted > self.level {
            return false;
        }
        self.level -= wanted;
        true
    }

    /// Gives units back that were taken for nothing.
    pub fn give_back(&mut self, units: u64) {
        let full = u128::from(self.rate.burst) * BILLION;
        self.level = self.level.saturating_add(u128::from(units) * BILLION).min(full);
    }

    /// How long until so many units, or as many as it ever holds, are there; zero if they are.
    pub fn wait(&mut self, now: Instant, units: u64) -> Duration {
        if self.rate.per_second == 0 {
            return Duration::ZERO;
        }
        self.refill(now);
        let wanted = u128::from(units.min(self.rate.burst)) * BILLION;
        let missing = wanted.saturating_sub(self.level);
        // In billionths of units at units a second that is nanoseconds.
        let nanos = missing.div_ceil(u128::from(self.rate.per_second));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_nanos();
        self.at = self.at.max(now);
        let full = u128::from(self.rate.burst) * BILLION;
        let more = passed.saturating_mul(u128::from(self.rate.per_second));
        self.level = self.level.saturating_add(more).min(full);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test begins some time")]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 1000, burst: 100 };

    #[test]
    fn a_burst_at_once_and_the_rate_from_then_on() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, RATE);
        let taken = |bucket: &mut Bucket, now| (0..10_000).filter(|_| bucket.take(now, 1)).count();
        assert_eq!(taken(&mut bucket, start), 100);
        let in_ten_seconds: usize =
            (1..=100_000_u32).map(|n| taken(&mut bucket, start + n * Duration::from_micros(100))).sum();
        assert_eq!(in_ten_seconds, 10_000);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(3600)), 100);
    }

    #[test]
    fn it_says_how_long_to_wait() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, RATE);
        assert_eq!(bucket.wait(start, 100), Duration::ZERO);
        assert!(bucket.take(start, 100));
        assert_eq!(bucket.wait(start, 50), Duration::from_millis(50));
        assert_eq!(bucket.wait(start, 1_000_000), Duration::from_millis(100), "no more than it ever holds");
        assert!(!bucket.take(start + Duration::from_millis(49), 50));
        assert!(bucket.take(start + Duration::from_millis(50), 50));
        bucket.give_back(1_000);
        assert!(bucket.take(start, 100), "time that runs backwards changes nothing");
    }

    #[test]
    fn no_rate_is_no_limit() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, Rate::UNLIMITED);
        assert!(bucket.take(start, u64::MAX));
        assert_eq!(bucket.wait(start, u64::MAX), Duration::ZERO);
        bucket.set_rate(start, RATE);
        assert!(!bucket.take(start, 1), "it was empty");
        assert!(bucket.take(start + Duration::from_millis(1), 1));
    }
}
