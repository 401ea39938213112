use std::time::{Duration, Instant};

use foctet_core::NodeId;

use super::relays::MAX_HOMES;

/// How often a relay that is no home is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(300);

/// The same while no home serves us.
const MEASURE_IN_NEED: Duration = Duration::from_secs(30);

/// For how long another relay must be the better one: what comes and goes is not worth a new address.
const BETTER_FOR: Duration = Duration::from_secs(600);

/// How much better: by this many milliseconds at least, and by a third.
const BETTER_BY: Duration = Duration::from_millis(10);

/// Which of the relays that a node may use are its homes: those near it that work, and no others without a reason.
#[derive(Debug)]
pub(super) struct Selection {
    candidates: Vec<Candidate>,
    /// Every one has been measured.
    settled: bool,
}

#[derive(Debug)]
struct Candidate {
    relay: NodeId,
    home: bool,
    /// None before it was first measured.
    rtt: Option<Duration>,
    /// The last attempt to use it has failed, or it is about to shut down.
    down: bool,
    /// When it was last measured, or an attempt at it ended.
    measured: Option<Instant>,
    /// Since when it is better than the worst home.
    better_since: Option<Instant>,
}

impl Selection {
    /// The first ones are homes until more is known.
    pub(super) fn new(relays: impl IntoIterator<Item = NodeId>) -> Self {
        let candidate = |(index, relay)| Candidate {
            relay,
            home: index < MAX_HOMES,
            rtt: None,
            down: false,
            measured: None,
            better_since: None,
        };
        Self { candidates: relays.into_iter().enumerate().map(candidate).collect(), settled: false }
    }

    /// The homes, in the order in which they were given.
    pub(super) fn homes(&self) -> Vec<NodeId> {
        self.candidates.iter().filter(|candidate| candidate.home).map(|candidate| candidate.relay).collect()
    }

    /// How a relay did: its round-trip time, or nothing if it does not serve us.
    pub(super) fn measured(&mut self, now: Instant, relay: NodeId, rtt: Option<Duration>) {
        if let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.relay == relay) {
            candidate.measured = Some(now);
            candidate.down = rtt.is_none();
            candidate.rtt = rtt.or(candidate.rtt);
        }
    }

    /// The relay that is to be measured next, if one is.
    pub(super) fn due(&self, now: Instant) -> Option<NodeId> {
        let others = self.candidates.iter().filter(|candidate| !candidate.home);
        let next = others.min_by_key(|candidate| candidate.measured)?;
        let in_need = self.candidates.iter().all(|candidate| !candidate.home || candidate.down);
        let every = if in_need { MEASURE_IN_NEED } else { MEASURE_EVERY };
        let due = next.measured.is_none_or(|measured| now.saturating_duration_since(measured) >= every);
        due.then_some(next.relay)
    }

    /// Decides anew; whether the homes have changed.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        let mut changed = false;
        while self.replace_one(now) {
            changed = true;
        }
        self.settled |= self.candidates.iter().all(|candidate| candidate.measured.is_some());
        changed
    }

    fn replace_one(&mut self, now: Instant) -> bool {
        // One that works, the nearest; of those that nobody knows yet the first, where a home does not work.
        let usable = |candidate: &Candidate| !candidate.home && !candidate.down;
        let nearest = |candidate: &Candidate| (candidate.rtt.is_none(), candidate.rtt);
        let best = (0..self.candidates.len())
            .filter(|index| self.candidates.get(*index).is_some_and(usable))
            .min_by_key(|index| self.candidates.get(*index).map(nearest));
        let worst = (0..self.candidates.len())
            .filter(|index| self.candidates.get(*index).is_some_and(|candidate| candidate.home))
            .max_by_key(|index| self.candidates.get(*index).map(|home| (home.down, home.rtt)));
        let (Some(best), Some(worst)) = (best, worst) else { return false };
        let (Some(home), Some(other)) = (self.candidates.get(worst), self.candidates.get(best)) else {
            return false;
        };
        let replace = if home.down {
            true
        } else {
            let better = is_better(other.rtt, home.rtt);
            let since = other.better_since.unwrap_or(now);
            for (index, candidate) in self.candidates.iter_mut().enumerate() {
                candidate.better_since = (better && index == best).then_some(since);
            }
            // At the beginning nobody knows our address yet.
            better && (!self.settled || now.saturating_duration_since(since) >= BETTER_FOR)
        };
        if replace {
            for (index, candidate) in self.candidates.iter_mut().enumerate() {
                candidate.better_since = None;
                candidate.home = (candidate.home && index != worst) || index == best;
            }
        }
        replace
    }
}

fn is_better(other: Option<Duration>, home: Option<Duration>) -> bool {
    match (other, home) {
        (Some(other), Some(home)) => home > other + BETTER_BY && other * 3 < home * 2,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use foctet_core::SecretKey;

    use super::*;

    fn relays() -> Vec<NodeId> {
        (1..=4).map(|n| SecretKey::from_bytes([n; 32]).node_id()).collect()
    }

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    struct World {
        selection: Selection,
        relays: Vec<NodeId>,
        now: Instant,
    }

    impl World {
        /// All measured, with these round-trip times.
        fn new(rtts: [u64; 4]) -> Self {
            let relays = relays();
            let mut world = Self { selection: Selection::new(relays.clone()), relays, now: Instant::now() };
            for (index, rtt) in rtts.into_iter().enumerate() {
                world.measure(index, ms(rtt));
            }
            world
        }

        fn measure(&mut self, index: usize, rtt: Option<Duration>) {
            self.selection.measured(self.now, self.relays[index], rtt);
            self.selection.settle(self.now);
        }

        fn homes(&self) -> Vec<usize> {
            let homes = self.selection.homes();
            (0..4).filter(|index| homes.contains(&self.relays[*index])).collect()
        }
    }

    #[test]
    fn at_the_beginning_the_first_two_and_then_the_nearest() {
        let selection = Selection::new(relays());
        assert_eq!(selection.homes(), relays()[..2]);
        assert_eq!(World::new([80, 30, 20, 90]).homes(), [1, 2]);
        assert_eq!(World::new([80, 90, 20, 10]).homes(), [2, 3]);
        assert_eq!(World::new([20, 20, 19, 12]).homes(), [0, 1], "not by enough");
    }

    #[test]
    fn later_another_must_be_better_for_a_while() {
        let mut world = World::new([50, 50, 60, 70]);
        let step = Duration::from_secs(300);
        world.measure(2, ms(20));
        assert_eq!(world.homes(), [0, 1]);
        world.now += step;
        world.measure(2, ms(49));
        world.now += step;
        world.measure(2, ms(20));
        assert_eq!(world.homes(), [0, 1], "it was not better in between");
        for _ in 0..2 {
            world.now += step;
            world.measure(2, ms(20));
        }
        assert!(world.homes().contains(&2));
        assert_eq!(world.homes().len(), 2);
    }

    #[test]
    fn a_home_that_fails_is_replaced_at_once_by_the_nearest_that_works() {
        let mut world = World::new([10, 11, 60, 40]);
        world.measure(3, None);
        world.measure(0, None);
        assert_eq!(world.homes(), [1, 2]);
        world.measure(1, None);
        world.measure(2, None);
        assert_eq!(world.homes().len(), 2, "nothing works: those that are there go on trying");
        world.measure(3, ms(40));
        assert!(world.homes().contains(&3));
    }

    #[test]
    fn those_that_are_no_homes_are_measured_in_turn() {
        let mut world = World::new([10, 10, 50, 50]);
        assert_eq!(world.selection.due(world.now), None);
        world.now += MEASURE_EVERY;
        assert_eq!(world.selection.due(world.now), Some(world.relays[2]));
        world.measure(2, None);
        assert_eq!(world.selection.due(world.now), Some(world.relays[3]), "a failure is a measurement");
        world.measure(3, ms(50));
        assert_eq!(world.selection.due(world.now), None);
    }
}
