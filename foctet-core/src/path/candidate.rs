use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use super::Action;

/// Addresses of ours that a peer is told, and addresses that it tells us.
pub const MAX_CANDIDATES: usize = 12;

/// The addresses at which the two ends may be reached, and which of ours the peer has been told.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    allowed: bool,
    /// Whether there ever was one of ours.
    had_local: bool,
    /// Ours, best first.
    local: Vec<SocketAddr>,
    told: BTreeSet<SocketAddr>,
    /// The peer's, the newest last.
    remote: VecDeque<SocketAddr>,
}

/// What other addresses of ours mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// There is one that was not there before.
    pub(super) new: bool,
    /// They are others than before, and not merely the first.
    pub(super) moved: bool,
}

impl Candidates {
    /// From now on the peer may be told. Whether it might not before.
    pub(super) fn allow(&mut self) -> bool {
        !std::mem::replace(&mut self.allowed, true)
    }

    /// Replaces ours. What that changes.
    pub(super) fn set_local(&mut self, addrs: &[SocketAddr]) -> Change {
        let mut local: Vec<SocketAddr> = Vec::new();
        for addr in addrs.iter().copied().filter(is_usable) {
            if local.len() < MAX_CANDIDATES && !local.contains(&addr) {
                local.push(addr);
            }
        }
        let new = local.iter().any(|addr| !self.local.contains(addr));
        let gone = self.local.iter().any(|addr| !local.contains(addr));
        let first = !self.had_local;
        self.had_local |= !local.is_empty();
        self.local = local;
        Change { new, moved: !first && (new || gone) }
    }

    /// Whether it is new.
    pub(super) fn add_remote(&mut self, addr: SocketAddr) -> bool {
        if !is_usable(&addr) || self.remote.contains(&addr) {
            return false;
        }
        if self.remote.len() >= MAX_CANDIDATES {
            self.remote.pop_front();
        }
        self.remote.push_back(addr);
        true
    }

    pub(super) fn remove_remote(&mut self, addr: SocketAddr) {
        self.remote.retain(|known| *known != addr);
    }

    pub(super) fn is_allowed(&self) -> bool {
        self.allowed
    }

    pub(super) fn has_local(&self) -> bool {
        !self.local.is_empty()
    }

    /// How many the peer has told.
    pub(super) fn of_peer(&self) -> usize {
        self.remote.len()
    }

    /// Whether both ends can be tried.
    pub(super) fn ready(&self) -> bool {
        self.allowed && !self.local.is_empty() && !self.remote.is_empty()
    }

    /// What the peer must be told next, if it may. Removals first, so that there is always room.
    pub(super) fn poll(&mut self) -> Option<Action> {
        if !self.allowed {
            return None;
        }
        if let Some(gone) = self.told.iter().copied().find(|addr| !self.local.contains(addr)) {
            self.told.remove(&gone);
            return Some(Action::RemoveCandidate(gone));
        }
        let new = self.local.iter().copied().find(|addr| !self.told.contains(addr))?;
        self.told.insert(new);
        Some(Action::AddCandidate(new))
    }
}

/// Whether anybody should ever send there.
fn is_usable(addr: &SocketAddr) -> bool {
    let ip = addr.ip().to_canonical();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    addr.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}
