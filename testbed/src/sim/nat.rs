//! A NAT, with the behaviours of RFC 4787.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::link::Random;

/// How inside endpoints get outside ports (RFC 4787 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// One port, whoever it is for.
    EndpointIndependent,
    /// Another port for every endpoint outside.
    AddressAndPortDependent,
}

/// Whose packets come in to a port that is mapped (RFC 4787 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtering {
    /// Everybody's.
    EndpointIndependent,
    /// Those from addresses that the inside has sent to.
    AddressDependent,
    /// Those from endpoints that the inside has sent to.
    AddressAndPortDependent,
}

/// What a NAT is like. What has the family of its outside address is translated; the other one is filtered only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatOptions {
    /// How it maps.
    pub mapping: Mapping,
    /// How it filters.
    pub filtering: Filtering,
    /// Whether the outside port is the inside port where that is free. Only for the endpoint-independent mapping.
    pub keeps_port: bool,
    /// Whether it takes what comes from inside to its own outside address back in.
    pub hairpin: bool,
    /// After how long without a packet outwards a mapping is gone.
    pub lifetime: Duration,
    /// Whether it lets nothing through: all there is here is UDP.
    pub blocks_udp: bool,
}

/// What RFC 4787 section 4.3 demands at least.
const LIFETIME: Duration = Duration::from_secs(120);

/// Ports of mappings that do not keep theirs.
const FIRST_PORT: u16 = 1024;

impl NatOptions {
    const fn new(mapping: Mapping, filtering: Filtering) -> Self {
        let keeps_port = matches!(mapping, Mapping::EndpointIndependent);
        Self { mapping, filtering, keeps_port, hairpin: false, lifetime: LIFETIME, blocks_udp: false }
    }

    /// Independent mapping, independent filtering.
    pub const fn full_cone() -> Self {
        Self::new(Mapping::EndpointIndependent, Filtering::EndpointIndependent)
    }

    /// Independent mapping, address-dependent filtering.
    pub const fn address_restricted() -> Self {
        Self::new(Mapping::EndpointIndependent, Filtering::AddressDependent)
    }

    /// Independent mapping, address- and port-dependent filtering.
    pub const fn port_restricted() -> Self {
        Self::new(Mapping::EndpointIndependent, Filtering::AddressAndPortDependent)
    }

    /// Address- and port-dependent mapping to random ports, address- and port-dependent filtering.
    pub const fn symmetric() -> Self {
        Self::new(Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent)
    }
}

/// A NAT with what it remembers.
#[derive(Debug)]
pub(super) struct Nat {
    pub(super) options: NatOptions,
    pub(super) outside: IpAddr,
    /// By the inside endpoint, and by the outside one if the mapping depends on it.
    mappings: BTreeMap<(SocketAddr, Option<SocketAddr>), Entry>,
    random: Random,
    /// Whether it was rebound: then it keeps no ports, or nothing would have changed.
    rebound: bool,
}

#[derive(Debug)]
struct Entry {
    outside: SocketAddr,
    /// Whom the inside has sent to by it, and when last.
    contacted: BTreeMap<SocketAddr, Duration>,
    used: Duration,
}

impl Nat {
    pub(super) fn new(outside: IpAddr, options: NatOptions, seed: u64) -> Self {
        Self { options, outside, mappings: BTreeMap::new(), random: Random::new(seed), rebound: false }
    }

    /// Forgets all mappings; new ones have other ports.
    pub(super) fn rebind(&mut self) {
        self.mappings.clear();
        self.rebound = true;
    }

    /// Forgets all mappings, and has another address.
    pub(super) fn readdress(&mut self, outside: IpAddr) {
        self.mappings.clear();
        self.outside = outside;
    }

    /// A packet from inside `from` goes out to `to`: the endpoint that it comes from then. `None` if it does not.
    pub(super) fn outwards(&mut self, now: Duration, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        if self.options.blocks_udp {
            return None;
        }
        self.expire(now);
        let key = match self.options.mapping {
            Mapping::EndpointIndependent => (from, None),
            Mapping::AddressAndPortDependent => (from, Some(to)),
        };
        if !self.mappings.contains_key(&key) {
            let outside = self.allocate(from)?;
            self.mappings.insert(key, Entry { outside, contacted: BTreeMap::new(), used: now });
        }
        let entry = self.mappings.get_mut(&key)?;
        entry.used = now;
        entry.contacted.insert(to, now);
        Some(entry.outside)
    }

    /// A packet from outside `from` comes to `to`: the inside endpoint that it goes to then. `None` if it does not come
    /// in.
    pub(super) fn inwards(&mut self, now: Duration, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        if self.options.blocks_udp {
            return None;
        }
        self.expire(now);
        // Independent filtering is that of IPv4's NATs; nobody lets IPv6 in unasked.
        let filtering =
            if self.translates(to) { self.options.filtering } else { Filtering::AddressAndPortDependent };
        let mut entries = self.mappings.iter().filter(|(_, entry)| entry.outside == to);
        let ((inside, _), _) = entries.find(|(_, entry)| match filtering {
            Filtering::EndpointIndependent => true,
            Filtering::AddressDependent => entry.contacted.keys().any(|known| known.ip() == from.ip()),
            Filtering::AddressAndPortDependent => entry.contacted.contains_key(&from),
        })?;
        Some(*inside)
    }

    fn translates(&self, address: SocketAddr) -> bool {
        self.outside.is_ipv4() == address.is_ipv4()
    }

    fn expire(&mut self, now: Duration) {
        let alive = |used: Duration| now.saturating_sub(used) < self.options.lifetime;
        self.mappings.retain(|_, entry| {
            entry.contacted.retain(|_, used| alive(*used));
            alive(entry.used)
        });
    }

    /// An outside endpoint for an inside one. `None` if no port is found to be free.
    fn allocate(&mut self, inside: SocketAddr) -> Option<SocketAddr> {
        if !self.translates(inside) {
            return Some(inside);
        }
        let keeps = self.options.keeps_port && !self.rebound;
        let kept = keeps.then(|| SocketAddr::new(self.outside, inside.port()));
        if let Some(kept) = kept.filter(|kept| self.is_free(*kept)) {
            return Some(kept);
        }
        let range = u64::from(u16::MAX - FIRST_PORT) + 1;
        // With half of all ports taken, this misses once in 2^64.
        (0..64).find_map(|_| {
            let port = FIRST_PORT.saturating_add(u16::try_from(self.random.below(range)).unwrap_or(0));
            let outside = SocketAddr::new(self.outside, port);
            (self.is_free(outside) && port != inside.port()).then_some(outside)
        })
    }

    fn is_free(&self, outside: SocketAddr) -> bool {
        self.mappings.values().all(|entry| entry.outside != outside)
    }
}
