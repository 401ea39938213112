//! What the agent wants, and when it wants to be called.

use std::time::{Duration, Instant};

use super::judging::RESET_PAUSE;
use super::{PathAgent, Reset, Role};
use crate::path::{Action, Event, PathStatus};

/// How often to sample while an answer is due.
const SAMPLE_AWAITING: Duration = Duration::from_millis(25);

/// How often while packets move: a connection costs 20 looks a second at most then.
const SAMPLE_MOVING: Duration = Duration::from_millis(50);

/// How often once nothing has moved for [`RESTING_AFTER`].
const SAMPLE_RESTING: Duration = Duration::from_millis(250);

/// How often once nothing has moved for [`ASLEEP_AFTER`].
const SAMPLE_ASLEEP: Duration = Duration::from_secs(1);

const RESTING_AFTER: Duration = Duration::from_secs(1);
const ASLEEP_AFTER: Duration = Duration::from_secs(60);

impl PathAgent {
    /// The next thing to do; `None` when all is done. Take all there are after every call of a `handle_` function.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.poll_status().or_else(|| self.poll_close()).or_else(|| self.poll_probe()).or_else(|| {
            self.candidates.poll().or_else(|| match self.role {
                Role::Dialler => self.poll_dialler(),
                Role::Acceptor => None,
            })
        })
    }

    /// The next thing to tell the application. Of those that are not taken the oldest are dropped.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to sample the counters and call [`handle_timeout`](Self::handle_timeout); `None` while there is nothing to
    /// watch. Changes with every call of a `handle_` function.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.paths.is_empty() {
            return None;
        }
        let mut at = self.sampled_at + self.sample_every();
        for path in self.paths.iter().filter(|path| path.closing.is_none()) {
            let closes = path.liveness.suspect_since().map(|since| since + path.liveness.pto());
            let deadlines = [
                path.liveness.deadline(self.config.silence),
                closes,
                path.proving_deadline(),
                path.expected_until,
            ];
            // What is overdue waits for a sample, and not for us.
            at = deadlines
                .into_iter()
                .flatten()
                .filter(|deadline| *deadline > self.now)
                .fold(at, Instant::min);
        }
        if self.role == Role::Dialler {
            let round = self.rounds.deadline().filter(|_| self.candidates.ready());
            at = [round, self.relays.deadline()].into_iter().flatten().fold(at, Instant::min);
        }
        if self.stalled
            && let Some(reset) = self.reset_at
        {
            at = at.min(reset + RESET_PAUSE);
        }
        Some(at)
    }

    fn sample_every(&self) -> Duration {
        let open = || self.paths.iter().filter(|path| path.closing.is_none());
        if open().any(|path| path.liveness.is_awaiting() || path.liveness.is_suspect()) {
            return SAMPLE_AWAITING;
        }
        let still = open().map(|path| self.now.saturating_duration_since(path.liveness.moved_at())).min();
        match still {
            Some(still) if still < RESTING_AFTER => SAMPLE_MOVING,
            Some(still) if still < ASLEEP_AFTER => SAMPLE_RESTING,
            _ => SAMPLE_ASLEEP,
        }
    }

    /// The new path first: for a moment two carry data, and never none.
    fn poll_status(&mut self) -> Option<Action> {
        let selected = self.selected;
        let mut open: Vec<_> = self.paths.iter_mut().filter(|path| path.closing.is_none()).collect();
        open.sort_by_key(|path| (selected != Some(path.id), path.id));
        for path in open {
            let status = if selected == Some(path.id) { PathStatus::Available } else { PathStatus::Backup };
            if path.told != Some(status) {
                path.told = Some(status);
                return Some(Action::SetStatus { id: path.id, status });
            }
        }
        None
    }

    fn poll_close(&mut self) -> Option<Action> {
        for path in &mut self.paths {
            if let Some(closing) = &mut path.closing
                && !closing.told
            {
                closing.told = true;
                return Some(Action::Close { id: path.id, why: closing.why });
            }
        }
        None
    }

    fn poll_probe(&mut self) -> Option<Action> {
        if let Some(reset) = self.wants_reset.take().filter(|_| !self.paths.is_empty()) {
            self.reset_at = Some(self.now);
            // It pings them all.
            self.paths.iter_mut().for_each(|path| path.wants_ping = false);
            return Some(Action::ResetBackoff { news: reset == Reset::News });
        }
        let path = self.paths.iter_mut().find(|path| path.wants_ping)?;
        path.wants_ping = false;
        Some(Action::Ping { id: path.id })
    }

    fn poll_dialler(&mut self) -> Option<Action> {
        if self.candidates.ready() && self.rounds.start(self.now) {
            return Some(Action::StartRound);
        }
        self.relays.poll(self.now)
    }
}
