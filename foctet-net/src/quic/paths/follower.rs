use std::sync::Arc;
use std::time::Duration;

use foctet_core::{MAX_NOTICE, NodeId, Notice, NoticeReader, RelayAddr};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::watched::PathTable;
use crate::relay::{Joined, Relays};

/// The least time between two notices that are taken; further ones wait in the stream, which is bounded.
const PAUSE: Duration = Duration::from_secs(1);

/// As [`PAUSE`], more for each relay that is new: a peer makes us connect to 12 a minute at most.
const PAUSE_FOR_NEW: Duration = Duration::from_secs(5);

/// How often to ask for a leg again where there was no room for one.
const JOIN_AGAIN: Duration = Duration::from_secs(30);

/// Follows the peer of one connection from relay to relay, as it tells of them: keeps the legs through which it can be
/// reached, and those that still have a path.
pub(super) struct Follower {
    stream: noq::RecvStream,
    reader: NoticeReader,
    /// The relays by which the peer is reached now.
    wanted: Vec<RelayAddr>,
    legs: Vec<Arc<Joined>>,
    relays: Relays,
    table: Arc<PathTable>,
    /// Those of the wanted relays to which there are legs, for the driver.
    listed: watch::Sender<Vec<NodeId>>,
    /// When the next notice may be taken.
    rested_at: Instant,
}

impl Follower {
    pub(super) fn new(
        stream: noq::RecvStream,
        wanted: &[RelayAddr],
        legs: Vec<Arc<Joined>>,
        relays: &Relays,
        table: Arc<PathTable>,
        listed: watch::Sender<Vec<NodeId>>,
    ) -> Self {
        Self {
            stream,
            reader: NoticeReader::default(),
            wanted: wanted.to_vec(),
            legs,
            relays: relays.clone(),
            table,
            listed,
            rested_at: Instant::now(),
        }
    }

    /// Runs until it is aborted, with the connection.
    pub(super) async fn run(mut self) {
        let mut events = self.table.events.subscribe();
        let mut told = true;
        loop {
            tokio::select! {
                notice = next(&mut self.stream, &mut self.reader, self.rested_at), if told => match notice {
                    Some(Notice::Relays(relays)) => self.take(relays),
                    // Of a later version.
                    Some(_) => {}
                    None => told = false,
                },
                // A leg that was left may have no path any more.
                _ = events.recv() => self.settle(),
                () = sleep(JOIN_AGAIN), if self.lacks_legs() => self.settle(),
            }
        }
    }

    fn take(&mut self, relays: Vec<RelayAddr>) {
        let is_new = |relay: &&RelayAddr| self.wanted.iter().all(|wanted| wanted.id() != relay.id());
        let new = u32::try_from(relays.iter().filter(is_new).count()).unwrap_or(u32::MAX);
        tracing::debug!(relays = relays.len(), new, "the peer tells of its relays");
        self.rested_at = Instant::now() + PAUSE + PAUSE_FOR_NEW.saturating_mul(new);
        self.wanted = relays;
        self.settle();
    }

    /// Gives up the legs that are of no use any more, and asks for those that are missing.
    fn settle(&mut self) {
        let wanted = |relay| self.wanted.iter().any(|wanted| wanted.id() == relay);
        self.legs.retain(|leg| wanted(leg.relay()) || self.table.leads_through(leg.relay()));
        for relay in &self.wanted {
            if !self.legs.iter().any(|leg| leg.relay() == relay.id()) {
                self.legs.extend(self.relays.join(relay).map(Arc::new));
            }
        }
        let with_leg = |relay: &NodeId| self.legs.iter().any(|leg| leg.relay() == *relay);
        let now: Vec<_> = self.wanted.iter().map(RelayAddr::id).filter(with_leg).collect();
        self.listed.send_if_modified(|listed| {
            let changed = *listed != now;
            *listed = now;
            changed
        });
    }

    fn lacks_legs(&self) -> bool {
        self.wanted.iter().any(|relay| self.legs.iter().all(|leg| leg.relay() != relay.id()))
    }
}

/// The next notice, not before it is time; `None` once there will be none. Cancel safe.
async fn next(
    stream: &mut noq::RecvStream,
    reader: &mut NoticeReader,
    not_before: Instant,
) -> Option<Notice> {
    sleep_until(not_before).await;
    loop {
        match reader.next() {
            Ok(Some(notice)) => return Some(notice),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, "the peer's notices make no sense");
                return None;
            }
        }
        let piece = stream.read_chunk(MAX_NOTICE).await.ok()??;
        reader.push(&piece);
    }
}
