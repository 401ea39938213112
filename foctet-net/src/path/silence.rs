use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Connection;
use crate::path::PathEvent;

/// After how much silence the peer is asked for a sign of life, where what was sent does not ask for one by itself.
const ASK_AFTER: Duration = Duration::from_secs(2);

/// After how much silence a path is stalled, if an answer is due. It is noticed a second later at most, and so within
/// 10 s of the last thing that arrived.
const STALLED_AFTER: Duration = Duration::from_secs(6);

/// Looks for a peer that does not answer.
#[derive(Debug)]
pub(super) struct Silence {
    /// What had been received when something last was, and what had been sent by then.
    received: u64,
    sent: u64,
    since: Instant,
    asked: bool,
    stalled: bool,
}

/// Bytes sent that want an answer, and bytes received.
pub(crate) struct Progress {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Silence {
    pub(super) fn new(connection: &Connection) -> Self {
        let Progress { sent, received } = connection.inner.carrier.progress();
        Self { received, sent, since: Instant::now(), asked: false, stalled: false }
    }

    /// To be called every second or so.
    pub(super) fn look(&mut self, connection: &Connection) -> Option<PathEvent> {
        let Progress { sent, received } = connection.inner.carrier.progress();
        let path = || connection.paths().into_iter().find(|path| path.in_use);
        if received != self.received {
            let recovered = self.stalled;
            *self = Self { received, sent, since: Instant::now(), asked: false, stalled: false };
            return if recovered { path().map(PathEvent::Recovered) } else { None };
        }
        if sent == self.sent {
            // Nothing is due.
            self.since = Instant::now();
            return None;
        }
        let silent = self.since.elapsed();
        if silent >= ASK_AFTER && !self.asked {
            self.asked = true;
            connection.inner.carrier.ask();
        }
        if silent >= STALLED_AFTER && !self.stalled {
            self.stalled = true;
            return path().map(PathEvent::Stalled);
        }
        None
    }
}
