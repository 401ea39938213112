use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foctet_core::bench::{FailCode, Welcome};
use foctet_core::{NodeId, TicketSecret};
use tokio::sync::{Notify, Semaphore, watch};

use crate::args::BenchArgs;
use crate::bench::seat::{Allowance, Seat};
use crate::bench::settings;
use crate::report::Report;

/// What all visits to one server share.
pub(super) struct Server {
    secret: TicketSecret,
    pub(super) dir: PathBuf,
    seat: Mutex<Seat>,
    freed: Notify,
    /// Held by what uses this machine without the network: one at a time.
    pub(super) work: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
    report: Arc<Report>,
}

impl Server {
    pub(super) fn new(args: &BenchArgs, secret: TicketSecret, report: Arc<Report>) -> Self {
        let disk = if args.no_disk { 0 } else { args.disk_limit.get() };
        Self {
            secret,
            dir: args.dir.clone().unwrap_or_else(|| PathBuf::from(".")),
            seat: Mutex::new(Seat::new(args.session, disk)),
            freed: Notify::new(),
            work: Arc::new(Semaphore::new(1)),
            stopping: watch::Sender::new(false),
            report,
        }
    }

    pub(super) fn report(&self) -> &Report {
        &self.report
    }

    /// Waits until the place is free again that somebody had.
    ///
    /// # Cancel safety
    /// Safe: it is remembered.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Whether somebody is measuring.
    pub(super) fn is_busy(&self) -> bool {
        self.seat().is_taken()
    }

    /// Has all visits end.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until all visits shall end.
    pub(super) async fn stopped(&self) {
        // The sender lives in `self`.
        self.stopping.subscribe().wait_for(|stopping| *stopping).await.ok();
    }

    /// Lets `node` in, if it has shown the right secret and nobody else is there.
    pub(super) fn admit(
        self: &Arc<Self>,
        node: NodeId,
        secret: &TicketSecret,
    ) -> Result<Admission, FailCode> {
        if *secret != self.secret {
            return Err(FailCode::WrongSecret);
        }
        let allowance = self.seat().enter(node, Instant::now())?;
        Ok(Admission { server: Arc::clone(self), node, allowance })
    }

    /// Whether so many bytes may be written for whoever is there.
    pub(super) fn spend_disk(&self, bytes: u64) -> bool {
        self.seat().spend_disk(bytes)
    }

    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection of whoever has the place; it leaves when this is dropped.
pub(super) struct Admission {
    server: Arc<Server>,
    node: NodeId,
    allowance: Allowance,
}

impl Admission {
    pub(super) fn is_new(&self) -> bool {
        self.allowance.is_new
    }

    /// What is left of its time.
    pub(super) fn time_left(&self) -> Duration {
        self.allowance.until.saturating_duration_since(Instant::now())
    }

    pub(super) fn welcome(&self) -> Welcome {
        Welcome {
            features: 0,
            cores: settings::cores(),
            build: settings::build(),
            seconds: u32::try_from(self.time_left().as_secs()).unwrap_or(u32::MAX),
            disk: self.allowance.disk_left,
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.server.seat().leave(self.node) {
            self.server.freed.notify_one();
        }
    }
}
