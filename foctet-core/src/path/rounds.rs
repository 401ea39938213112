use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// NAT traversal rounds in any 60 s. A round sends an address 9 probes at most, and one that never answered may get 40
/// packets a minute.
pub const MAX_ROUNDS_PER_MINUTE: usize = 4;

/// Of these, what time alone may start. One is left for whatever changes: an address, the network.
const MAX_RETRIES_PER_MINUTE: usize = MAX_ROUNDS_PER_MINUTE - 1;

const MINUTE: Duration = Duration::from_secs(60);

/// The first pause between two rounds while there is no direct path; each one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = MINUTE;

/// Doublings after which the pause is at its longest.
const MAX_STEP: u32 = 6;

/// Many things mostly change at once (interfaces, addresses, relays), and one round does for all of them.
pub(super) const SETTLE: Duration = Duration::from_millis(250);

/// When the dialler starts NAT traversal rounds.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Something new makes one worth while.
    asked: Option<Instant>,
    /// The next one while there is no direct path.
    retry: Option<Instant>,
    step: u32,
    /// The last ones, the newest last.
    starts: VecDeque<Instant>,
    /// None is of use for now: nothing gets out.
    held: bool,
    /// Those since there was a direct path, or since the world has changed.
    fruitless: u32,
}

impl Rounds {
    /// Something has changed that makes a round worth while; it is started then at the latest.
    pub(super) fn ask(&mut self, at: Instant) {
        self.asked = Some(self.asked.map_or(at, |asked| asked.min(at)));
    }

    /// The world has changed: pauses begin anew.
    pub(super) fn restart(&mut self) {
        (self.step, self.fruitless) = (0, 0);
    }

    /// To be told always: whether there is a direct path that may be relied on.
    pub(super) fn set_direct(&mut self, now: Instant, direct: bool) {
        if direct {
            self.retry = None;
            self.restart();
        } else if self.retry.is_none() {
            self.retry = Some(now);
        }
    }

    /// To be told always: whether nothing gets out. A round would be spent in vain then, and is not started; what came to
    /// nothing before says nothing about the time after.
    pub(super) fn hold(&mut self, now: Instant, held: bool) {
        if std::mem::replace(&mut self.held, held) && !held {
            self.restart();
            // A path that was there before mostly answers in a moment, and needs none.
            let at = now + SETTLE;
            self.asked = self.asked.map(|asked| asked.max(at));
            self.retry = self.retry.map(|_| at);
        }
    }

    /// How many have found nothing so far.
    pub(super) fn fruitless(&self) -> u32 {
        self.fruitless
    }

    /// When the next one is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.held {
            return None;
        }
        let asked = self.asked.map(|asked| self.with_room(asked, MAX_ROUNDS_PER_MINUTE));
        let retry = self.retry.map(|retry| self.with_room(retry, MAX_RETRIES_PER_MINUTE));
        [asked, retry].into_iter().flatten().min()
    }

    /// When one that is due may be started, so that any minute has so many at most.
    fn with_room(&self, due: Instant, a_minute: usize) -> Instant {
        let oldest = self.starts.len().checked_sub(a_minute).and_then(|at| self.starts.get(at));
        oldest.map_or(due, |oldest| due.max(*oldest + MINUTE))
    }

    /// Whether to start one now. It counts as started then.
    pub(super) fn start(&mut self, now: Instant) -> bool {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return false;
        }
        if self.starts.len() >= MAX_ROUNDS_PER_MINUTE {
            self.starts.pop_front();
        }
        self.starts.push_back(now);
        self.asked = None;
        self.fruitless = self.fruitless.saturating_add(1);
        if self.retry.is_some() {
            let pause = FIRST_PAUSE.saturating_mul(1 << self.step).min(LONGEST_PAUSE);
            self.retry = Some(now + pause);
            self.step = (self.step + 1).min(MAX_STEP);
        }
        true
    }
}
