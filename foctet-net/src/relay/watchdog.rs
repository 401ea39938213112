use std::time::{Duration, Instant};

/// After how much silence the relay is asked for a sign of life.
const ASK_AFTER: Duration = Duration::from_secs(9);

/// After how much silence the leg is given up. Noticed a second later at most, and so within 20 s of the last sign.
const DEAD_AFTER: Duration = Duration::from_secs(18);

/// After how much silence it is given up once the network has changed, and the relay was asked whether it still hears us: a
/// leg from an address that is gone carries nothing, and nobody says so. Several round trips of the longest way; a leg
/// that was given up too early costs a handshake.
const DEAD_AFTER_CHANGE: Duration = Duration::from_secs(2);

/// Never trusts a silent leg.
#[derive(Debug)]
pub(super) struct Watchdog {
    received: u64,
    since: Instant,
    asked: bool,
    doubted: bool,
}

/// What to do about a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Alive,
    /// Ask the relay for a sign of life.
    Ask,
    /// Give the leg up.
    Dead,
}

impl Watchdog {
    pub(super) fn new(now: Instant, received: u64) -> Self {
        Self { received, since: now, asked: false, doubted: false }
    }

    /// The network has changed, and the relay is asked for a sign of life.
    pub(super) fn doubt(&mut self, now: Instant, received: u64) {
        *self = Self { asked: true, doubted: true, ..Self::new(now, received) };
    }

    /// To be called every second, with how many bytes the leg has received by now.
    pub(super) fn look(&mut self, now: Instant, received: u64) -> Verdict {
        if received != self.received {
            *self = Self::new(now, received);
            return Verdict::Alive;
        }
        let silent = now.saturating_duration_since(self.since);
        if silent >= if self.doubted { DEAD_AFTER_CHANGE } else { DEAD_AFTER } {
            return Verdict::Dead;
        }
        if silent >= ASK_AFTER && !self.asked {
            self.asked = true;
            return Verdict::Ask;
        }
        Verdict::Alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_leg_is_asked_once_and_then_given_up() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start, 0);
        let at = |seconds| start + Duration::from_secs(seconds);
        let verdicts: Vec<_> = (1..=18).map(|second| watchdog.look(at(second), 0)).collect();
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Ask).count(), 1);
        assert_eq!((verdicts[8], verdicts[16], verdicts[17]), (Verdict::Ask, Verdict::Alive, Verdict::Dead));
    }

    #[test]
    fn anything_received_begins_the_count_anew() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start, 0);
        for second in 1..200_u64 {
            let verdict = watchdog.look(start + Duration::from_secs(second), second / 10);
            assert_ne!(verdict, Verdict::Dead, "{second}");
        }
    }

    #[test]
    fn after_a_change_of_the_network_a_leg_has_two_seconds_to_show_that_it_works() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watchdog = Watchdog::new(start, 0);
        // What came before the change says nothing.
        watchdog.doubt(at(5), 7);
        assert_eq!(watchdog.look(at(6), 7), Verdict::Alive);
        assert_eq!(watchdog.look(at(7), 7), Verdict::Dead);
        watchdog.doubt(at(5), 7);
        assert_eq!(watchdog.look(at(6), 8), Verdict::Alive);
        assert_eq!(watchdog.look(at(14), 8), Verdict::Alive);
        assert_eq!(watchdog.look(at(15), 8), Verdict::Ask, "all is as before");
    }
}
