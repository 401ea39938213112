use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use foctet_core::relay::Limit;
use foctet_core::{NodeId, RelayAddr};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::error::LegError;
use super::leg::Leg;
use super::status::{Limited, RelayState, RelayStatus, RelaysState};
use crate::path::Transport;
use crate::quic::is_mapped;

/// Legs besides the homes. A connection needs those of its peer, at most two; a handful serves several.
pub(super) const MAX_EXTRA_LEGS: usize = 4;

/// Addresses under which one relay is known: its own tells one, and tickets may be out of date.
const MAX_ADDRS: usize = 4;

/// The relays that legs are kept to.
#[derive(Default)]
pub(super) struct Table {
    entries: HashMap<NodeId, Entry>,
    /// In which order the homes are listed.
    homes: Vec<NodeId>,
    /// The endpoint is gone: once no leg is left, none will be again.
    forsaken: bool,
    /// What chooses the homes, where there is a choice.
    chooser: Option<AbortHandle>,
    /// How often this node's own relays were named.
    choice: u64,
}

/// One relay.
pub(super) struct Entry {
    addrs: Vec<RelayAddr>,
    joined: usize,
    condition: Condition,
    pub(super) signals: Arc<Signals>,
    keeper: Option<AbortHandle>,
}

/// How a leg's keeper is told that something is new.
#[derive(Default)]
pub(super) struct Signals {
    /// Somebody waits for the leg, or the network has changed: dial now.
    pub(super) hurry: Notify,
    /// Whether the leg is wanted may have changed.
    pub(super) users: Notify,
}

enum Condition {
    Connecting {
        since: Instant,
        failures: u32,
        last_error: Option<LegError>,
    },
    Up {
        leg: Weak<Leg>,
        observed_udp: Option<SocketAddr>,
        limited: Option<Limited>,
        draining: bool,
        silent: bool,
    },
}

impl Table {
    pub(super) fn get(&self, relay: NodeId) -> Option<&Entry> {
        self.entries.get(&relay)
    }

    pub(super) fn addrs(&self, relay: NodeId) -> Vec<RelayAddr> {
        self.entries.get(&relay).map(|entry| entry.addrs.clone()).unwrap_or_default()
    }

    /// Makes sure that there is an entry; `true` if it is new and needs a keeper. Where one of this node's `own` relays is,
    /// nobody else has a say in.
    pub(super) fn add(&mut self, relay: &RelayAddr, own: bool, now: Instant) -> bool {
        let mut new = false;
        let home = self.homes.contains(&relay.id());
        let entry = self.entries.entry(relay.id()).or_insert_with(|| {
            new = true;
            Entry {
                addrs: Vec::new(),
                joined: 0,
                condition: Condition::Connecting { since: now, failures: 0, last_error: None },
                signals: Arc::default(),
                keeper: None,
            }
        });
        let same = |known: &RelayAddr| known.host() == relay.host() && known.port() == relay.port();
        if own {
            entry.addrs = vec![relay.clone()];
        } else if !home && !entry.addrs.iter().any(same) && entry.addrs.len() < MAX_ADDRS {
            entry.addrs.push(relay.clone());
        }
        new
    }

    pub(super) fn kept_by(&mut self, relay: NodeId, keeper: AbortHandle) {
        if let Some(entry) = self.entries.get_mut(&relay) {
            entry.keeper = Some(keeper);
        }
    }

    /// Whether one more leg that is no home fits; one that nobody uses any more makes room.
    pub(super) fn make_room(&mut self) -> bool {
        let extra = |table: &Self| table.entries.keys().filter(|id| !table.homes.contains(id)).count();
        if extra(self) < MAX_EXTRA_LEGS {
            return true;
        }
        let unused = self.entries.keys().copied().find(|id| !self.is_used(*id));
        let Some(mut unused) = unused.and_then(|id| self.entries.remove(&id)) else { return false };
        if let Some(keeper) = unused.keeper.take() {
            keeper.abort();
        }
        true
    }

    /// Which relays are homes, in this order.
    pub(super) fn set_homes(&mut self, homes: Vec<NodeId>) {
        self.homes = homes;
        for entry in self.entries.values() {
            entry.signals.users.notify_one();
        }
    }

    /// Other relays are this node's own from now on: whoever chose among those before has no say any more.
    pub(super) fn begin_choice(&mut self) -> u64 {
        if let Some(chooser) = self.chooser.take() {
            chooser.abort();
        }
        self.choice = self.choice.wrapping_add(1);
        self.choice
    }

    /// Whether a choice is the last one begun, and there will be legs.
    pub(super) fn is_choice(&self, choice: u64) -> bool {
        !self.forsaken && self.choice == choice
    }

    pub(super) fn chosen_by(&mut self, choice: u64, chooser: AbortHandle) {
        if self.is_choice(choice) {
            self.chooser = Some(chooser);
        } else {
            chooser.abort();
        }
    }

    /// Nothing is a home any more. Whether there is no leg at all.
    pub(super) fn forsake(&mut self) -> bool {
        self.forsaken = true;
        self.begin_choice();
        self.set_homes(Vec::new());
        self.is_deserted()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn is_forsaken(&self) -> bool {
        self.forsaken
    }

    /// Whether no leg is left, and none will be again.
    pub(super) fn is_deserted(&self) -> bool {
        self.forsaken && self.entries.is_empty()
    }

    pub(super) fn join(&mut self, relay: NodeId) {
        if let Some(entry) = self.entries.get_mut(&relay) {
            entry.joined = entry.joined.saturating_add(1);
            entry.signals.users.notify_one();
            entry.signals.hurry.notify_one();
        }
    }

    pub(super) fn leave(&mut self, relay: NodeId) {
        if let Some(entry) = self.entries.get_mut(&relay) {
            entry.joined = entry.joined.saturating_sub(1);
            entry.signals.users.notify_one();
        }
    }

    /// Whether a leg is there for anybody.
    pub(super) fn is_used(&self, relay: NodeId) -> bool {
        self.homes.contains(&relay) || self.entries.get(&relay).is_some_and(|entry| entry.joined > 0)
    }

    /// Forgets a relay that nobody uses.
    pub(super) fn remove_unused(&mut self, relay: NodeId) -> bool {
        !self.is_used(relay) && self.entries.remove(&relay).is_some()
    }

    pub(super) fn hurry(&self) {
        for entry in self.entries.values() {
            entry.signals.hurry.notify_one();
        }
    }

    pub(super) fn up(&mut self, relay: NodeId, leg: &Arc<Leg>) {
        if let Some(entry) = self.entries.get_mut(&relay) {
            entry.condition = Condition::Up {
                leg: Arc::downgrade(leg),
                observed_udp: None,
                limited: None,
                draining: false,
                silent: false,
            };
        }
    }

    /// A leg is over, or did not come up.
    pub(super) fn failed(&mut self, relay: NodeId, error: LegError, now: Instant) {
        let Some(entry) = self.entries.get_mut(&relay) else { return };
        let (since, failures) = match entry.condition {
            Condition::Connecting { since, failures, .. } => (since, failures),
            Condition::Up { .. } => (now, 0),
        };
        let failures = failures.saturating_add(1);
        entry.condition = Condition::Connecting { since, failures, last_error: Some(error) };
    }

    /// Where the relay sees us. What can only be a stand-in of somebody's for a relayed peer is no such address.
    pub(super) fn observed(&mut self, relay: NodeId, addr: Option<SocketAddr>) {
        let addr = addr.filter(|addr| !is_mapped(addr.ip()));
        if let Some(Condition::Up { observed_udp, .. }) = self.condition(relay) {
            *observed_udp = addr;
        }
    }

    pub(super) fn limited(&mut self, relay: NodeId, limit: Limit, dropped: u32) {
        if let Some(Condition::Up { limited, .. }) = self.condition(relay) {
            let before = limited.map_or(0, |limited| limited.dropped);
            *limited = Some(Limited { limit, dropped: before.saturating_add(dropped.into()) });
        }
    }

    pub(super) fn draining(&mut self, relay: NodeId) {
        if let Some(Condition::Up { draining, .. }) = self.condition(relay) {
            *draining = true;
        }
    }

    pub(super) fn doubted(&mut self, relay: NodeId, doubted: bool) {
        if let Some(Condition::Up { silent, .. }) = self.condition(relay) {
            *silent = doubted;
        }
    }

    fn condition(&mut self, relay: NodeId) -> Option<&mut Condition> {
        self.entries.get_mut(&relay).map(|entry| &mut entry.condition)
    }

    /// All of it for those outside: the homes in their order, then the others.
    pub(super) fn state(&self) -> RelaysState {
        let mut relays: Vec<_> = self.homes.iter().filter_map(|id| self.status(*id)).collect();
        let mut others: Vec<_> = self.entries.keys().filter(|id| !self.homes.contains(id)).collect();
        others.sort();
        relays.extend(others.into_iter().filter_map(|id| self.status(*id)));
        RelaysState { relays }
    }

    pub(super) fn status(&self, relay: NodeId) -> Option<RelayStatus> {
        let entry = self.entries.get(&relay)?;
        let addr = entry.addrs.first()?.clone().with_token(None);
        Some(RelayStatus { addr, home: self.homes.contains(&relay), state: entry.condition.state() })
    }
}

impl Condition {
    fn state(&self) -> RelayState {
        match self {
            Self::Connecting { since, failures, last_error } => {
                RelayState::Connecting { since: *since, failures: *failures, last_error: last_error.clone() }
            }
            Self::Up { leg, observed_udp, limited, draining, silent } => match leg.upgrade() {
                Some(leg) => RelayState::Up {
                    rtt: leg.connection.rtt(),
                    transport: leg.connection.transport(),
                    remote: leg.connection.remote_address(),
                    observed_udp: *observed_udp,
                    observed_tcp: (leg.connection.transport() == Transport::Tcp)
                        .then(|| leg.welcome.observed.addr()),
                    limited: *limited,
                    guest: leg.welcome.guest,
                    draining: *draining,
                    silent: *silent,
                },
                // Its keeper is about to say so.
                None => RelayState::Connecting { since: Instant::now(), failures: 0, last_error: None },
            },
        }
    }
}
