use std::time::Duration;

use foctet_net::{Connection, PathEvent, PathEvents};
use tokio::time::{Instant, sleep_until};

/// How long content may fail to come after another path took over, besides two round trips. More than the pauses that a
/// sender makes that keeps to a [limit](crate::Limit): an eighth of a second.
const PATIENCE: Duration = Duration::from_millis(150);

/// How long after that content may be found missing: the old path may have delivered some until then.
const LASTS: Duration = Duration::from_secs(5);

/// Finds out that content was lost together with the path that it was on. QUIC sends it again, but only once it has closed
/// that path and waited for three of its probe timeouts (draft-ietf-quic-multipath, section 3.4), which are long where the
/// last acknowledgement came late. Whoever asks for it anew has it a round trip later.
pub(super) struct Gap {
    events: PathEvents,
    pause: Pause,
}

impl Gap {
    /// Looks at this connection's paths from now on.
    pub(super) fn new(connection: &Connection) -> Self {
        Self { events: connection.path_events(), pause: Pause::default() }
    }

    /// Content has come.
    pub(super) fn heard(&mut self) {
        self.pause.heard(Instant::now());
    }

    /// Until content ought to be asked for anew, if nothing is [heard](Self::heard). Cancel safe.
    pub(super) async fn found(&mut self) {
        loop {
            let due = self.pause.due();
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

    fn heard(&mut self, now: Instant) {
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
    fn without_a_change_of_paths_nothing_is_missed_however_long_it_takes() {
        let mut pause = Pause::default();
        pause.heard(Instant::now());
        assert_eq!(pause.due(), None);
    }

    #[test]
    fn what_does_not_come_after_a_change_is_missed_soon_and_what_comes_is_not() {
        let now = Instant::now();
        let mut pause = Pause::default();
        pause.moved(now, RTT);
        assert_eq!(pause.due(), Some(now + PATIENCE + 2 * RTT));
        let heard = now + PATIENCE;
        pause.heard(heard);
        assert_eq!(pause.due(), Some(heard + PATIENCE + 2 * RTT));
        pause.heard(now + LASTS);
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
