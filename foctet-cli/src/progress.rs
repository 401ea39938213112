//! How far a transfer has come: counters that it advances, and samples that are shown.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often progress is shown, and so the most events a second: ten.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// The rate is that of the last three seconds: long enough to be steady, short enough to follow a change.
const RATE_WINDOW: Duration = Duration::from_secs(3);

/// A rate over less than this says nothing, and is not shown.
const SHORTEST_RATE: Duration = Duration::from_millis(250);

/// Counters shared by the transfer, which advances them, and the display, which samples them.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    bytes: AtomicU64,
    total: AtomicU64,
    files: AtomicU64,
}

impl Progress {
    /// Sets the counters to what the transfer reports.
    pub(crate) fn set(&self, bytes: u64, total: u64, files: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.files.store(files, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Bytes, total and files, as last set.
    pub(crate) fn get(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.bytes), read(&self.total), read(&self.files))
    }
}

/// One moment of a transfer, with what can be told from the moments before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Bytes verified so far.
    pub(crate) bytes: u64,
    /// Bytes in all.
    pub(crate) total: u64,
    /// Files complete so far.
    pub(crate) files: u64,
    /// Bytes a second, once there is enough to tell.
    pub(crate) rate: Option<u64>,
    /// Time left at this rate.
    pub(crate) left: Option<Duration>,
}

/// Turns counters into samples. Time is an argument: elapsed since any fixed moment.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    window: VecDeque<(Duration, u64)>,
}

impl Meter {
    /// Takes the counters at `elapsed`, which must not run backwards.
    pub(crate) fn sample(&mut self, elapsed: Duration, (bytes, total, files): (u64, u64, u64)) -> Sample {
        while self.window.len() > 1 && self.window.get(1).is_some_and(|(at, _)| *at + RATE_WINDOW <= elapsed)
        {
            self.window.pop_front();
        }
        self.window.push_back((elapsed, bytes));
        let rate = self.window.front().and_then(|(since, from)| {
            let span = elapsed.saturating_sub(*since);
            (span >= SHORTEST_RATE).then(|| (bytes.saturating_sub(*from) as f64 / span.as_secs_f64()) as u64)
        });
        let left = rate.filter(|rate| *rate > 0 && bytes < total).and_then(|rate| {
            Duration::try_from_secs_f64(total.saturating_sub(bytes) as f64 / rate as f64).ok()
        });
        Sample { bytes, total, files, rate, left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_last_three_seconds() {
        let mut meter = Meter::default();
        let mut bytes = 0;
        let mut last = None;
        for tick in 0..100_u64 {
            bytes += if tick < 50 { 10 } else { 100 };
            last = Some(meter.sample(Duration::from_millis(tick * 100), (bytes, 100_000, 0)));
        }
        let last = last.unwrap();
        assert_eq!(last.rate, Some(1000));
        assert_eq!(last.left, Some(Duration::from_secs_f64((100_000 - bytes) as f64 / 1000.0)));
        assert!(meter.window.len() <= 32);
    }

    #[test]
    fn nothing_is_guessed_from_too_little() {
        let mut meter = Meter::default();
        let first = meter.sample(Duration::ZERO, (0, 100, 0));
        assert_eq!((first.rate, first.left), (None, None));
        assert_eq!(meter.sample(Duration::from_millis(100), (50, 100, 0)).rate, None);
        let stalled = meter.sample(Duration::from_secs(60), (50, 100, 0));
        assert_eq!(stalled.rate, Some(0));
        assert_eq!(stalled.left, None, "a stalled transfer has no time left to tell");
    }
}
