//! Watches a transfer while it runs: shows its progress, and tells when its path changes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use foctet_net::{Connection, PathEvent};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval};

use crate::events::{Event, Path};
use crate::progress::{INTERVAL, Meter, Progress};
use crate::report::{Report, way};
use crate::session;

/// What is watched, and how it is shown.
#[derive(Debug)]
pub(crate) struct Watch {
    report: Arc<Report>,
    connection: Connection,
    progress: Arc<Progress>,
    label: String,
    /// Tells several peers apart.
    node_id: Option<String>,
    started: Instant,
    meter: Meter,
    shown: Option<(u64, u64, u64)>,
    path: Path,
    /// The one bar: of several transfers, the one that holds it shows its progress there.
    bar: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Watch {
    /// Watches what advances `progress` over `connection`. Of all that share `bar`, a semaphore of one, one draws.
    pub(crate) fn new(
        report: Arc<Report>,
        connection: Connection,
        progress: Arc<Progress>,
        label: String,
        node_id: Option<String>,
        bar: Arc<Semaphore>,
    ) -> Self {
        Self {
            path: session::path(&connection),
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

    /// Shows progress until dropped.
    ///
    /// # Cancel safety
    /// Safe: it can be called again.
    pub(crate) async fn run(&mut self) -> Infallible {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut events = Some(self.connection.path_events());
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
                    self.tell_path(None);
                }
                event = next => match event {
                    Some(PathEvent::Selected { why, .. } | PathEvent::Closed { why, .. }) => self.tell_path(Some(&why)),
                    Some(PathEvent::Stalled(_)) => self.report.event(&Event::Stalled {
                        path: session::path(&self.connection),
                        node_id: self.node_id.clone(),
                    }),
                    Some(_) => self.tell_path(None),
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
            self.report.progress(&sample, &self.label, &way(&self.path), self.node_id.clone());
        }
    }

    fn holds_bar(&mut self) -> bool {
        if self.held.is_none() {
            self.held = Arc::clone(&self.bar).try_acquire_owned().ok();
        }
        self.held.is_some()
    }

    fn tell_path(&mut self, why: Option<&str>) {
        let now = session::path(&self.connection);
        let changed = (now.kind, now.transport, &now.remote)
            != (self.path.kind, self.path.transport, &self.path.remote);
        self.path = now;
        if changed {
            self.report.event(&Event::Path {
                path: self.path.clone(),
                why: why.unwrap_or("the path before it was left").to_owned(),
                node_id: self.node_id.clone(),
            });
        }
    }
}
