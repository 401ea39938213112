use std::time::{Duration, Instant};

/// After how much silence the relay is asked for a sign of life where nothing is to be expected from it.
const ASK_AFTER: Duration = Duration::from_secs(9);

/// After how much silence it is asked where something went out since: what we send mostly has an answer.
const ASK_AFTER_SENDING: Duration = Duration::from_secs(1);

/// How long its answer may take before another connection is tried beside the leg: longer than any way to a relay, and
/// than a relay stands still that has too much to do.
const DOUBT_AFTER: Duration = Duration::from_secs(2);

/// After how much silence the leg is given up. Noticed a second later at most, and so within 20 s of the last sign.
const DEAD_AFTER: Duration = Duration::from_secs(18);

/// Never trusts a silent leg.
#[derive(Debug)]
pub(super) struct Watchdog {
    traffic: Traffic,
    since: Instant,
    asked_at: Option<Instant>,
}

/// Bytes of a leg so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// What to do about a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Alive,
    /// Ask the relay for a sign of life.
    Ask,
    /// The sign is overdue: see whether another connection can be made.
    Doubtful,
    /// Give the leg up.
    Dead,
}

impl Watchdog {
    pub(super) fn new(now: Instant, traffic: Traffic) -> Self {
        Self { traffic, since: now, asked_at: None }
    }

    /// The network has changed, and the relay is asked for a sign of life. What came before says nothing.
    pub(super) fn asked(&mut self, now: Instant, traffic: Traffic) {
        // An answer that is due stays due, however often the network changes.
        let asked_at = self.asked_at.filter(|_| traffic.received == self.traffic.received);
        *self = Self { asked_at: asked_at.or(Some(now)), ..Self::new(now, traffic) };
    }

    /// To be called every second, with what the leg has carried by now.
    pub(super) fn look(&mut self, now: Instant, traffic: Traffic) -> Verdict {
        if traffic.received != self.traffic.received {
            *self = Self::new(now, traffic);
            return Verdict::Alive;
        }
        let silent = now.saturating_duration_since(self.since);
        if silent >= DEAD_AFTER {
            return Verdict::Dead;
        }
        if let Some(asked_at) = self.asked_at {
            let overdue = now.saturating_duration_since(asked_at) >= DOUBT_AFTER;
            return if overdue { Verdict::Doubtful } else { Verdict::Alive };
        }
        let ask_after = if traffic.sent == self.traffic.sent { ASK_AFTER } else { ASK_AFTER_SENDING };
        if silent >= ask_after {
            self.asked_at = Some(now);
            return Verdict::Ask;
        }
        Verdict::Alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Traffic = Traffic { sent: 0, received: 0 };

    fn verdicts(mut traffic: impl FnMut(u64) -> Traffic, seconds: u64) -> Vec<Verdict> {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start, NOTHING);
        (1..=seconds).map(|at| watchdog.look(start + Duration::from_secs(at), traffic(at))).collect()
    }

    #[test]
    fn an_idle_leg_is_asked_once_then_doubted_and_then_given_up() {
        let verdicts = verdicts(|_| NOTHING, 18);
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Ask).count(), 1);
        assert_eq!(
            (verdicts[8], verdicts[9], verdicts[10]),
            (Verdict::Ask, Verdict::Alive, Verdict::Doubtful)
        );
        assert_eq!((verdicts[16], verdicts[17]), (Verdict::Doubtful, Verdict::Dead));
    }

    #[test]
    fn a_leg_that_sends_and_hears_nothing_is_doubted_within_four_seconds() {
        let verdicts = verdicts(|at| Traffic { sent: at, received: 0 }, 18);
        assert_eq!(
            (verdicts[0], verdicts[1], verdicts[2]),
            (Verdict::Ask, Verdict::Alive, Verdict::Doubtful)
        );
        assert_eq!(verdicts[17], Verdict::Dead);
    }

    #[test]
    fn a_network_that_changes_all_the_time_is_no_excuse_for_silence() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start, NOTHING);
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..3 {
            watchdog.asked(at(second), NOTHING);
        }
        assert_eq!(watchdog.look(at(3), NOTHING), Verdict::Doubtful);
        let heard = Traffic { sent: 1, received: 1 };
        watchdog.asked(at(4), heard);
        assert_eq!(watchdog.look(at(5), heard), Verdict::Alive);
    }

    #[test]
    fn anything_received_begins_the_count_anew() {
        let verdicts = verdicts(|at| Traffic { sent: at / 5, received: at / 2 }, 200);
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Alive | Verdict::Ask)));
    }

    #[test]
    fn after_a_change_of_the_network_a_leg_has_two_seconds_to_show_that_it_works() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watchdog = Watchdog::new(start, NOTHING);
        let before = Traffic { sent: 7, received: 7 };
        watchdog.asked(at(5), before);
        assert_eq!(watchdog.look(at(6), before), Verdict::Alive);
        assert_eq!(watchdog.look(at(7), before), Verdict::Doubtful);
        let after = Traffic { received: 8, ..before };
        assert_eq!(watchdog.look(at(8), after), Verdict::Alive);
        assert_eq!(watchdog.look(at(16), after), Verdict::Alive);
        assert_eq!(watchdog.look(at(17), after), Verdict::Ask, "all is as before");
    }
}
