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

    /// Waits until something was added since the last call. Cancel safe.
    pub(crate) async fn raised(&self) {
        self.raised.notified().await;
    }

    pub(crate) fn event(&self) -> Event {
        Event::Progress {
            bytes: self.bytes.load(Ordering::Relaxed),
            total: self.total,
            files: self.files.load(Ordering::Relaxed),
        }
    }
}
