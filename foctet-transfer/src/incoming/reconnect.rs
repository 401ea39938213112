use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use foctet_net::{ConnectError, Connection, ConnectionError};
use tokio::time::{Instant, sleep, timeout_at};

use super::fault::Fault;
use crate::error::{ProtocolError, ReceiveError};

/// How long a receiver tries to go on while nothing is gained: as long as somebody waits for a network to come back.
pub const DEFAULT_RECONNECT_LIMIT: Duration = Duration::from_secs(600);
/// The first pause between two attempts, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

type Dialled = Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>;

/// How a receiver whose connection is lost gets another one to the same sender.
pub struct Reconnect {
    dial: Box<dyn FnMut() -> Dialled + Send>,
    jitter: Box<dyn FnMut() -> f64 + Send>,
    limit: Duration,
    pause: Pause,
    /// Since when nothing was gained, and how far the transfer had come then.
    since: Option<(Instant, (u64, u32))>,
}

impl Reconnect {
    /// Reconnects by `dial`, which makes one attempt and bounds the time it takes. It must use the same identity each
    /// time: the sender knows a receiver by its key.
    pub fn new<F>(mut dial: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Connection, ConnectError>> + Send + 'static,
    {
        Self {
            dial: Box::new(move || Box::pin(dial())),
            jitter: Box::new(|| 1.0),
            limit: DEFAULT_RECONNECT_LIMIT,
            pause: Pause::default(),
            since: None,
        }
    }

    /// How long to try while nothing is gained; [`DEFAULT_RECONNECT_LIMIT`] unless set.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Where random numbers from 0 to 1 come from, which spread the attempts of many receivers over time. Without it
    /// pauses are 0.2 s, 0.4 s and so on up to 5 s; with it each is between half of that and the whole.
    #[must_use]
    pub fn jitter(mut self, jitter: impl FnMut() -> f64 + Send + 'static) -> Self {
        self.jitter = Box::new(jitter);
        self
    }

    /// Until when to try to tell the sender the result, for which there are `limit` at most.
    pub(super) fn last_deadline(&mut self, limit: Duration) -> Instant {
        self.pause = Pause::default();
        Instant::now() + limit.min(self.limit)
    }

    /// Something was gained that is no content: the manifest.
    pub(super) fn restart(&mut self) {
        self.since = None;
    }

    /// Until when to try, where the transfer has `reached` so many bytes and files.
    pub(super) fn deadline(&mut self, reached: (u64, u32)) -> Instant {
        match self.since {
            Some((since, before)) if before == reached => since + self.limit,
            _ => {
                let now = Instant::now();
                self.since = Some((now, reached));
                self.pause = Pause::default();
                now + self.limit
            }
        }
    }

    /// The next connection, after a pause unless something was gained since the last. `None` once the time is over.
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self, deadline: Instant) -> Result<Option<Connection>, ConnectError> {
        loop {
            let pause = self.pause.next((self.jitter)());
            if Instant::now() + pause >= deadline {
                return Ok(None);
            }
            sleep(pause).await;
            match timeout_at(deadline, (self.dial)()).await {
                Err(_) => return Ok(None),
                Ok(Ok(connection)) => return Ok(Some(connection)),
                Ok(Err(error)) if is_final(&error) => return Err(error),
                Ok(Err(error)) => tracing::debug!(%error, "not reconnected yet"),
            }
        }
    }
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Pauses between attempts, each twice as long as the one before; none before the first attempt.
#[derive(Debug, Default)]
struct Pause {
    last: Option<Duration>,
}

impl Pause {
    fn next(&mut self, jitter: f64) -> Duration {
        let whole = match self.last {
            None => Duration::ZERO,
            Some(Duration::ZERO) => FIRST_PAUSE,
            Some(last) => last.saturating_mul(2).min(LONGEST_PAUSE),
        };
        self.last = Some(whole);
        let jitter = if jitter.is_nan() { 1.0 } else { jitter.clamp(0.0, 1.0) };
        whole.mul_f64(0.5 + jitter / 2.0)
    }
}

/// What another attempt does not change. An address where nothing or nobody we know answers may be right again soon.
fn is_final(error: &ConnectError) -> bool {
    !matches!(
        error,
        ConnectError::Unreachable { .. }
            | ConnectError::TimedOut { .. }
            | ConnectError::ConnectionLost(_)
            | ConnectError::NoAddresses
    )
}

impl Fault {
    /// Whether the connection was lost, and nobody wanted that.
    pub(super) fn is_lost(&self) -> bool {
        matches!(
            &self.error,
            ReceiveError::ConnectionLost(
                ConnectionError::Lost(_) | ConnectionError::TimedOut | ConnectionError::LocallyClosed
            )
        )
    }

    /// The same while reconnecting, when the sender may also be busy with others.
    pub(super) fn may_pass(&self) -> bool {
        self.is_lost() || self.error == ReceiveError::Protocol(ProtocolError::Silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_seconds() {
        let mut pause = Pause::default();
        let millis: Vec<u128> = (0..9).map(|_| pause.next(1.0).as_millis()).collect();
        assert_eq!(millis, [0, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        let mut pause = Pause::default();
        let millis: Vec<u128> = [0.0, 0.0, 0.5, f64::NAN].map(|jitter| pause.next(jitter).as_millis()).into();
        assert_eq!(millis, [0, 100, 300, 800]);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_when_the_time_without_gain_is_over() {
        let error = || ConnectError::TimedOut { attempts: Vec::new() };
        let mut reconnect = Reconnect::new(move || async move {
            sleep(Duration::from_secs(7)).await;
            Err(error())
        });
        let start = Instant::now();
        let deadline = reconnect.deadline((5, 0));
        assert!(reconnect.next(deadline).await.unwrap().is_none());
        let took = start.elapsed();
        assert!(took > Duration::from_secs(590) && took <= DEFAULT_RECONNECT_LIMIT, "{took:?}");
        assert_eq!(reconnect.deadline((5, 0)), deadline, "nothing was gained");
        sleep(Duration::from_secs(60)).await;
        assert!(reconnect.deadline((6, 0)) > deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_pass_ends_the_attempts() {
        let mut reconnect = Reconnect::new(|| async { Err(ConnectError::Refused) });
        let deadline = reconnect.deadline((0, 0));
        assert_eq!(reconnect.next(deadline).await.unwrap_err(), ConnectError::Refused);
    }
}
