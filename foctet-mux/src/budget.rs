//! How much pointless work a peer may cause.

use std::time::{Duration, Instant};

use crate::Violation;

/// How many pointless frames may come at once.
///
/// An honest peer's races (a credit or a STOP_SENDING for a stream that just ended, a second answer to a QX_PING) stay
/// far below: each goes with a stream, and streams earn.
pub(crate) const POINTLESS_BURST: u64 = 10_000;

/// How many more may come each second of silence or chatter. Handling one takes well under a microsecond, so this is a
/// thousandth of one core.
pub(crate) const POINTLESS_PER_SECOND: u64 = 1_000;

/// How many pointless frames each useful one makes up for: one for the stream's credit and one for the connection's.
pub(crate) const EARNED_BY_USE: u64 = 2;

/// How many bytes of stream data make up for one pointless frame more: there are peers that grant credit for every
/// small piece that they read.
pub(crate) const BYTES_PER_TOKEN: u64 = 64;

/// How many bytes of PADDING count as one pointless frame.
pub(crate) const PADDING_PER_TOKEN: usize = 64;

/// A bucket that pointless frames (those that change nothing, ask, or grant credit) empty, and time and useful ones
/// (stream data, either way) fill.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: u64,
    filled_at: Instant,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self { tokens: POINTLESS_BURST, filled_at: now }
    }

    /// A useful frame with this much stream data went in or out.
    pub(crate) fn earn(&mut self, bytes: u64) {
        self.add(EARNED_BY_USE + bytes / BYTES_PER_TOKEN);
    }

    /// Takes `tokens`.
    pub(crate) fn spend(&mut self, tokens: u64, frame_type: u64) -> Result<(), Violation> {
        match self.tokens.checked_sub(tokens) {
            Some(left) => {
                self.tokens = left;
                Ok(())
            }
            None => Err(Violation::protocol(frame_type, "too many frames to no purpose")),
        }
    }

    /// Time passes.
    pub(crate) fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at).min(Duration::from_secs(60));
        let earned = passed.as_micros() as u64 * POINTLESS_PER_SECOND / 1_000_000;
        if earned > 0 {
            self.add(earned);
            self.filled_at = now;
        }
    }

    fn add(&mut self, tokens: u64) {
        self.tokens = (self.tokens + tokens).min(POINTLESS_BURST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_then_the_rate_then_the_end() {
        let now = tokio::time::Instant::now().into_std();
        let mut budget = Budget::new(now);
        for _ in 0..POINTLESS_BURST {
            budget.spend(1, 0).unwrap();
        }
        assert!(budget.spend(1, 0).is_err());
        budget.refill(now + Duration::from_secs(1));
        assert!(budget.spend(POINTLESS_PER_SECOND, 0).is_ok());
        assert!(budget.spend(1, 0).is_err());
        budget.earn(0);
        assert!(budget.spend(EARNED_BY_USE, 0).is_ok());
    }

    #[test]
    fn a_pause_never_saves_up_more_than_the_burst() {
        let now = tokio::time::Instant::now().into_std();
        let mut budget = Budget::new(now);
        budget.refill(now + Duration::from_secs(1_000_000));
        assert!(budget.spend(POINTLESS_BURST, 0).is_ok());
        assert!(budget.spend(1, 0).is_err());
    }
}
