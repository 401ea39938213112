//! Hosts and NATs, the links between them, and the packets on these.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::NatOptions;
use super::nat::Nat;
use crate::link::{Queue, Random, Shape};

/// How many routers a packet passes at most, as the hop limit of IP.
const MAX_HOPS: u8 = 16;

/// A host or a NAT of a [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// A packet that has arrived at a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// When, as [`Network::now`] says.
    pub at: Duration,
    /// Where.
    pub host: NodeId,
    /// The sender as the host sees it.
    pub from: SocketAddr,
    /// Which of the host's endpoints it was sent to.
    pub to: SocketAddr,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// A network: the internet, and those on it. See the [module](super).
#[derive(Debug)]
pub struct Network {
    now: Duration,
    random: Random,
    nodes: Vec<Node>,
    /// Pairs of addresses between which packets vanish; `None` is everybody.
    holes: Vec<(IpAddr, Option<IpAddr>)>,
    /// How many packets each host has sent to whom.
    sent: BTreeMap<(NodeId, SocketAddr), u64>,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// The NAT behind which it is; `None` is the internet.
    parent: Option<NodeId>,
    up: Queue<Packet>,
    down: Queue<Packet>,
    cut: bool,
}

#[derive(Debug)]
enum Kind {
    Host(Vec<IpAddr>),
    Nat(Nat),
}

#[derive(Debug)]
struct Packet {
    from: SocketAddr,
    to: SocketAddr,
    payload: Vec<u8>,
    hops: u8,
}

impl Network {
    /// An internet with nobody on it. All chance comes from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Duration::ZERO,
            random: Random::new(seed),
            nodes: Vec::new(),
            holes: Vec::new(),
            sent: BTreeMap::new(),
        }
    }

    /// The time since the beginning. Only [`next_delivery`](Self::next_delivery) moves it on.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Adds a host on the internet.
    pub fn host(&mut self, addresses: &[IpAddr]) -> NodeId {
        self.add(Kind::Host(addresses.to_vec()), None)
    }

    /// Adds a host behind a NAT. Its IPv6 addresses are reached from everywhere if the NAT lets it.
    pub fn host_behind(&mut self, nat: NodeId, addresses: &[IpAddr]) -> NodeId {
        self.add(Kind::Host(addresses.to_vec()), Some(nat))
    }

    /// Adds a NAT on the internet.
    pub fn nat(&mut self, outside: IpAddr, options: NatOptions) -> NodeId {
        let seed = self.random.next();
        self.add(Kind::Nat(Nat::new(outside, options, seed)), None)
    }

    /// Adds a NAT behind a NAT.
    pub fn nat_behind(&mut self, nat: NodeId, outside: IpAddr, options: NatOptions) -> NodeId {
        let seed = self.random.next();
        self.add(Kind::Nat(Nat::new(outside, options, seed)), Some(nat))
    }

    /// Makes the link between a host or NAT and the next towards the internet be so, in both directions. At first it
    /// does nothing to packets. The seed of the shape does not matter: that of the network does.
    pub fn shape(&mut self, node: NodeId, shape: Shape) {
        let seeds = [self.random.next(), self.random.next()];
        if let Some(node) = self.nodes.get_mut(node.0) {
            let [up, down] = seeds.map(|seed| Shape { seed, ..shape });
            node.up.reshape(up);
            node.down.reshape(down);
        }
    }

    /// Sends a packet from an endpoint of a host. One that is not the host's is a forged one: the network does not mind.
    pub fn send(&mut self, host: NodeId, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let count = self.sent.entry((host, to)).or_default();
        *count = count.saturating_add(1);
        self.push_up(host, Packet { from, to, payload: payload.to_vec(), hops: 0 });
    }

    /// How many packets a host has sent to an endpoint.
    pub fn sent(&self, host: NodeId, to: SocketAddr) -> u64 {
        self.sent.get(&(host, to)).copied().unwrap_or(0)
    }

    /// The next packet that arrives somewhere until `deadline`, with the time moved on to that; or `None`, with the time
    /// moved on to `deadline`, where that is not past.
    pub fn next_delivery(&mut self, deadline: Duration) -> Option<Delivery> {
        loop {
            // Of those at the same time, the same one is always the first.
            let next = self.nodes.iter().enumerate().flat_map(|(index, node)| {
                let queues = [(&node.up, true), (&node.down, false)];
                queues.map(|(queue, upwards)| Some((queue.next_timeout()?, index, upwards)))
            });
            let Some((at, index, upwards)) = next.flatten().min().filter(|(at, ..)| *at <= deadline) else {
                self.now = self.now.max(deadline);
                return None;
            };
            self.now = self.now.max(at);
            let node = self.nodes.get_mut(index)?;
            let queue = if upwards { &mut node.up } else { &mut node.down };
            let Some(packet) = queue.pop(self.now) else { continue };
            if node.cut {
                continue;
            }
            if upwards {
                let parent = node.parent;
                self.came_up(parent, packet);
            } else if let Some(delivery) = self.came_down(NodeId(index), packet) {
                return Some(delivery);
            }
        }
    }

    /// Makes a NAT forget its mappings and use other ports for new ones.
    pub fn rebind(&mut self, nat: NodeId) {
        if let Some(Node { kind: Kind::Nat(nat), .. }) = self.nodes.get_mut(nat.0) {
            nat.rebind();
        }
    }

    /// Makes a NAT forget its mappings and have another outside address.
    pub fn readdress(&mut self, nat: NodeId, outside: IpAddr) {
        if let Some(Node { kind: Kind::Nat(nat), .. }) = self.nodes.get_mut(nat.0) {
            nat.readdress(outside);
        }
    }

    /// Makes a NAT be another one from now on; what it remembers stays.
    pub fn change_nat(&mut self, nat: NodeId, options: NatOptions) {
        if let Some(Node { kind: Kind::Nat(nat), .. }) = self.nodes.get_mut(nat.0) {
            nat.options = options;
        }
    }

    /// Takes a host to another network, behind a NAT or (`None`) on the internet, where it has other addresses. What is
    /// on its way to it is lost, if nobody else has that address.
    pub fn relocate(&mut self, host: NodeId, nat: Option<NodeId>, addresses: &[IpAddr]) {
        if let Some(node) = self.nodes.get_mut(host.0) {
            node.parent = nat;
            node.kind = Kind::Host(addresses.to_vec());
        }
    }

    /// Takes the network away from a host or NAT, or gives it back: while it is away, what is to pass that link is lost.
    pub fn cut(&mut self, node: NodeId, away: bool) {
        if let Some(node) = self.nodes.get_mut(node.0) {
            node.cut = away;
        }
    }

    /// Lets all packets between two addresses (or to and from one) vanish on the internet, or no longer.
    pub fn blackhole(&mut self, one: IpAddr, other: Option<IpAddr>, vanish: bool) {
        self.holes.retain(|hole| *hole != (one, other));
        if vanish {
            self.holes.push((one, other));
        }
    }

    fn add(&mut self, kind: Kind, parent: Option<NodeId>) -> NodeId {
        let [up, down] = [self.random.next(), self.random.next()]
            .map(|seed| Queue::new(Shape { seed, ..Shape::default() }));
        self.nodes.push(Node { kind, parent, up, down, cut: false });
        NodeId(self.nodes.len() - 1)
    }

    fn push_up(&mut self, node: NodeId, packet: Packet) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(node.0).filter(|node| !node.cut) {
            node.up.push(now, size(&packet), packet);
        }
    }

    fn push_down(&mut self, node: NodeId, packet: Packet) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(node.0).filter(|node| !node.cut) {
            node.down.push(now, size(&packet), packet);
        }
    }

    /// A packet came out of an uplink, into a NAT from inside or onto the internet.
    fn came_up(&mut self, parent: Option<NodeId>, mut packet: Packet) {
        packet.hops = packet.hops.saturating_add(1);
        if packet.hops > MAX_HOPS {
            return;
        }
        let vanishes = |(one, other): &(IpAddr, Option<IpAddr>)| {
            let (from, to) = (packet.from.ip(), packet.to.ip());
            let is = |known: IpAddr, other: Option<IpAddr>, address, peer| {
                known == address && other.is_none_or(|other| other == peer)
            };
            is(*one, *other, from, to) || is(*one, *other, to, from)
        };
        if parent.is_none() && self.holes.iter().any(vanishes) {
            return;
        }
        if let Some(child) = self.owner(parent, packet.to.ip()) {
            self.push_down(child, packet);
            return;
        }
        let now = self.now;
        let Some(id) = parent else { return };
        let Some(Node { kind: Kind::Nat(nat), .. }) = self.nodes.get_mut(id.0) else { return };
        let hairpin = packet.to.ip() == nat.outside;
        if hairpin && !nat.options.hairpin {
            return;
        }
        let Some(outside) = nat.outwards(now, packet.from, packet.to) else { return };
        packet.from = outside;
        if !hairpin {
            self.push_up(id, packet);
        } else if let Some(inside) = nat.inwards(now, packet.from, packet.to) {
            packet.to = inside;
            if let Some(child) = self.owner(parent, inside.ip()) {
                self.push_down(child, packet);
            }
        }
    }

    /// A packet came out of the link to a host, or into a NAT from outside.
    fn came_down(&mut self, id: NodeId, mut packet: Packet) -> Option<Delivery> {
        let now = self.now;
        match &mut self.nodes.get_mut(id.0)?.kind {
            Kind::Host(addresses) => addresses.contains(&packet.to.ip()).then_some(Delivery {
                at: now,
                host: id,
                from: packet.from,
                to: packet.to,
                payload: packet.payload,
            }),
            Kind::Nat(nat) => {
                packet.to = nat.inwards(now, packet.from, packet.to)?;
                let child = self.owner(Some(id), packet.to.ip())?;
                self.push_down(child, packet);
                None
            }
        }
    }

    /// Who, in a network, takes packets to an address: who has it, or the NAT behind which somebody has it, if it is of
    /// the family that this one does not translate.
    fn owner(&self, network: Option<NodeId>, address: IpAddr) -> Option<NodeId> {
        let mut ids = (0..self.nodes.len()).map(NodeId);
        ids.find(|id| {
            let Some(node) = self.nodes.get(id.0).filter(|node| node.parent == network) else { return false };
            match &node.kind {
                Kind::Host(addresses) => addresses.contains(&address),
                Kind::Nat(nat) => {
                    nat.outside == address
                        || (nat.outside.is_ipv4() != address.is_ipv4()
                            && self.owner(Some(*id), address).is_some())
                }
            }
        })
    }
}

/// The size of a packet on the wire: its payload, and the headers of UDP and IP.
fn size(packet: &Packet) -> usize {
    packet.payload.len().saturating_add(if packet.to.is_ipv4() { 28 } else { 48 })
}

#[cfg(test)]
mod tests;
