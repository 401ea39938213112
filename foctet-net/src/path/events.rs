use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
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
    /// Another path carries the data now.
    Selected {
        /// That path.
        path: PathInfo,
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
    quic: Option<broadcast::Receiver<PathEvent>>,
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
            tokio::select! {
                biased;
                event = from_driver(&mut self.quic) => return event,
                _ = self.ticks.tick() => {
                    let connection = self.connection.upgrade()?;
                    if connection.close_reason().is_some() {
                        return None;
                    }
                    if let Some(event) = self.silence.look(&connection) {
                        return Some(event);
                    }
                }
            }
        }
    }
}

async fn from_driver(events: &mut Option<broadcast::Receiver<PathEvent>>) -> Option<PathEvent> {
    let Some(events) = events else { return std::future::pending().await };
    match events.recv().await {
        Ok(event) => Some(event),
        Err(RecvError::Lagged(missed)) => Some(PathEvent::Lagged { missed }),
        Err(RecvError::Closed) => None,
    }
}
