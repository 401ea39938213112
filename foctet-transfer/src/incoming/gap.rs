use std::collections::VecDeque;
use std::time::Duration;

use foctet_net::{Connection, PathEvent, PathEvents};
use tokio::time::{Instant, sleep_until};

use crate::sender::{DEFAULT_STALL_TIMEOUT, MAX_DATA_STREAMS};

/// How long content may fail to come after another path took over, besides two round trips. More than the pauses that a
/// sender makes that keeps to a [limit](crate::Limit): an eighth of a second.
const PATIENCE: Duration = Duration::from_millis(150);

/// How long after that content may be found missing: the old path may have delivered some until then.
const LASTS: Duration = Duration::from_secs(5);

/// How long a sender may not know that a stream was given up, as what tells it may be lost like everything else: as long as
/// nothing may come of either.
const UNKNOWN_FOR: Duration = DEFAULT_STALL_TIMEOUT;

/// The streams of one connection that were given up. To the sender they may all be open still, so that only so many may be
/// given up in some time.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    at: VecDeque<Instant>,
}

impl GivenUp {
    /// One is given up now.
    pub(super) fn note(&mut self, now: Instant) {
        self.at.push_back(now);
        while self.at.len() >= MAX_DATA_STREAMS {
            self.at.pop_front();
        }
    }

    /// When the next one may be.
    fn next(&self) -> Option<Instant> {
        // The one in use is open too.
        self.at.front().filter(|_| self.at.len() + 1 >= MAX_DATA_STREAMS).map(|first| *first + UNKNOWN_FOR)
    }
}

/// Finds out that content was lost together with the path that it was on. QUIC sends it again, but only once it has closed
/// that path and waited for three of its probe timeouts (draft-ietf-quic-multipath, section 3.4), which are long where the
/// last acknowledgement came late. Whoever asks for it anew has it a round trip later.
pub(super) struct Gap {
    events: PathEvents,
    pause: Pause,
    not_before: Option<Instant>,
}

impl Gap {
    /// Looks at this connection's paths from now on. These streams were given up on it before.
    pub(super) fn new(connection: &Connection, before: &GivenUp) -> Self {
        Self { events: connection.path_events(), pause: Pause::default(), not_before: before.next() }
    }

    /// Until content ought to be asked for anew, if none comes from now on. To be called when there is none, and dropped when some
    /// has come: what came, or was waiting, in between is none of its business.
    pub(super) async fn found(&mut self) {
        self.pause.wait(Instant::now());
        loop {
            let due =
                self.pause.due().map(|due| self.not_before.map_or(due, |not_before| due.max(not_before)));
            tokio::select! {
                event = self.events.next() => match event {
                    Some(PathEvent::Selected { path, .. }) => self.pause.moved(Instant::now(), path.rtt),
                    Some(_) => {}
                    // Over TCP, or the connection is over, which others find out.
                    None => std::future::pending().await,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => return,
            }
        }
    }
}

/// The rule, without a clock.
#[derive(Debug, Default)]
struct Pause {
    moved: Option<Move>,
}

#[derive(Debug)]
struct Move {
    at: Instant,
    patience: Duration,
    due: Instant,
}

impl Pause {
    fn moved(&mut self, now: Instant, rtt: Duration) {
        let patience = PATIENCE.saturating_add(rtt.saturating_mul(2));
        // A second change does not make the first one's loss come back.
        let due = self.moved.as_ref().map_or(now + patience, |before| before.due.min(now + patience));
        self.moved = Some(Move { at: now, patience, due });
    }

    /// Up to now nothing was missed.
    fn wait(&mut self, now: Instant) {
        self.moved.take_if(|moved| now.saturating_duration_since(moved.at) >= LASTS);
        if let Some(moved) = &mut self.moved {
            moved.due = now + moved.patience;
        }
    }

    fn due(&self) -> Option<Instant> {
        self.moved.as_ref().map(|moved| moved.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(20);

    #[test]
    fn no_more_streams_are_given_up_than_the_sender_may_think_open() {
        let start = Instant::now();
        let mut given_up = GivenUp::default();
        for n in 1..=20 {
            assert_eq!(given_up.next().is_none(), n < MAX_DATA_STREAMS, "{n}");
            let now = given_up.next().unwrap_or(start).max(start + Duration::from_secs(n as u64));
            given_up.note(now);
            let young = given_up.at.iter().filter(|at| now.duration_since(**at) < UNKNOWN_FOR).count();
            assert!(young < MAX_DATA_STREAMS, "and one that is in use");
        }
    }

    #[test]
    fn without_a_change_of_paths_nothing_is_missed_however_long_it_takes() {
        let mut pause = Pause::default();
        pause.wait(Instant::now());
        assert_eq!(pause.due(), None);
    }

    #[test]
    fn what_does_not_come_after_a_change_is_missed_soon_and_what_comes_is_not() {
        let now = Instant::now();
        let mut pause = Pause::default();
        pause.moved(now, RTT);
        assert_eq!(pause.due(), Some(now + PATIENCE + 2 * RTT));
        // So much came meanwhile that nobody had to wait.
        let later = now + Duration::from_secs(1);
        pause.wait(later);
        assert_eq!(pause.due(), Some(later + PATIENCE + 2 * RTT));
        pause.wait(now + LASTS);
        assert_eq!(pause.due(), None, "whatever is late now has nothing to do with it");
    }

    #[test]
    fn changes_in_a_row_do_not_put_it_off() {
        let now = Instant::now();
        let mut pause = Pause::default();
        pause.moved(now, RTT);
        pause.moved(now + PATIENCE / 2, 5 * RTT);
        assert_eq!(pause.due(), Some(now + PATIENCE + 2 * RTT));
    }
}
