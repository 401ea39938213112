//! CPU time of this process.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// A point to count from.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    micros: i64,
}

impl Usage {
    /// As of now, all threads, user and system time.
    pub(crate) fn now() -> anyhow::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        Ok(Self { micros: (usage.user_time() + usage.system_time()).num_microseconds() })
    }

    /// CPU seconds used since.
    pub(crate) fn elapsed(&self) -> anyhow::Result<f64> {
        Ok((Self::now()?.micros - self.micros) as f64 / 1e6)
    }
}
