use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are written between two looks at the congestion windows.
const LOOK_EVERY: u64 = 256 * 1024;

/// Bytes of a connection that may wait for their acknowledgement at first, and always: on a short path more would only leave the
/// processor's caches before they are sent.
pub(super) const FIRST: u64 = 2 * 1024 * 1024;

/// How many bytes of one connection may be written and not yet acknowledged: twice what may be in flight, so that something is there to be
/// sent whenever an acknowledgement comes. It is memory, so a short path has less of it than a long one.
#[derive(Debug)]
pub(crate) struct SendRoom {
    most: u64,
    now: AtomicU64,
    written: AtomicU64,
}

impl SendRoom {
    /// Never more than `most` bytes.
    pub(super) fn new(most: u64) -> Self {
        Self { most, now: AtomicU64::new(first(most)), written: AtomicU64::new(0) }
    }

    /// Notes a write; whether it is time to look at the congestion windows.
    pub(super) fn is_due(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).min(LOOK_EVERY);
        let written = self.written.fetch_add(bytes, Ordering::Relaxed);
        let due = written.saturating_add(bytes) >= LOOK_EVERY;
        if due {
            self.written.store(0, Ordering::Relaxed);
        }
        due
    }

    /// How much room fits a congestion window, unless it is about what there is.
    pub(super) fn fitting(&self, window: u64) -> Option<u64> {
        let wanted = window.saturating_mul(2).clamp(first(self.most), self.most);
        let now = self.now.load(Ordering::Relaxed);
        if wanted <= now && wanted > now / 2 {
            return None;
        }
        self.now.store(wanted, Ordering::Relaxed);
        Some(wanted)
    }
}

/// The room that a connection begins with.
pub(super) fn first(most: u64) -> u64 {
    FIRST.min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_follows_the_congestion_window_within_its_bounds() {
        let room = SendRoom::new(10 * FIRST);
        assert_eq!(room.fitting(1), None, "it begins with that");
        assert_eq!(room.fitting(FIRST), Some(2 * FIRST));
        assert_eq!(room.fitting(FIRST), None);
        assert_eq!(room.fitting(FIRST * 3 / 4), None, "a little less is no reason");
        assert_eq!(room.fitting(100 * FIRST), Some(10 * FIRST));
        assert_eq!(room.fitting(0), Some(FIRST));
        assert_eq!(SendRoom::new(7).fitting(u64::MAX), None, "what a relay allows itself stays");
    }

    #[test]
    fn the_congestion_window_is_looked_at_now_and_then() {
        let room = SendRoom::new(FIRST);
        let looks = (0..1000).filter(|_| room.is_due(1024)).count();
        assert_eq!(looks, 1_024_000 / LOOK_EVERY as usize);
        assert!(room.is_due(usize::MAX));
    }
}
