use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that are noted at most: 100 MB of full ones, as much as is in flight at 4 Gbit/s and 200 ms. Beyond it, rates are
/// measured by fewer packets.
const MAX_NOTED: usize = 65_536;

/// After so many round trips a packet that nothing was heard of is forgotten: one that looked for a larger MTU, say, whose
/// loss is not told.
const FORGOTTEN_AFTER: u32 = 4;

/// At which rate a path delivers what is sent on it, by what each packet found when it was sent
/// (draft-ietf-ccwg-bbr, section 4.1).
#[derive(Debug, Clone)]
pub(super) struct Deliveries {
    /// Bytes that were acknowledged.
    total: u64,
    /// When the last of them were.
    at: Instant,
    /// When the packet was sent that was acknowledged last.
    last_sent: Instant,
    /// Up to this total, less was in flight than might have been.
    limited_until: u64,
    noted: VecDeque<Noted>,
    /// The newest packet of the acknowledgement that is being taken.
    newest: Option<Noted>,
}

/// A packet, and what its sender knew then.
#[derive(Debug, Clone, Copy)]
struct Noted {
    number: u64,
    sent: Instant,
    total: u64,
    at: Instant,
    last_sent: Instant,
    limited: bool,
    heard_of: bool,
}

/// What one acknowledgement tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Delivered {
    /// Bytes a second, on average since the packet was sent that it acknowledges.
    pub(super) rate: f64,
    /// Whether the sender might have sent more meanwhile, and had nothing to send.
    pub(super) limited: bool,
    /// The total when that packet was sent.
    pub(super) since: u64,
}

impl Deliveries {
    pub(super) fn new(now: Instant) -> Self {
        Self { total: 0, at: now, last_sent: now, limited_until: 0, noted: VecDeque::new(), newest: None }
    }

    /// Bytes that were acknowledged so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// A packet is sent, while `in_flight` bytes are on their way.
    pub(super) fn sent(&mut self, now: Instant, number: u64, in_flight: u64) {
        if in_flight == 0 {
            (self.at, self.last_sent) = (now, now);
        }
        // The handshake numbers its packets three times from 0.
        if self.noted.back().is_some_and(|last| last.number >= number) {
            self.noted.clear();
        }
        if self.noted.len() < MAX_NOTED {
            self.noted.push_back(Noted {
                number,
                sent: now,
                total: self.total,
                at: self.at,
                last_sent: self.last_sent,
                limited: self.limited_until > 0,
                heard_of: false,
            });
        }
    }

    /// A packet is acknowledged.
    pub(super) fn acked(&mut self, now: Instant, sent: Instant, bytes: u64, number: u64) {
        self.total = self.total.saturating_add(bytes);
        self.at = now;
        if let Some(noted) = self.find(number).filter(|noted| noted.sent == sent) {
            noted.heard_of = true;
            let noted = *noted;
            if self.newest.is_none_or(|newest| newest.sent <= noted.sent) {
                self.newest = Some(noted);
            }
        }
    }

    /// A packet is lost.
    pub(super) fn lost(&mut self, number: u64) {
        if let Some(noted) = self.find(number) {
            noted.heard_of = true;
        }
    }

    fn find(&mut self, number: u64) -> Option<&mut Noted> {
        let index = self.noted.binary_search_by_key(&number, |noted| noted.number).ok()?;
        self.noted.get_mut(index)
    }

    /// An acknowledgement was taken; `in_flight` bytes are still on their way, and `limited` if more might be. Samples over less
    /// than `min_rtt` tell of bursts, not of rates.
    pub(super) fn taken(
        &mut self,
        now: Instant,
        in_flight: u64,
        limited: bool,
        min_rtt: Duration,
    ) -> Option<Delivered> {
        if self.limited_until > 0 && self.total > self.limited_until {
            self.limited_until = 0;
        }
        if limited {
            self.limited_until = self.total.saturating_add(in_flight).max(1);
        }
        let newest = self.newest.take()?;
        self.last_sent = newest.sent;
        while self.noted.front().is_some_and(|noted| {
            noted.heard_of
                || now.saturating_duration_since(noted.sent) > min_rtt.saturating_mul(FORGOTTEN_AFTER)
                    && noted.number < newest.number
        }) {
            self.noted.pop_front();
        }
        let sending = newest.sent.saturating_duration_since(newest.last_sent);
        let interval = now.saturating_duration_since(newest.at).max(sending);
        if interval < min_rtt || interval.is_zero() {
            return None;
        }
        let bytes = self.total.saturating_sub(newest.total);
        Some(Delivered {
            rate: bytes as f64 / interval.as_secs_f64(),
            limited: newest.limited,
            since: newest.total,
        })
    }
}
