//! Flow control: RFC 9000, section 4.

use std::time::{Duration, Instant};

use crate::varint::MAX_VARINT;

/// How much the peer lets us send, on one stream or on all.
#[derive(Debug, Clone, Default)]
pub(crate) struct SendCredit {
    limit: u64,
    used: u64,
    /// The limit at which the peer was last told that we are stuck.
    complained: Option<u64>,
}

impl SendCredit {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, used: 0, complained: None }
    }

    /// How many bytes have been sent, which on a stream is the next offset.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// How many bytes may be sent now.
    pub(crate) fn available(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    pub(crate) fn spend(&mut self, bytes: u64) {
        debug_assert!(bytes <= self.available());
        self.used = self.used.saturating_add(bytes);
    }

    /// Takes the peer's word for a new limit; one that is not higher is stale. Whether it was higher.
    pub(crate) fn raise(&mut self, limit: u64) -> bool {
        let higher = limit > self.limit;
        self.limit = self.limit.max(limit);
        higher
    }

    /// Whether the peer should be told that we are stuck at this limit; it is told once.
    pub(crate) fn should_complain(&self) -> bool {
        self.available() == 0 && self.complained != Some(self.limit)
    }

    pub(crate) fn complain(&mut self) -> u64 {
        self.complained = Some(self.limit);
        self.limit
    }
}

/// How much we let the peer send, on one stream or on all.
///
/// On a stream the window is how far the limit runs ahead of what has been read. On the connection it is how far the
/// limit runs ahead of what has arrived, as long as what is unread stays within the ceiling: so a stream that nobody
/// reads costs its siblings nothing until memory runs out.
///
/// The window starts small and grows as long as the reader could have used more: the bytes read in one round trip,
/// doubled, is what keeps the peer from ever waiting.
#[derive(Debug, Clone)]
pub(crate) struct RecvWindow {
    scope: Scope,
    window: u64,
    ceiling: u64,
    received: u64,
    consumed: u64,
    advertised: u64,
    /// When the present measurement began, and how much had been read by then.
    epoch: Option<(Instant, u64)>,
}

/// What a window is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Stream,
    Connection,
}

/// The data would exceed what the peer was allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OverCredit;

/// The shortest time, in which reading is measured: below it a rate says nothing.
const SHORTEST_EPOCH: Duration = Duration::from_micros(500);

impl RecvWindow {
    /// The window of one stream.
    pub(crate) fn stream(window: u64, ceiling: u64) -> Self {
        Self::new(Scope::Stream, window, ceiling)
    }

    /// The window of all streams together.
    pub(crate) fn connection(window: u64, ceiling: u64) -> Self {
        Self::new(Scope::Connection, window, ceiling)
    }

    fn new(scope: Scope, window: u64, ceiling: u64) -> Self {
        Self { scope, window, ceiling, received: 0, consumed: 0, advertised: window, epoch: None }
    }

    /// How many bytes have arrived, which on a stream is the next offset.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Takes note of `bytes` more from the peer.
    pub(crate) fn receive(&mut self, bytes: u64) -> Result<(), OverCredit> {
        match self.received.checked_add(bytes) {
            Some(received) if received <= self.advertised => {
                self.received = received;
                Ok(())
            }
            _ => Err(OverCredit),
        }
    }

    /// Takes note that `bytes` were read or thrown away, and may widen the window. Whether the peer should be told of a
    /// new limit: when half of the window would otherwise be gone, so that updates are few and come in time.
    pub(crate) fn consume(&mut self, bytes: u64, now: Instant, rtt: Option<Duration>) -> bool {
        self.consumed = self.consumed.saturating_add(bytes);
        debug_assert!(self.consumed <= self.received);
        if let Some(rtt) = rtt {
            self.measure(now, rtt);
        }
        self.is_due()
    }

    fn measure(&mut self, now: Instant, rtt: Duration) {
        let (since, before) = *self.epoch.get_or_insert((now, self.consumed));
        let elapsed = now.saturating_duration_since(since);
        if elapsed < rtt.max(SHORTEST_EPOCH) {
            return;
        }
        let read = u128::from(self.consumed.saturating_sub(before));
        let per_round_trip = read * rtt.as_nanos() / elapsed.as_nanos().max(1);
        let wanted = u64::try_from(per_round_trip.saturating_mul(2)).unwrap_or(u64::MAX);
        self.window = self.window.max(wanted.min(self.ceiling));
        self.epoch = Some((now, self.consumed));
    }

    pub(crate) fn is_due(&self) -> bool {
        self.next_limit().saturating_sub(self.advertised) >= (self.window / 2).max(1)
    }

    /// The limit that the peer should be told now.
    pub(crate) fn advertise(&mut self) -> u64 {
        self.advertised = self.advertised.max(self.next_limit());
        self.advertised
    }

    fn next_limit(&self) -> u64 {
        let limit = match self.scope {
            Scope::Stream => self.consumed.saturating_add(self.window),
            Scope::Connection => {
                let memory = self.consumed.saturating_add(self.ceiling);
                self.received.saturating_add(self.window).min(memory)
            }
        };
        limit.min(MAX_VARINT)
    }

    #[cfg(test)]
    pub(crate) fn window(&self) -> u64 {
        self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn a_limit_only_ever_rises() {
        let mut credit = SendCredit::new(10);
        credit.spend(10);
        assert!(!credit.raise(10) && !credit.raise(0));
        assert_eq!(credit.available(), 0);
        assert!(credit.raise(MAX_VARINT));
        assert_eq!(credit.available(), MAX_VARINT - 10);
    }

    #[test]
    fn being_stuck_is_told_once_for_each_limit() {
        let mut credit = SendCredit::new(5);
        assert!(!credit.should_complain());
        credit.spend(5);
        assert!(credit.should_complain());
        assert_eq!(credit.complain(), 5);
        assert!(!credit.should_complain());
        credit.raise(6);
        credit.spend(1);
        assert!(credit.should_complain());
    }

    #[test]
    fn data_up_to_the_limit_is_taken_and_one_byte_more_is_not() {
        let mut window = RecvWindow::stream(100, 100);
        assert_eq!(window.receive(100), Ok(()));
        assert_eq!(window.receive(1), Err(OverCredit));
        assert_eq!(window.receive(u64::MAX), Err(OverCredit));
        assert_eq!(window.received(), 100);
    }

    #[test]
    fn an_update_is_due_when_half_of_the_window_has_been_read() {
        let (mut window, now) = (RecvWindow::stream(100, 100), start());
        window.receive(100).unwrap();
        assert!(!window.consume(49, now, None));
        assert!(window.consume(1, now, None));
        assert_eq!(window.advertise(), 150);
        assert!(!window.is_due());
    }

    #[test]
    fn a_reader_held_back_by_the_window_makes_it_grow_to_the_ceiling() {
        let (mut window, mut now) = (RecvWindow::stream(1_000, 6_000), start());
        let mut seen = Vec::new();
        for _ in 0..10 {
            now += MS;
            let room = window.advertise() - window.received();
            window.receive(room).unwrap();
            window.consume(room, now, Some(MS));
            seen.push(window.window());
        }
        assert!(seen.is_sorted());
        assert_eq!(window.window(), 6_000);
    }

    #[test]
    fn a_reader_slower_than_the_window_leaves_it_as_it_is() {
        let (mut window, mut now) = (RecvWindow::stream(1_000, 1_000_000), start());
        for _ in 0..100 {
            now += 10 * MS;
            window.advertise();
            window.receive(1_000).unwrap();
            window.consume(1_000, now, Some(MS));
        }
        assert_eq!(window.window(), 1_000);
    }

    #[test]
    fn what_nobody_reads_narrows_the_connections_window_only_at_its_ceiling() {
        let mut window = RecvWindow::connection(100, 250);
        window.receive(100).unwrap();
        assert!(window.is_due());
        assert_eq!(window.advertise(), 200);
        window.receive(100).unwrap();
        assert_eq!(window.advertise(), 250);
        window.receive(50).unwrap();
        assert!(!window.is_due());
        assert!(window.consume(250, start(), None));
        assert_eq!(window.advertise(), 350);
    }

    #[test]
    fn limits_stay_below_2_to_the_62() {
        let mut window = RecvWindow::stream(100, 100);
        window.received = MAX_VARINT;
        window.consumed = MAX_VARINT;
        assert_eq!(window.advertise(), MAX_VARINT);
    }
}
