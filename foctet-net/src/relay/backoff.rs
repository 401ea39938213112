use std::time::Duration;

/// The shortest wait before a leg is dialled again.
const SHORTEST: Duration = Duration::from_millis(200);

/// The longest one: a relay that comes back is found within it.
const LONGEST: Duration = Duration::from_secs(30);

/// How long to wait before the next attempt: anything from the shortest wait to a bound that doubles with every failure,
/// so that the clients of a relay that restarts do not come back all at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure. `random` is any number, each as likely as the others.
    pub(super) fn next(&mut self, random: u32) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let bound = 2_u32
            .checked_pow(self.failures)
            .map_or(LONGEST, |factor| SHORTEST.saturating_mul(factor).min(LONGEST));
        let fraction = f64::from(random) / f64::from(u32::MAX);
        SHORTEST + (bound - SHORTEST).mul_f64(fraction)
    }

    /// The leg was up.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_half_a_minute_and_starts_anew_after_success() {
        let mut backoff = Backoff::default();
        let bounds: Vec<_> = (0..10).map(|_| backoff.next(u32::MAX).as_millis()).collect();
        assert_eq!(bounds, [400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
        backoff.reset();
        assert_eq!(backoff.next(u32::MAX), SHORTEST * 2);
    }

    #[test]
    fn jitter_takes_the_whole_range_and_never_less_than_the_shortest() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.next(0), SHORTEST);
        assert_eq!(backoff.next(u32::MAX), LONGEST);
        let middle = backoff.next(u32::MAX / 2);
        assert!(middle > Duration::from_secs(14) && middle < Duration::from_secs(16), "{middle:?}");
    }
}
