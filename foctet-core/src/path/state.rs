use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::liveness::Liveness;
use super::score::{Health, Reach, Score, Standing};
use super::{CloseReason, PathKey, PathStatus};

/// Round trips that a path must carry after it died and came back.
const PROVING_ROUND_TRIPS: u32 = 3;

/// How long it must last, the first time; each death doubles that.
const PROVING_TIME: Duration = Duration::from_secs(2);

/// Doublings at most, which makes 64 s.
const MAX_DOUBLINGS: u32 = 5;

/// How often a path on probation is pinged, so that it can prove itself: seldom enough for the peer to echo it.
const PROVING_PING: Duration = Duration::from_millis(1250);

/// Paths whose death is remembered.
const MAX_DEATHS: usize = 16;

/// One path of the connection.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) id: u32,
    pub(super) key: PathKey,
    pub(super) liveness: Liveness,
    /// The status that we have given it, as far as we have.
    pub(super) told: Option<PathStatus>,
    /// The status that the peer has given it.
    pub(super) remote: Option<PathStatus>,
    /// Since when the peer, which was on it with us, is so no more.
    pub(super) left_at: Option<Instant>,
    /// The peer, which decides, has left it for a worse one. It knows why, and we may not.
    pub(super) doubted: bool,
    pub(super) relay_lost: bool,
    /// Until when it is not closed, because the whole network was gone a moment ago.
    pub(super) expected_until: Option<Instant>,
    /// Since when the peer has left its relay.
    pub(super) relay_left: Option<Instant>,
    pub(super) closing: Option<Closing>,
    pub(super) wants_ping: bool,
    /// Until when it must have lasted, if it died before and has not proved itself since.
    probation_until: Option<Instant>,
    needed_round_trips: u32,
    next_ping: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) why: CloseReason,
    pub(super) told: bool,
}

impl Path {
    pub(super) fn new(now: Instant, id: u32, key: PathKey, deaths: u32) -> Self {
        let doublings = deaths.saturating_sub(1).min(MAX_DOUBLINGS);
        Self {
            id,
            key,
            liveness: Liveness::new(now),
            told: None,
            remote: None,
            left_at: None,
            doubted: false,
            relay_lost: false,
            expected_until: None,
            relay_left: None,
            closing: None,
            wants_ping: false,
            probation_until: (deaths > 0).then(|| now + PROVING_TIME * (1 << doublings)),
            needed_round_trips: PROVING_ROUND_TRIPS,
            next_ping: now,
        }
    }

    pub(super) fn score(&self) -> Score {
        Score {
            health: match () {
                () if self.relay_lost => Health::Lost,
                () if self.liveness.is_suspect() => Health::Suspect,
                () => Health::Alive,
            },
            standing: match self.probation_until {
                None if !self.doubted => Standing::Trusted,
                _ => Standing::Probation,
            },
            reach: match () {
                () if self.key.is_direct() => Reach::Direct,
                () if self.relay_left.is_some() => Reach::Left,
                () => Reach::Relayed,
            },
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.closing.is_none() && self.score().health == Health::Alive
    }

    /// Whether it is relayed, to be relied on, and to stay.
    pub(super) fn stands_by(&self) -> bool {
        self.is_alive() && self.score().reach == Reach::Relayed
    }

    /// The peer's evidence speaks against it, and ours does not see why.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.left_at = None;
        self.liveness.suspect(now);
        self.needed_round_trips = self.liveness.round_trips().saturating_add(PROVING_ROUND_TRIPS);
        self.probation_until = Some(now + PROVING_TIME);
        self.wants_ping = true;
    }

    /// Lets a path on probation prove itself.
    pub(super) fn prove(&mut self, now: Instant) {
        let Some(until) = self.probation_until else { return };
        if self.liveness.round_trips() >= self.needed_round_trips && now >= until {
            self.probation_until = None;
        } else if self.next_ping <= now {
            self.wants_ping = true;
            self.next_ping = now + PROVING_PING;
        }
    }

    pub(super) fn proving_deadline(&self) -> Option<Instant> {
        self.probation_until.map(|_| self.next_ping)
    }
}

/// How often each path died. Old ones are forgotten first.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    known: VecDeque<(PathKey, u32)>,
}

impl Deaths {
    pub(super) fn of(&self, key: PathKey) -> u32 {
        self.known.iter().find(|(known, _)| *known == key).map_or(0, |(_, deaths)| *deaths)
    }

    pub(super) fn note(&mut self, key: PathKey) {
        let deaths = self.of(key).saturating_add(1);
        self.known.retain(|(known, _)| *known != key);
        if self.known.len() >= MAX_DEATHS {
            self.known.pop_front();
        }
        self.known.push_back((key, deaths));
    }

    /// The network is another one: what was dead there may live here.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}
