//! What the agent makes of what it knows.

use std::time::{Duration, Instant};

use super::{PathAgent, Reset, Role};
use crate::path::score::{Health, Reach, Score, Standing, is_clearly_faster};
use crate::path::state::{Closing, Path};
use crate::path::{ChangeReason, CloseReason, Event, PathStatus};

/// Round trips that a path must have carried before its speed counts.
const MEASURED: u32 = 3;

/// Between two changes for the sake of speed.
const SPEED_PAUSE: Duration = Duration::from_secs(5);

/// How long, once the first path answers after none did, relayed ones are waited for. Closing one keeps what was in flight on it
/// for three probe timeouts (draft-ietf-quic-multipath, section 3.4), and these are as long as the outage where packets were
/// delivered late, which connections to relays had held up. A path that comes back tells in one round trip what was lost, and
/// mostly they do, one after the other within a second.
const RETURN_GRACE: Duration = Duration::from_millis(1500);

/// Between two resets of the probes' backoff while nothing comes back on any path.
pub(super) const RESET_PAUSE: Duration = Duration::from_secs(1);

impl PathAgent {
    /// Judges everything anew. Called after all that may change a judgement.
    pub(super) fn decide(&mut self, now: Instant) {
        self.judge_liveness(now);
        self.judge_stall(now);
        self.close_the_dead(now);
        self.select(now);
        self.rounds.hold(now, self.stalled || self.unheard_since.is_some());
        // One that is merely suspect will answer or be closed, and a false alarm is worth no round.
        let direct = self.paths.iter().any(|path| {
            path.closing.is_none() && path.key.is_direct() && path.score().standing == Standing::Trusted
        });
        self.rounds.set_direct(now, direct);
    }

    fn judge_liveness(&mut self, now: Instant) {
        let silence = self.config.silence;
        let mut suspicion = false;
        let selected = self.selected;
        let peer_elsewhere = self.role == Role::Dialler
            && self.paths.iter().any(|path| {
                selected != Some(path.id) && path.remote == Some(PathStatus::Available) && path.is_alive()
            });
        for path in self.paths.iter_mut().filter(|path| path.closing.is_none()) {
            if path.is_alive() {
                path.expected_until = None;
            }
            if selected == Some(path.id) {
                if path.liveness.judge(now, silence) {
                    path.wants_ping = true;
                    suspicion = true;
                }
                if peer_elsewhere && path.left_at.is_some_and(|at| is_left(path, at, now, silence)) {
                    path.doubt(now);
                    suspicion = true;
                }
            }
            // Acknowledgements take the path that the peer sends on. So an idle path shows that it works by an echo alone.
            if path.liveness.take_echo() && selected != Some(path.id) {
                path.wants_ping = true;
            }
            if path.liveness.ask(now, silence) {
                path.wants_ping = true;
            }
            path.prove(now);
        }
        if suspicion {
            // Whether the path is dead or the network gone is seen by what the others answer.
            for path in self.paths.iter_mut().filter(|path| path.is_alive()) {
                path.wants_ping = true;
            }
        }
    }

    fn judge_stall(&mut self, now: Instant) {
        let any_alive = self.paths.iter().any(Path::is_alive);
        let stalled = !any_alive && !self.paths.is_empty();
        if stalled != self.stalled {
            self.stalled = stalled;
            self.tell(if stalled { Event::Stalled } else { Event::Recovered });
            if !stalled {
                // The first has answered. The others get as long as that from now on, their probes being far apart.
                for path in self.paths.iter_mut().filter(|path| !path.is_alive() && path.closing.is_none()) {
                    path.expected_until = (!path.key.is_direct()).then(|| now + RETURN_GRACE);
                    path.liveness.forgive(now);
                    path.wants_ping = true;
                }
                self.wants_reset = Some(Reset::News);
            }
        }
        if stalled && self.reset_at.is_none_or(|at| now.saturating_duration_since(at) >= RESET_PAUSE) {
            self.wants_reset.get_or_insert(Reset::Stalled);
        }
    }

    fn close_the_dead(&mut self, now: Instant) {
        let dead: Vec<(u32, CloseReason)> =
            self.paths.iter().filter_map(|path| Some((path.id, self.why_close(path, now)?))).collect();
        for (id, why) in dead {
            let others = self.paths.iter().any(|path| path.id != id && path.is_alive());
            if others && let Some(path) = self.path_mut(id) {
                path.closing = Some(Closing { why, told: false });
                path.wants_ping = false;
            }
        }
    }

    fn why_close(&self, path: &Path, now: Instant) -> Option<CloseReason> {
        if path.closing.is_some() || path.expected_until.is_some_and(|until| now < until) {
            return None;
        }
        if path.relay_lost {
            return Some(CloseReason::RelayLost);
        }
        if let Some(since) = path.relay_left
            && self.selected != Some(path.id)
            && self.paths.iter().any(|other| other.stands_by() && other.liveness.has_heard_since(since))
        {
            return Some(CloseReason::RelayLeft);
        }
        let since = path.liveness.suspect_since()?;
        let overdue = now.saturating_duration_since(since) >= path.liveness.pto();
        // Heard later than it became suspect, and by a sample of its own.
        let another_answers = self
            .paths
            .iter()
            .any(|other| other.id != path.id && other.is_alive() && other.liveness.heard_at() > since);
        (overdue && another_answers).then_some(CloseReason::NoAnswer)
    }

    fn select(&mut self, now: Instant) {
        let Some(to) = (match self.role {
            Role::Dialler => self.best(now),
            Role::Acceptor => self.the_peers_choice().or_else(|| self.best_for_a_follower(now)),
        }) else {
            self.selected = None;
            return;
        };
        if self.selected == Some(to) {
            return;
        }
        let why = self.why_change(to);
        if why == ChangeReason::PeerMoved {
            self.doubt_what_the_peer_left(to);
        }
        if why == ChangeReason::Faster {
            self.sped_up_at = Some(now);
        }
        let from = self.selected.replace(to);
        self.fallen = None;
        self.tell(Event::Changed { from, to, why });
    }

    /// A peer that moves to a worse path has evidence against the better one, which counts when we choose ourselves.
    fn doubt_what_the_peer_left(&mut self, to: u32) {
        let Some(new) = self.path(to).map(Path::score) else { return };
        if let Some(old) = self.selected.and_then(|id| self.path_mut(id)) {
            old.doubted |= old.score() < new && old.remote == Some(PathStatus::Backup);
        }
    }

    /// The path that ought to carry the data.
    fn best(&self, now: Instant) -> Option<u32> {
        let open = || self.paths.iter().filter(|path| path.closing.is_none());
        let best = open().map(Path::score).min()?;
        let fastest = open()
            .filter(|path| path.score() == best)
            .min_by_key(|path| (!is_measured(path), path.liveness.rtt(), path.id))?;
        let Some(current) = self.selected.and_then(|id| self.path(id)).filter(|path| path.closing.is_none())
        else {
            return Some(fastest.id);
        };
        if best == current.score() {
            let rested = self.sped_up_at.is_none_or(|at| now.saturating_duration_since(at) >= SPEED_PAUSE);
            let faster = is_measured(fastest)
                && is_measured(current)
                && is_clearly_faster(fastest.liveness.rtt(), current.liveness.rtt());
            return Some(if rested && faster { fastest.id } else { current.id });
        }
        // Where nothing answers, there is nothing to choose from: whichever answers first is it.
        if best.health == Health::Suspect && current.score().health == Health::Suspect {
            return Some(current.id);
        }
        Some(fastest.id)
    }

    /// The best of those that the peer sends on, if one is alive.
    fn the_peers_choice(&self) -> Option<u32> {
        let chosen =
            || self.paths.iter().filter(|path| path.remote == Some(PathStatus::Available) && path.is_alive());
        // While it moves from one to another both may seem chosen, for a moment; then what we have is good enough.
        let current = chosen().find(|path| self.selected == Some(path.id));
        let best = chosen().min_by_key(|path| (path.score(), path.liveness.rtt(), path.id))?;
        match current {
            Some(current) if current.score() <= best.score() => Some(current.id),
            _ => Some(best.id),
        }
    }

    /// What a follower does on its own: it stays where it is, as long as that is alive, if the peer chooses at all.
    fn best_for_a_follower(&self, now: Instant) -> Option<u32> {
        let peer_chooses = self.paths.iter().any(|path| path.remote.is_some());
        let current = self.selected.and_then(|id| self.path(id)).filter(|path| path.is_alive());
        match current {
            Some(current) if peer_chooses => Some(current.id),
            _ => self.best(now),
        }
    }

    fn why_change(&self, to: u32) -> ChangeReason {
        let Some(new) = self.path(to) else { return ChangeReason::Closed };
        let Some(old) = self.selected.and_then(|id| self.path(id)) else {
            return self.fallen.unwrap_or(ChangeReason::First);
        };
        let (new_score, old_score): (Score, Score) = (new.score(), old.score());
        match (old_score.health, old.closing.map(|closing| closing.why)) {
            (Health::Lost, _) | (_, Some(CloseReason::RelayLost)) => return ChangeReason::RelayLost,
            (Health::Suspect, _) | (_, Some(CloseReason::NoAnswer)) => return ChangeReason::NoAnswer,
            (Health::Alive, Some(CloseReason::RelayLeft)) => return ChangeReason::RelayLeft,
            (Health::Alive, None) => {}
        }
        if self.role == Role::Acceptor && new.remote == Some(PathStatus::Available) {
            return ChangeReason::PeerMoved;
        }
        match (new_score.reach, old_score.reach) {
            // It was the one before, or has died once.
            (Reach::Direct, Reach::Relayed | Reach::Left)
                if self.deaths.of(new.key) > 0 || new.told.is_some_and(was_used) =>
            {
                ChangeReason::Answers
            }
            (Reach::Direct, Reach::Relayed | Reach::Left) => ChangeReason::Direct,
            (Reach::Relayed, Reach::Left) => ChangeReason::RelayLeft,
            _ if new_score == old_score => ChangeReason::Faster,
            _ => ChangeReason::Answers,
        }
    }
}

/// Whether the peer has left a path for good, and does not merely follow our last change but one.
fn is_left(path: &Path, left_at: Instant, now: Instant, silence: Duration) -> bool {
    let pto = path.liveness.pto();
    let silent = now.saturating_duration_since(path.liveness.heard_at()) >= pto.max(silence / 2);
    silent || now.saturating_duration_since(left_at) >= (pto * 2).max(silence / 2)
}

/// A path that was given a status before is one that had its turn.
fn was_used(status: PathStatus) -> bool {
    status == PathStatus::Backup
}

fn is_measured(path: &Path) -> bool {
    path.liveness.round_trips() >= MEASURED
}
