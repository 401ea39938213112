//! What happens when nothing happens.

use std::time::{Duration, Instant};

use super::Mux;
use crate::ping::Pings;
use crate::{Config, ConnectionError};

/// How long the peer may be silent after we sent something that it should react to, before it is asked for a sign of
/// life. Makes a dead carrier known as such (`Stats::unanswered`) well within ten seconds.
const PROBE_AFTER: Duration = Duration::from_secs(3);

/// How often the round trip is measured while data arrives. Often enough for a window that doubles to reach its ceiling
/// within a second, seldom enough to cost nothing.
const MEASURE_EVERY: Duration = Duration::from_millis(200);

/// When the peer and we last did what.
///
/// What we send counts against the idle timeout only once after each sign of life from the peer (RFC 9000, section 10.1):
/// a carrier swallows a lot after its other end has died. To make up for it a peer that is silent for long after we
/// sent something is asked; one that lives answers.
#[derive(Debug)]
pub(super) struct Timers {
    ours: Option<Duration>,
    /// The smaller of both sides' values.
    idle: Option<Duration>,
    keep_alive: Option<Duration>,
    last_received: Instant,
    /// When, since then, we first sent what the peer should react to.
    first_sent: Option<Instant>,
    /// Whether, since then, the peer was asked for a sign of life.
    probed: bool,
    /// Whether data arrived since the round trip was last measured.
    measure: bool,
}

impl Timers {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self {
            ours: config.max_idle_timeout,
            idle: config.max_idle_timeout,
            keep_alive: config.keep_alive,
            last_received: now,
            first_sent: None,
            probed: false,
            measure: false,
        }
    }

    /// The peer has said its idle timeout.
    pub(super) fn negotiated(&mut self, peer: Option<Duration>) {
        self.idle = match (self.ours, peer) {
            (Some(ours), Some(peer)) => Some(ours.min(peer)),
            (ours, peer) => ours.or(peer),
        };
    }

    pub(super) fn last_received(&self) -> Instant {
        self.last_received
    }

    /// A whole record arrived.
    pub(super) fn received(&mut self, now: Instant) {
        self.last_received = now;
        self.first_sent = None;
        self.probed = false;
    }

    /// Stream data arrived.
    pub(super) fn data_received(&mut self) {
        self.measure = true;
    }

    /// A record was sent that the peer should react to.
    pub(super) fn sent(&mut self, now: Instant) {
        self.first_sent.get_or_insert(now);
    }

    fn idle_at(&self) -> Option<Instant> {
        self.first_sent.unwrap_or(self.last_received).checked_add(self.idle?)
    }

    fn probe_at(&self) -> Option<Instant> {
        if self.probed {
            return None;
        }
        let wait = self.idle.map_or(PROBE_AFTER, |idle| PROBE_AFTER.min(idle / 4));
        self.first_sent?.checked_add(wait)
    }

    /// `None` also while a question waits for the carrier: another would not help.
    fn keep_alive_at(&self, pings: &Pings) -> Option<Instant> {
        if pings.is_wanted() {
            return None;
        }
        let last = pings.last_asked_at().map_or(self.last_received, |asked| asked.max(self.last_received));
        last.checked_add(self.keep_alive?)
    }

    fn measure_at(&self, last_asked: Option<Instant>) -> Option<Instant> {
        if !self.measure {
            return None;
        }
        last_asked.map_or(Some(self.last_received), |asked| asked.checked_add(MEASURE_EVERY))
    }
}

impl Mux {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called next. Any call may change it.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.error.is_some() {
            return None;
        }
        let timers = &self.timers;
        // Measuring waits for the next input or timeout: it is not worth a timer of its own.
        [timers.idle_at(), timers.probe_at(), timers.keep_alive_at(&self.pings)].into_iter().flatten().min()
    }

    /// Time has passed. Calling it early or late does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.error.is_some() {
            return;
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.timers.idle_at()) {
            self.lose(ConnectionError::TimedOut);
            return;
        }
        if due(self.timers.probe_at()) {
            self.timers.probed = true;
            self.pings.ask();
        }
        if due(self.timers.keep_alive_at(&self.pings)) {
            // Nothing goes on that would need them.
            self.copies.clear();
            self.pings.ask();
        }
    }

    /// Has the round trip measured if it is time.
    pub(super) fn measure(&mut self) {
        if self.timers.measure_at(self.pings.last_asked_at()).is_some_and(|at| at <= self.now) {
            self.timers.measure = false;
            self.pings.ask();
        }
    }
}
