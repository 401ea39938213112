//! Bytes that arrive, and how fast they came once the connection was warm.

use std::time::{Duration, Instant};

/// Counts what arrives, at given times.
#[derive(Debug)]
pub(super) struct Counter {
    warm_up: Duration,
    first: Option<Instant>,
    last: Option<Instant>,
    total: u64,
    warm: u64,
}

impl Counter {
    /// What arrives within `warm_up` of the first byte is not counted, if anything else does.
    pub(super) fn new(warm_up: Duration) -> Self {
        Self { warm_up, first: None, last: None, total: 0, warm: 0 }
    }

    /// So many bytes arrived at `now`.
    pub(super) fn add(&mut self, bytes: usize, now: Instant) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let first = *self.first.get_or_insert(now);
        self.last = Some(now);
        self.total = self.total.saturating_add(bytes);
        if now.saturating_duration_since(first) >= self.warm_up {
            self.warm = self.warm.saturating_add(bytes);
        }
    }

    /// All that arrived.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// What counts, and in which time it came: zero if everything came at once.
    pub(super) fn counted(&self) -> (u64, Duration) {
        let (Some(first), Some(last)) = (self.first, self.last) else { return (0, Duration::ZERO) };
        let whole = last.saturating_duration_since(first);
        match whole.checked_sub(self.warm_up) {
            Some(after) if !after.is_zero() => (self.warm, after),
            _ => (self.total, whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_the_warm_up_is_not_counted_unless_it_is_all() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut counter = Counter::new(Duration::from_millis(100));
        assert_eq!(counter.counted(), (0, Duration::ZERO));
        counter.add(5, at(0));
        counter.add(7, at(50));
        assert_eq!(counter.counted(), (12, Duration::from_millis(50)));
        counter.add(11, at(150));
        counter.add(13, at(300));
        assert_eq!(counter.counted(), (24, Duration::from_millis(200)));
        assert_eq!(counter.total(), 36);
    }
}
