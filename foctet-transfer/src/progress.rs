//! Counters that worker threads raise and the transfer's future reports.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::event::Event;

#[derive(Debug, Default)]
pub(crate) struct Progress {
    total: u64,
    bytes: AtomicU64,
    files: AtomicU32,
    raised: Notify,
}

impl Progress {
    pub(crate) fn new(total: u64) -> Self {
        Self { total, ..Self::default() }
    }

    pub(crate) fn add(&self, bytes: u64, files: u32) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.files.fetch_add(files, Ordering::Relaxed);
        self.raised.notify_one();
    }

    /// Bytes and files so far.
    pub(crate) fn reached(&self) -> (u64, u32) {
        (self.bytes.load(Ordering::Relaxed), self.files.load(Ordering::Relaxed))
    }

    /// Notes that nothing is missing.
    pub(crate) fn complete(&self) {
        self.bytes.store(self.total, Ordering::Relaxed);
    }

    /// Waits until something was added since the last call. Cancel safe.
    pub(crate) async fn raised(&self) {
        self.raised.notified().await;
    }

    pub(crate) fn event(&self) -> Event {
        Event::Progress {
            // What was on the way when a connection was lost is sent again.
            bytes: self.bytes.load(Ordering::Relaxed).min(self.total),
            total: self.total,
            files: self.files.load(Ordering::Relaxed),
        }
    }
}
