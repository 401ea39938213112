use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::connection::{Connection, WeakConnection};
use crate::path::{PathInfo, Transport};

use crate::path::silence::Silence;

/// How often to look whether the connection is over, or silent.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Something that happened to a connection's paths.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathEvent {
    /// A path can carry data now.
    Opened(PathInfo),
    /// A path carries no more data.
    Closed {
        /// Its transport.
        transport: Transport,
        /// The peer's address on it, where that is still known.
        remote: Option<SocketAddr>,
        /// Why, in words for a person.
        why: Box<str>,
    },
    /// The peer has not answered for some seconds, though something waits for its answer. The connection is not over
    /// yet: the path may come back, and if not, the idle timeout ends it.
    Stalled(PathInfo),
    /// A stalled path has come back.
    Recovered(PathInfo),
    /// The reader was too slow, and this many events are gone. The current paths are what
    /// [`Connection::paths`](crate::Connection::paths) says.
    Lagged {
        /// How many are gone.
        missed: u64,
    },
}

/// The path events of one connection, from the moment it was asked for. Does not keep the connection alive.
///
/// The buffer is bounded: a reader that falls behind gets [`PathEvent::Lagged`].
#[derive(Debug)]
pub struct PathEvents {
    connection: WeakConnection,
    /// None over TCP, whose one path lasts as long as its connection.
    quic: Option<noq::PathEvents>,
    ticks: Interval,
    silence: Silence,
}

impl PathEvents {
    pub(crate) fn new(connection: &Connection) -> Self {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            connection: connection.downgrade(),
            quic: connection.inner.carrier.path_events(),
            ticks,
            silence: Silence::new(connection),
        }
    }

    /// The next event; `None` once the connection is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost if this is dropped before it resolves.
    pub async fn next(&mut self) -> Option<PathEvent> {
        loop {
            let event = tokio::select! {
                biased;
                event = from_noq(&mut self.quic) => event,
                _ = self.ticks.tick() => {
                    let connection = self.connection.upgrade()?;
                    if connection.close_reason().is_some() {
                        return None;
                    }
                    match self.silence.look(&connection) {
                        Some(event) => return Some(event),
                        None => continue,
                    }
                }
            };
            match event? {
                Ok(event) => {
                    if let Some(event) = self.connection.upgrade()?.path_event(&event) {
                        return Some(event);
                    }
                }
                Err(noq::Lagged(missed)) => return Some(PathEvent::Lagged { missed }),
            }
        }
    }
}

async fn from_noq(events: &mut Option<noq::PathEvents>) -> Option<Result<noq::PathEvent, noq::Lagged>> {
    match events {
        Some(events) => poll_fn(|cx| Pin::new(&mut *events).poll_next(cx)).await,
        None => std::future::pending().await,
    }
}
