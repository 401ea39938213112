use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use foctet_core::NodeId;
use tokio::time::Instant;

/// The addresses by which noq knows peers behind relays: a /64 of the range for private use (RFC 4193, section 3.1; the
/// forty bits after fd were drawn by lot). The lower half is random, so that no peer can name one of them to us and have
/// us send to somebody else.
const PREFIX: u64 = 0xfd3b_92c7_51e4_0000;

/// The port of these addresses, which means nothing.
const PORT: u16 = 1;

/// Peers behind relays that are known at once. Each costs some 200 bytes, and each peer of an endpoint that listens on two
/// relays takes two.
const MAX_MAPPED: usize = 4096;

/// An address that was not used for so long belongs to no connection any more: longer than the longest idle timeout that
/// is of use.
const FORGET_AFTER: Duration = Duration::from_secs(300);

/// A peer, and the relay that leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Via {
    pub(crate) relay: NodeId,
    pub(crate) peer: NodeId,
}

/// Which address stands for which peer behind which relay.
pub(crate) struct Mapped {
    table: RwLock<Table>,
    begun: Instant,
}

#[derive(Default)]
struct Table {
    by_host: HashMap<u64, (Via, AtomicU64)>,
    by_peer: HashMap<Via, u64>,
}

/// Whether an address is one of those that never leave the adapter.
pub(crate) fn is_mapped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if (ip.to_bits() >> 64) as u64 == PREFIX)
}

impl Mapped {
    pub(super) fn new() -> Self {
        Self { table: RwLock::default(), begun: Instant::now() }
    }

    /// The address that stands for a peer; a new one if there is none. `None` if there are too many, or no randomness.
    pub(crate) fn address(&self, to: Via) -> Option<SocketAddr> {
        let now = self.now();
        {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(host) = table.by_peer.get(&to) {
                if let Some((_, used)) = table.by_host.get(host) {
                    used.store(now, Ordering::Relaxed);
                }
                return Some(to_addr(*host));
            }
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random).ok()?;
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.insert(to, u64::from_ne_bytes(random), now).map(to_addr)
    }

    /// The peer that an address stands for.
    pub(crate) fn peer(&self, addr: SocketAddr) -> Option<Via> {
        let host = to_host(addr)?;
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let (to, used) = table.by_host.get(&host)?;
        used.store(self.now(), Ordering::Relaxed);
        Some(*to)
    }

    /// Milliseconds since the endpoint began.
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Table {
    fn insert(&mut self, to: Via, host: u64, now: u64) -> Option<u64> {
        // Another thread may have been faster.
        if let Some(known) = self.by_peer.get(&to) {
            return Some(*known);
        }
        if self.by_host.contains_key(&host) {
            return None;
        }
        if self.by_host.len() >= MAX_MAPPED {
            let idle = FORGET_AFTER.as_millis() as u64;
            self.by_host.retain(|_, (_, used)| now.saturating_sub(*used.get_mut()) < idle);
            let by_host = &self.by_host;
            self.by_peer.retain(|_, host| by_host.contains_key(host));
        }
        if self.by_host.len() >= MAX_MAPPED {
            return None;
        }
        self.by_host.insert(host, (to, AtomicU64::new(now)));
        self.by_peer.insert(to, host);
        Some(host)
    }
}

fn to_addr(host: u64) -> SocketAddr {
    let ip = Ipv6Addr::from_bits(u128::from(PREFIX) << 64 | u128::from(host));
    SocketAddr::from((ip, PORT))
}

fn to_host(addr: SocketAddr) -> Option<u64> {
    match addr.ip() {
        IpAddr::V6(ip) if is_mapped(addr.ip()) && addr.port() == PORT => Some(ip.to_bits() as u64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use foctet_core::SecretKey;

    use super::*;

    fn node(n: u32) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&n.to_ne_bytes());
        SecretKey::from_bytes(bytes).node_id()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_stands_for_one_peer_behind_one_relay() {
        let mapped = Mapped::new();
        let one = Via { relay: node(1), peer: node(2) };
        let other = Via { relay: node(3), peer: node(2) };
        let addr = mapped.address(one).unwrap();
        assert!(is_mapped(addr.ip()));
        assert_eq!(mapped.address(one), Some(addr));
        assert_ne!(mapped.address(other), Some(addr));
        assert_eq!(mapped.peer(addr), Some(one));
        let mut guessed = addr;
        guessed.set_ip(Ipv6Addr::from_bits(u128::from(PREFIX) << 64 | 1).into());
        assert_eq!(mapped.peer(guessed), None);
        assert!(!is_mapped("2001:db8::1".parse().unwrap()) && !is_mapped("192.0.2.1".parse().unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_is_bounded_and_forgets_what_nobody_uses() {
        let mapped = Mapped::new();
        let to = |n: u32| Via { relay: node(0), peer: node(n) };
        let first = mapped.address(to(0)).unwrap();
        let in_use = mapped.address(to(1)).unwrap();
        for n in 2..MAX_MAPPED as u32 {
            assert!(mapped.address(to(n)).is_some());
        }
        assert_eq!(mapped.address(to(u32::MAX)), None, "all may be in use");
        tokio::time::advance(FORGET_AFTER / 2).await;
        assert_eq!(mapped.peer(in_use), Some(to(1)));
        tokio::time::advance(FORGET_AFTER / 2 + Duration::from_secs(1)).await;
        assert!(mapped.address(to(u32::MAX)).is_some());
        assert_eq!(mapped.peer(in_use), Some(to(1)));
        assert_eq!(mapped.peer(first), None);
    }
}
