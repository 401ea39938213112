use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::Sockets;

/// Whom a packet may show where we are.
///
/// A peer behind a relay does not know our address, and noq answers the candidates that it names (REACH_OUT) with probes
/// as soon as they come. Whoever gets a probe knows where we are. So to an address that we have neither dialled nor
/// heard, a connection sends only once its peer may learn our addresses. Each connection of noq's has a sender of its
/// own, and is known here by where that sends first.
pub(super) struct Disclosure {
    /// Nobody is to know where we are but the relays that we dial.
    relays_only: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The addresses of dials under way, and of how many each.
    dialled: HashMap<SocketAddr, usize>,
    /// Where the connections first sent whose peers may learn our addresses, and how many each.
    allowed: HashMap<SocketAddr, usize>,
}

/// Counts for as long as it lives.
pub(crate) struct Disclosed {
    sockets: Arc<Sockets>,
    kind: Kind,
    addrs: Vec<SocketAddr>,
}

#[derive(Clone, Copy)]
enum Kind {
    Dialled,
    Allowed,
}

impl Disclosure {
    pub(super) fn new(relays_only: bool) -> Self {
        Self { relays_only, state: Mutex::default() }
    }

    pub(super) fn relays_only(&self) -> bool {
        self.relays_only
    }

    /// Whether the connection that first sent to `first` may send to an address that was never heard.
    pub(super) fn permits(&self, first: SocketAddr, to: SocketAddr) -> bool {
        let (first, to) = (plain(first), plain(to));
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.dialled.contains_key(&to)
            || (!self.relays_only && (first == to || state.allowed.contains_key(&first)))
    }

    /// Whether this is an address of a dial under way.
    pub(super) fn dials(&self, addr: SocketAddr) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).dialled.contains_key(&plain(addr))
    }
}

impl State {
    fn of(&mut self, kind: Kind) -> &mut HashMap<SocketAddr, usize> {
        match kind {
            Kind::Dialled => &mut self.dialled,
            Kind::Allowed => &mut self.allowed,
        }
    }
}

impl Disclosed {
    /// We are about to dial these addresses.
    pub(crate) fn to_dialled(sockets: &Arc<Sockets>, addrs: &[SocketAddr]) -> Self {
        Self::new(sockets, Kind::Dialled, addrs)
    }

    /// The peer of the connection that first sent to `first` may learn our addresses.
    pub(crate) fn to_peer(sockets: &Arc<Sockets>, first: SocketAddr) -> Self {
        Self::new(sockets, Kind::Allowed, &[first])
    }

    fn new(sockets: &Arc<Sockets>, kind: Kind, addrs: &[SocketAddr]) -> Self {
        let addrs: Vec<_> = addrs.iter().copied().map(plain).collect();
        {
            let mut state = sockets.disclosure.state.lock().unwrap_or_else(PoisonError::into_inner);
            for addr in &addrs {
                *state.of(kind).entry(*addr).or_default() += 1;
            }
        }
        Self { sockets: Arc::clone(sockets), kind, addrs }
    }
}

impl Drop for Disclosed {
    fn drop(&mut self) {
        let mut state = self.sockets.disclosure.state.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = state.of(self.kind);
        for addr in &self.addrs {
            if let Some(count) = counts.get_mut(addr) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    counts.remove(addr);
                }
            }
        }
    }
}

/// Without what only one of two forms of an address may have.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(relays_only: bool) -> Arc<Sockets> {
        Sockets::new(Vec::new(), relays_only).unwrap()
    }

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_connection_sends_to_strangers_once_its_peer_may_learn_our_addresses() {
        let sockets = sockets(false);
        let permits = |first, to| sockets.disclosure.permits(addr(first), addr(to));
        assert!(permits(1, 1), "where the connection is");
        assert!(!permits(1, 9));
        let allowed = Disclosed::to_peer(&sockets, addr(1));
        let again = Disclosed::to_peer(&sockets, addr(1));
        assert!(permits(1, 9));
        assert!(!permits(2, 9), "another connection");
        drop(allowed);
        assert!(permits(1, 9));
        drop(again);
        assert!(!permits(1, 9));
        let dialled = Disclosed::to_dialled(&sockets, &[addr(9), addr(8)]);
        assert!(permits(2, 9) && permits(2, 8));
        drop(dialled);
        assert!(!permits(2, 9) && !permits(2, 8));
    }

    #[test]
    fn where_everything_goes_through_relays_only_what_was_dialled_gets_anything() {
        let sockets = sockets(true);
        let _allowed = Disclosed::to_peer(&sockets, addr(1));
        assert!(!sockets.disclosure.permits(addr(1), addr(1)));
        let _dialled = Disclosed::to_dialled(&sockets, &[addr(1)]);
        assert!(sockets.disclosure.permits(addr(1), addr(1)));
        assert!(sockets.disclosure.dials("[::ffff:127.0.0.1]:1".parse().unwrap()));
    }
}
