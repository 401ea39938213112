use std::time::{Duration, Instant};

use super::Counters;

/// The peer's largest delay of an acknowledgement (RFC 9000, section 18.2, its default).
const MAX_ACK_DELAY: Duration = Duration::from_millis(25);

/// Timer granularity (RFC 9002, section 6.1.2).
const GRANULARITY: Duration = Duration::from_millis(1);

/// The least share of the round-trip time that is granted for its variation. Below it a path without jitter would be
/// judged by the scheduler of the peer's machine.
const LEAST_VARIATION_PART: u32 = 8;

/// Datagrams received within a second or two that make a stream of them, whose end is worth a question.
const STREAM: u64 = 16;

/// How long a count of received datagrams lasts.
const WINDOW: Duration = Duration::from_secs(1);

/// What comes in on a path is echoed if nothing went out for so long; not sooner, so that echoes have no echo.
const ECHO_AFTER: Duration = Duration::from_secs(1);

/// How often a suspicion may double the patience: after three times it is eightfold.
const MAX_FALSE_ALARMS: u8 = 3;

/// How long until a false alarm is forgotten.
const FORGET_FALSE_ALARM: Duration = Duration::from_secs(30);

/// A silence longer than this was no false alarm, even if it ended.
const LONGEST_FALSE_ALARM: Duration = Duration::from_secs(1);

/// Patience has this end, however many false alarms there were: several times what a satellite needs.
const MAX_PATIENCE: Duration = Duration::from_secs(3);

/// What the counters of one path tell about it.
#[derive(Debug)]
pub(super) struct Liveness {
    /// `None` until the first sample, which is where counting begins.
    seen: Option<Counters>,
    /// As in RFC 9002, but from samples of the smoothed time.
    variation: Duration,
    /// Since when an answer is due: something went out, and nothing has come in since.
    awaiting_since: Option<Instant>,
    suspect_since: Option<Instant>,
    sent_at: Instant,
    /// Something came in after a long time in which nothing went out.
    owes_echo: bool,
    begun_at: Instant,
    heard_at: Instant,
    moved_at: Instant,
    round_trips: u32,
    false_alarms: u8,
    last_false_alarm: Instant,
    /// Datagrams received in the current window and in the one before.
    window: (Instant, u64, u64),
}

impl Liveness {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            seen: None,
            variation: Duration::ZERO,
            awaiting_since: None,
            suspect_since: None,
            sent_at: now,
            owes_echo: false,
            begun_at: now,
            heard_at: now,
            moved_at: now,
            round_trips: 0,
            false_alarms: 0,
            last_false_alarm: now,
            window: (now, 0, 0),
        }
    }

    /// Takes a sample. Whether it ended a suspicion.
    pub(super) fn observe(&mut self, now: Instant, counters: Counters) -> bool {
        let Some(seen) = self.seen.replace(counters) else {
            self.variation = counters.rtt / 2;
            if counters.received > 0 {
                self.heard_at = now;
            }
            return false;
        };
        let sent = counters.sent > seen.sent;
        let heard = counters.received.saturating_sub(seen.received);
        if sent || heard > 0 {
            self.moved_at = now;
        }
        // With what goes out now, an echo went out too.
        self.owes_echo = !sent && heard > 0 && now.saturating_duration_since(self.sent_at) >= ECHO_AFTER;
        if sent {
            self.sent_at = now;
        }
        if heard == 0 {
            // What went out together with something that came in may be answered already. If it is not, it is sent
            // again (RFC 9002, section 6.2.4), and that is seen here.
            if sent && self.awaiting_since.is_none() {
                self.awaiting_since = Some(now);
            }
            return false;
        }
        let moved_by = counters.rtt.abs_diff(seen.rtt);
        self.variation = self.variation.saturating_mul(3).saturating_add(moved_by) / 4;
        self.heard_at = now;
        self.count(now, heard);
        if self.awaiting_since.take().is_some() || sent {
            self.round_trips = self.round_trips.saturating_add(1);
        }
        let Some(since) = self.suspect_since.take() else { return false };
        if now.saturating_duration_since(since) < LONGEST_FALSE_ALARM {
            self.false_alarms = self.false_alarms.saturating_add(1).min(MAX_FALSE_ALARMS);
            self.last_false_alarm = now;
        }
        true
    }

    fn count(&mut self, now: Instant, heard: u64) {
        let (start, current, before) = &mut self.window;
        let age = now.saturating_duration_since(*start);
        if age >= WINDOW {
            *before = if age < WINDOW * 2 { *current } else { 0 };
            *current = 0;
            *start = now;
        }
        *current = current.saturating_add(heard);
    }

    /// Whether to send something because something came in.
    pub(super) fn take_echo(&mut self) -> bool {
        std::mem::take(&mut self.owes_echo)
    }

    /// The peer has evidence of its own.
    pub(super) fn suspect(&mut self, now: Instant) {
        self.suspect_since.get_or_insert(now);
    }

    /// Becomes suspect if an answer is overdue. Whether it has just become so.
    pub(super) fn judge(&mut self, now: Instant, silence: Duration) -> bool {
        if self.false_alarms > 0 && now.saturating_duration_since(self.last_false_alarm) >= FORGET_FALSE_ALARM
        {
            self.false_alarms -= 1;
            self.last_false_alarm = now;
        }
        let overdue = self
            .awaiting_since
            .is_some_and(|since| now.saturating_duration_since(since) >= self.patience(silence));
        if overdue && self.suspect_since.is_none() {
            self.suspect_since = Some(now);
            return true;
        }
        false
    }

    /// How long an answer may take.
    fn patience(&self, silence: Duration) -> Duration {
        let usual = (self.pto() * 2).max(silence);
        usual.saturating_mul(1 << self.false_alarms).min(MAX_PATIENCE.max(usual))
    }

    /// Whether a stream of datagrams from the peer has stopped. True once for each.
    pub(super) fn ask(&mut self, now: Instant, silence: Duration) -> bool {
        let due = self.ask_at(silence).is_some_and(|at| at <= now);
        if due {
            // The answer shall not count as part of the stream, and be asked about in turn.
            self.window = (now, 0, 0);
        }
        // Long after, the question is pointless: the application has fallen silent.
        due && now.saturating_duration_since(self.heard_at) < WINDOW.max(silence * 2)
    }

    fn ask_at(&self, silence: Duration) -> Option<Instant> {
        let (_, current, before) = self.window;
        let streaming = current.saturating_add(before) >= STREAM;
        (streaming && self.awaiting_since.is_none()).then(|| self.heard_at + silence)
    }

    /// When something changes by time alone.
    pub(super) fn deadline(&self, silence: Duration) -> Option<Instant> {
        match (self.suspect_since, self.awaiting_since) {
            (Some(_), _) => None,
            (None, Some(since)) => Some(since + self.patience(silence)),
            (None, None) => self.ask_at(silence),
        }
    }

    /// Time has jumped: nobody looked, so that silence in between is no evidence.
    pub(super) fn forgive(&mut self, now: Instant) {
        self.awaiting_since = self.awaiting_since.map(|_| now);
        self.suspect_since = self.suspect_since.map(|_| now);
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.suspect_since.is_some()
    }

    /// Since when, if so.
    pub(super) fn suspect_since(&self) -> Option<Instant> {
        self.suspect_since
    }

    pub(super) fn is_awaiting(&self) -> bool {
        self.awaiting_since.is_some()
    }

    /// When something was last received, as far as samples tell.
    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Whether anything was received since then, as far as samples tell.
    pub(super) fn has_heard_since(&self, then: Instant) -> bool {
        self.heard_at > self.begun_at.max(then)
    }

    /// When something was last sent or received.
    pub(super) fn moved_at(&self) -> Instant {
        self.moved_at
    }

    pub(super) fn round_trips(&self) -> u32 {
        self.round_trips
    }

    pub(super) fn rtt(&self) -> Duration {
        self.seen.map(|seen| seen.rtt).unwrap_or_default()
    }

    /// The probe timeout (RFC 9002, section 6.2.1).
    pub(super) fn pto(&self) -> Duration {
        let rtt = self.rtt();
        let variation = self.variation.max(rtt / LEAST_VARIATION_PART);
        rtt.saturating_add(variation.saturating_mul(4).max(GRANULARITY))
            .saturating_add(MAX_ACK_DELAY)
            // A peer cannot make us wait for ever by delaying its answers.
            .min(MAX_PATIENCE)
    }
}
