use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use foctet_core::TransportAddr;
use tokio::time::Instant;

/// Packets that an address which never answered gets in a [`WINDOW`] at most. Any peer can name addresses to us, and must
/// not have us flood somebody with packets; a dial and three rounds of probes fit in.
const MAX_UNANSWERED: u32 = 40;

const WINDOW: Duration = Duration::from_secs(60);

/// How long an address counts as one that answers.
const ANSWERED_FOR: Duration = Duration::from_secs(600);

/// Addresses that are watched at once, of those that answer and of those that do not each. Beyond it an address that is not
/// known gets nothing until others are old.
const MAX_WATCHED: usize = 4096;

/// Sees to it that nobody is flooded whom a peer, a ticket or a forged packet has named to us.
#[derive(Default)]
pub(super) struct Guard {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When each was last heard.
    answered: HashMap<SocketAddr, Instant>,
    unanswered: HashMap<SocketAddr, Window>,
}

/// What went to an address since it was last left alone for a [`WINDOW`]: so counted, no minute has more, wherever it begins.
struct Window {
    last: Instant,
    packets: u32,
}

impl Guard {
    /// Something came from an address.
    pub(super) fn heard(&self, from: SocketAddr) {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = state.answered.get_mut(&from) {
            *last = now;
            return;
        }
        if state.answered.len() >= MAX_WATCHED {
            state.answered.retain(|_, last| now.duration_since(*last) < ANSWERED_FOR);
        }
        if state.answered.len() < MAX_WATCHED {
            state.unanswered.remove(&from);
            state.answered.insert(from, now);
        }
    }

    /// Whether something came from an address, not too long ago.
    pub(super) fn has_heard(&self, from: SocketAddr) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).answered.contains_key(&from)
    }

    /// Whether so many packets may go to an address now; `permitted` tells whether any may if it was never heard.
    pub(super) fn admits(&self, to: SocketAddr, packets: u32, permitted: impl FnOnce() -> bool) -> bool {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.answered.get(&to) {
            Some(last) if now.duration_since(*last) < ANSWERED_FOR => return true,
            // It knows us.
            Some(_) => {}
            None if permitted() => {}
            None => return false,
        }
        if !TransportAddr::udp(to).is_dialable() {
            return false;
        }
        if !state.unanswered.contains_key(&to) && state.unanswered.len() >= MAX_WATCHED {
            state.unanswered.retain(|_, window| now.duration_since(window.last) < WINDOW);
            if state.unanswered.len() >= MAX_WATCHED {
                return false;
            }
        }
        let window = state.unanswered.entry(to).or_insert(Window { last: now, packets: 0 });
        if now.duration_since(window.last) >= WINDOW {
            window.packets = 0;
        }
        let sum = window.packets.saturating_add(packets);
        if sum > MAX_UNANSWERED {
            return false;
        }
        *window = Window { last: now, packets: sum };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(n: u32) -> SocketAddr {
        SocketAddr::from((std::net::Ipv4Addr::from_bits(0xc612_0000 + n), 7))
    }

    fn admits(guard: &Guard, to: SocketAddr, packets: u32) -> bool {
        guard.admits(to, packets, || true)
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_never_heard_gets_nothing_without_permission() {
        let guard = Guard::default();
        assert!(!guard.admits(addr(1), 1, || false));
        guard.heard(addr(1));
        assert!(guard.admits(addr(1), 1, || false));
        tokio::time::advance(ANSWERED_FOR).await;
        assert!(guard.admits(addr(1), 1, || false), "it knows us still");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_never_answered_gets_forty_packets_a_minute() {
        let guard = Guard::default();
        let sent = |packets| (0..1000).filter(|_| admits(&guard, addr(1), packets)).count();
        assert_eq!(sent(1), 40);
        assert!(admits(&guard, addr(2), 40), "each is counted by itself");
        assert!(!admits(&guard, addr(3), 41), "a batch goes whole or not at all");
        tokio::time::advance(WINDOW - Duration::from_secs(1)).await;
        assert_eq!(sent(1), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(sent(2), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_answers_is_not_limited_until_it_falls_silent_for_long() {
        let guard = Guard::default();
        guard.heard(addr(1));
        assert!((0..1000).all(|_| admits(&guard, addr(1), 64)));
        tokio::time::advance(ANSWERED_FOR).await;
        assert!(!admits(&guard, addr(1), 64));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_goes_where_no_single_host_is_and_the_tables_are_bounded() {
        let guard = Guard::default();
        for text in ["0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "[ff02::1]:1", "192.0.2.1:0"] {
            assert!(!admits(&guard, text.parse().unwrap(), 1), "{text}");
        }
        for n in 0..MAX_WATCHED as u32 {
            assert!(admits(&guard, addr(n), 1));
            guard.heard(addr(MAX_WATCHED as u32 + n));
        }
        assert!(!admits(&guard, addr(u32::from(u16::MAX)), 1));
        guard.heard(addr(u32::from(u16::MAX)));
        assert_eq!(guard.state.lock().unwrap().answered.len(), MAX_WATCHED);
        tokio::time::advance(WINDOW).await;
        assert!(admits(&guard, addr(u32::from(u16::MAX)), 1));
    }
}
