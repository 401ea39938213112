//! How many bytes a second may move.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long the tokens last that gather while nothing moves. A piece lasts as long at most, so that a burst is at most
/// twice this: a quarter of a second.
const BURST: Duration = Duration::from_millis(125);
/// The largest piece, where the rate would allow a larger one: as much as is read at once.
const MAX_PIECE: u64 = 1 << 20;

/// A bound on the bytes of content that move a second, shared by all clones: those of one [`Sender`](crate::Sender) for
/// all of its receivers, say. At most a quarter of a second's worth moves at once.
#[derive(Debug, Clone)]
pub struct Limit {
    bucket: Arc<Mutex<Bucket>>,
    start: Instant,
    piece: usize,
}

impl Limit {
    /// Allows `rate` bytes a second. Must be called where tokio's clock is.
    pub fn new(rate: NonZeroU64) -> Self {
        let piece = (rate.get() / 8).clamp(1, MAX_PIECE);
        Self {
            bucket: Arc::new(Mutex::new(Bucket::new(rate))),
            start: Instant::now(),
            // At most a MiB, which fits.
            piece: usize::try_from(piece).unwrap_or(1),
        }
    }

    /// The most bytes to move at once.
    pub(crate) fn piece(&self) -> usize {
        self.piece
    }

    /// Waits until `len` bytes may move. Dropped, it has used them up.
    pub(crate) async fn take(&self, len: usize) {
        let now = self.start.elapsed();
        let wait = self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(len as u64, now);
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
}

/// A bucket of tokens, one a byte. Times are since any fixed moment.
#[derive(Debug)]
struct Bucket {
    rate: NonZeroU64,
    /// When everything taken so far has been paid for.
    paid: Duration,
}

impl Bucket {
    fn new(rate: NonZeroU64) -> Self {
        Self { rate, paid: Duration::ZERO }
    }

    /// Takes tokens, and says how long to wait until they are there.
    fn take(&mut self, len: u64, now: Duration) -> Duration {
        let nanos = u128::from(len) * 1_000_000_000 / u128::from(self.rate.get());
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.paid = self.paid.max(now.saturating_sub(BURST)).saturating_add(cost);
        self.paid.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: NonZeroU64 = NonZeroU64::new(500_000).unwrap();

    /// What moves in each of `windows` windows of ten seconds, taken by as many at once as there are `lens`.
    fn windows(lens: &[u64], windows: usize) -> Vec<u64> {
        let mut bucket = Bucket::new(RATE);
        let mut free: Vec<(Duration, u64)> = lens.iter().map(|len| (Duration::ZERO, *len)).collect();
        let mut moved = vec![0; windows];
        loop {
            let Some(next) = free.iter_mut().min_by_key(|(at, _)| *at) else { return moved };
            next.0 += bucket.take(next.1, next.0);
            match moved.get_mut((next.0.as_secs() / 10) as usize) {
                Some(window) => *window += next.1,
                None => return moved,
            }
        }
    }

    #[test]
    fn in_ten_seconds_the_rate_is_kept_within_two_percent_however_many_share_it() {
        for lens in [&[62_500][..], &[1], &[1000, 62_500, 7], &[30_000; 64]] {
            for moved in windows(lens, 5) {
                assert!(moved.abs_diff(10 * RATE.get()) <= 10 * RATE.get() / 50, "{lens:?}: {moved}");
            }
        }
    }

    #[test]
    fn after_a_pause_at_most_a_quarter_of_a_second_moves_at_once() {
        let mut bucket = Bucket::new(RATE);
        let now = Duration::from_secs(3600);
        let piece = RATE.get() / 8;
        let mut at_once = 0;
        while bucket.take(piece, now).is_zero() {
            at_once += piece;
        }
        assert!(at_once <= RATE.get() / 4, "{at_once}");
    }

    #[tokio::test(start_paused = true)]
    async fn clones_share_the_rate() {
        let limit = Limit::new(RATE);
        let start = Instant::now();
        let work = |limit: Limit| async move {
            for _ in 0..40 {
                limit.take(limit.piece()).await;
            }
        };
        tokio::join!(work(limit.clone()), work(limit.clone()));
        let took = start.elapsed().as_secs_f64();
        assert!((9.8..10.2).contains(&took), "{took}");
    }
}
