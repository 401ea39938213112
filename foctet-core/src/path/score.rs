use std::time::Duration;

/// How good a path is, the best first: every enum is declared best first, and the order of the fields is that of their
/// weight. What a probe finds can promote a path, never demote one; only evidence of its death does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Score {
    pub(super) health: Health,
    pub(super) standing: Standing,
    pub(super) reach: Reach,
}

/// What the counters say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Health {
    /// Nothing speaks against it.
    Alive,
    /// It owes an answer.
    Suspect,
    /// Its relay is out of reach.
    Lost,
}

/// What its past says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It has never died, or has proved itself since.
    Trusted,
    /// It died, and is back too short to be relied on; or the peer does not rely on it.
    Probation,
}

/// What is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    Direct,
    Relayed,
    /// Relayed, and the peer has left the relay.
    Left,
}

/// A path is clearly faster if its round trips take less by this part of the other's at least.
const FASTER_BY_PART: u32 = 4;

/// And by this much, below which a difference means nothing.
const FASTER_BY: Duration = Duration::from_millis(10);

/// Whether a change to `rtt` from `current` is worth it.
pub(super) fn is_clearly_faster(rtt: Duration, current: Duration) -> bool {
    rtt.saturating_add((current / FASTER_BY_PART).max(FASTER_BY)) <= current
}
