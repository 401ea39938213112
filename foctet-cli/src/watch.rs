//! Watches a transfer while it runs: shows its progress, and tells when its path changes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use foctet_net::{Connection, PathEvent};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::events::{Event, Path};
use crate::progress::{INTERVAL, Meter, Progress};
use crate::report::Report;
use crate::session;

/// What is watched, and how it is shown.
#[derive(Debug)]
pub(crate) struct Watch {
    report: Arc<Report>,
    /// The connection in use; a receiver's may be made again.
    connection: watch::Receiver<Connection>,
    progress: Arc<Progress>,
    label: String,
    /// Tells several peers apart.
    node_id: Option<String>,
    started: Instant,
    meter: Meter,
    shown: Option<(u64, u64, u64)>,
    path: Path,
    /// Why the path that was closed last was.
    closed: Option<String>,
    /// The one bar: of several transfers, the one that holds it shows its progress there.
    bar: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Watch {
    /// Watches what advances `progress` over `connection`. Of all that share `bar`, a semaphore of one, one draws.
    pub(crate) fn new(
        report: Arc<Report>,
        connection: watch::Receiver<Connection>,
        progress: Arc<Progress>,
        label: String,
        node_id: Option<String>,
        bar: Arc<Semaphore>,
    ) -> Self {
        let path = session::path(&connection.borrow());
        Self {
            path,
            closed: None,
            report,
            connection,
            progress,
            label,
            node_id,
            started: Instant::now(),
            meter: Meter::default(),
            shown: None,
            bar,
            held: None,
        }
    }

    /// The path that was told when the connection came up: it may have changed since.
    pub(crate) fn told(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    /// Shows progress until dropped.
    ///
    /// # Cancel safety
    /// Safe: it can be called again.
    pub(crate) async fn run(&mut self) -> Infallible {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut events = Some(self.connection.borrow_and_update().path_events());
        let mut connections = self.connection.clone();
        loop {
            let next = async {
                match &mut events {
                    Some(events) => events.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = ticks.tick() => {
                    self.show();
                    self.tell_path();
                }
                Ok(()) = connections.changed() => {
                    let again = connections.borrow_and_update().path_events();
                    events = Some(again);
                    self.closed = None;
                    // Whoever reconnects tells it.
                    self.path = self.now();
                }
                event = next => match event {
                    Some(PathEvent::Selected { why, .. } | PathEvent::Closed { why, .. }) => {
                        self.closed = Some(why.into());
                        self.tell_path();
                    }
                    Some(PathEvent::Stalled(_)) => self.report.event(&Event::Stalled {
                        path: self.now(),
                        node_id: self.node_id.clone(),
                    }),
                    Some(_) => self.tell_path(),
                    // The connection is over; whoever uses it will notice.
                    None => events = None,
                },
            }
        }
    }

    /// Shows where the transfer ended, and takes the bar off the screen.
    pub(crate) fn last(mut self) -> Path {
        self.shown = None;
        self.show();
        if self.held.is_some() {
            self.report.clear();
        }
        self.path
    }

    fn show(&mut self) {
        let counters = self.progress.get();
        let news = self.shown.replace(counters) != Some(counters);
        let sample = self.meter.sample(self.started.elapsed(), counters);
        let show = if self.report.people().is_some() { self.holds_bar() } else { news };
        if show {
            self.report.progress(&sample, &self.label, &self.path, self.node_id.clone());
        }
    }

    fn holds_bar(&mut self) -> bool {
        if self.held.is_none() {
            self.held = Arc::clone(&self.bar).try_acquire_owned().ok();
        }
        self.held.is_some()
    }

    /// The path in use now.
    fn now(&self) -> Path {
        session::path(&self.connection.borrow())
    }

    fn tell_path(&mut self) {
        let now = self.now();
        if let Some(why) = why(&self.path, &now, self.closed.as_deref()) {
            self.closed = None;
            self.report.event(&Event::Path { path: now.clone(), why, node_id: self.node_id.clone() });
        }
        self.path = now;
    }
}

/// Why `now` is in use and no longer `before`, where the path closed last was `closed` for this reason; `None` if they are
/// the same.
pub(crate) fn why(before: &Path, now: &Path, closed: Option<&str>) -> Option<String> {
    if (&now.kind, now.transport, &now.remote) == (&before.kind, before.transport, &before.remote) {
        return None;
    }
    let what = if now.kind == "direct" && before.kind != "direct" {
        "a direct path works now"
    } else if before.kind == "direct" && now.kind != "direct" {
        "the direct path failed"
    } else if now.transport != before.transport {
        "the other transport works better"
    } else {
        "the path before it was left"
    };
    Some(match closed {
        Some(closed) if !closed.is_empty() => format!("{what} ({closed})"),
        _ => what.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_path_says_why() {
        let path = |kind: &str, transport, remote: &str| Path {
            kind: kind.to_owned(),
            transport,
            remote: remote.to_owned(),
            rtt_ms: 1.0,
            why_not_direct: None,
        };
        let direct = path("direct", "quic", "192.0.2.1:7");
        let relay = path("relay", "quic", "192.0.2.9:7");
        assert_eq!(why(&direct, &Path { rtt_ms: 9.0, ..direct.clone() }, None), None);
        assert_eq!(why(&relay, &direct, None).unwrap(), "a direct path works now");
        assert_eq!(why(&direct, &relay, Some("timed out")).unwrap(), "the direct path failed (timed out)");
        let elsewhere = path("direct", "quic", "192.0.2.2:7");
        assert_eq!(why(&direct, &elsewhere, None).unwrap(), "the path before it was left");
        assert!(why(&direct, &path("direct", "tcp", "192.0.2.1:7"), None).is_some());
    }
}
