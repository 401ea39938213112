//! QX_PING: questions, answers and the round trip between them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Violation;
use crate::frame::types;

/// How many questions may be without an answer; more wait, so that a silent peer costs no memory. Enough for sixteen a
/// round trip.
const MAX_UNANSWERED: usize = 16;

/// The state of QX_PING in both directions.
#[derive(Debug, Default)]
pub(crate) struct Pings {
    /// The sequence number of the next question.
    next: u64,
    wanted: bool,
    unanswered: VecDeque<(u64, Instant)>,
    /// How many questions, counted from the first, are answered.
    answered: u64,
    latest: Option<Duration>,
    smoothed: Option<Duration>,
    /// The peer's last question.
    asked: Option<u64>,
    /// Whether the peer's last question still waits for our answer.
    owing: bool,
    last_asked_at: Option<Instant>,
}

impl Pings {
    /// Has a question sent after all that was sent so far, and says which: see [`is_answered`](Self::is_answered).
    pub(crate) fn ask(&mut self) -> u64 {
        self.wanted = true;
        self.next
    }

    /// Whether that question, or a later one, has been answered.
    pub(crate) fn is_answered(&self, sequence: u64) -> bool {
        self.answered > sequence
    }

    /// The last round trip measured.
    pub(crate) fn latest(&self) -> Option<Duration> {
        self.latest
    }

    /// The smoothed round trip: RFC 9002, section 5.3, without the acknowledgement delay.
    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// When the oldest question without an answer was sent.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        self.unanswered.front().map(|(_, at)| *at)
    }

    /// When the last question was sent.
    pub(crate) fn last_asked_at(&self) -> Option<Instant> {
        self.last_asked_at
    }

    /// Whether a question was ever sent.
    pub(crate) fn has_asked(&self) -> bool {
        self.next > 0
    }

    /// Whether a question waits to be sent.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether there is a question or an answer to send.
    pub(crate) fn has_output(&self) -> bool {
        self.owing || (self.wanted && self.unanswered.len() < MAX_UNANSWERED)
    }

    /// The answer to send, to the latest question alone.
    pub(crate) fn take_answer(&mut self) -> Option<u64> {
        if std::mem::take(&mut self.owing) { self.asked } else { None }
    }

    /// The question to send.
    pub(crate) fn take_question(&mut self, now: Instant) -> Option<u64> {
        if !self.wanted || self.unanswered.len() >= MAX_UNANSWERED {
            return None;
        }
        self.wanted = false;
        let sequence = self.next;
        self.next += 1;
        self.unanswered.push_back((sequence, now));
        self.last_asked_at = Some(now);
        Some(sequence)
    }

    /// The peer asks.
    pub(crate) fn on_question(&mut self, sequence: u64) -> Result<(), Violation> {
        if self.asked.is_some_and(|last| sequence <= last) {
            return Err(Violation::protocol(types::PING, "a question not above the last"));
        }
        self.asked = Some(sequence);
        self.owing = true;
        Ok(())
    }

    /// The peer answers; whether that was news.
    pub(crate) fn on_answer(&mut self, sequence: u64, now: Instant) -> Result<bool, Violation> {
        if sequence >= self.next {
            return Err(Violation::protocol(types::PONG, "an answer to a question not asked"));
        }
        if self.is_answered(sequence) {
            return Ok(false);
        }
        self.answered = sequence + 1;
        while let Some((asked, at)) = self.unanswered.front().copied().filter(|(asked, _)| *asked <= sequence)
        {
            self.unanswered.pop_front();
            if asked == sequence {
                self.sample(now.saturating_duration_since(at));
            }
        }
        Ok(true)
    }

    fn sample(&mut self, rtt: Duration) {
        self.latest = Some(rtt);
        self.smoothed = Some(self.smoothed.map_or(rtt, |smoothed| (smoothed * 7 + rtt) / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn one_question_serves_all_who_asked_before_it_was_sent() {
        let (mut pings, now) = (Pings::default(), start());
        assert_eq!((pings.ask(), pings.ask()), (0, 0));
        assert_eq!(pings.take_question(now), Some(0));
        assert_eq!(pings.take_question(now), None);
        assert_eq!(pings.ask(), 1);
        assert_eq!(pings.on_answer(0, now + Duration::from_millis(8)), Ok(true));
        assert!(pings.is_answered(0) && !pings.is_answered(1));
        assert_eq!(pings.smoothed(), Some(Duration::from_millis(8)));
    }

    #[test]
    fn only_the_latest_question_of_a_flood_is_answered() {
        let mut pings = Pings::default();
        for sequence in 0..1_000 {
            pings.on_question(sequence).unwrap();
        }
        assert_eq!(pings.take_answer(), Some(999));
        assert_eq!(pings.take_answer(), None);
    }

    #[test]
    fn an_answer_to_the_latest_answers_the_earlier_ones() {
        let (mut pings, now) = (Pings::default(), start());
        for _ in 0..3 {
            pings.ask();
            pings.take_question(now);
        }
        assert_eq!(pings.on_answer(2, now), Ok(true));
        assert!(pings.is_answered(0) && pings.is_answered(2));
        assert_eq!(pings.on_answer(1, now), Ok(false));
        assert_eq!(pings.waiting_since(), None);
    }

    #[test]
    fn sequence_numbers_out_of_order_are_violations() {
        let (mut pings, now) = (Pings::default(), start());
        pings.on_question(5).unwrap();
        assert!(pings.on_question(5).is_err());
        assert!(pings.on_question(4).is_err());
        assert!(pings.on_answer(0, now).is_err());
        assert!(pings.on_answer(crate::MAX_VARINT, now).is_err());
    }

    #[test]
    fn a_peer_that_never_answers_costs_a_bounded_queue() {
        let (mut pings, now) = (Pings::default(), start());
        for _ in 0..1_000 {
            pings.ask();
            pings.take_question(now);
        }
        assert_eq!(pings.unanswered.len(), MAX_UNANSWERED);
        assert!(!pings.has_output());
        pings.on_answer(15, now).unwrap();
        assert!(pings.has_output());
    }
}
