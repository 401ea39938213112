use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// NAT traversal rounds in any 60 s. A round sends an address 9 probes at most, and one that never answered may get 40
/// packets a minute.
pub const MAX_ROUNDS_PER_MINUTE: usize = 4;

const MINUTE: Duration = Duration::from_secs(60);

/// The first pause between two rounds while there is no direct path; each one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = MINUTE;

/// Doublings after which the pause is at its longest.
const MAX_STEP: u32 = 6;

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
}

impl Rounds {
    /// Something has changed that makes a round worth while; it is started then at the latest.
    pub(super) fn ask(&mut self, at: Instant) {
        self.asked = Some(self.asked.map_or(at, |asked| asked.min(at)));
    }

    /// The world has changed: pauses begin anew.
    pub(super) fn restart(&mut self) {
        self.step = 0;
    }

    /// To be told always: whether there is a direct path that works.
    pub(super) fn set_direct(&mut self, now: Instant, direct: bool) {
        if direct {
            self.retry = None;
            self.step = 0;
        } else if self.retry.is_none() {
            self.retry = Some(now);
        }
    }

    /// When the next one is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = match (self.asked, self.retry) {
            (Some(asked), Some(retry)) => asked.min(retry),
            (asked, retry) => asked.or(retry)?,
        };
        let room = if self.starts.len() < MAX_ROUNDS_PER_MINUTE {
            None
        } else {
            self.starts.front().map(|oldest| *oldest + MINUTE)
        };
        Some(room.map_or(due, |room| due.max(room)))
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
        if self.retry.is_some() {
            let pause = FIRST_PAUSE.saturating_mul(1 << self.step).min(LONGEST_PAUSE);
            self.retry = Some(now + pause);
            self.step = (self.step + 1).min(MAX_STEP);
        }
        true
    }
}
