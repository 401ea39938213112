use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use foctet_core::{NodeAddr, NodeId, RelayAddr, TransportAddr};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::os::{InterfaceAddr, interface_addrs};
use crate::quic::is_mapped;
use crate::relay::{MAX_HOMES, RelayState, RelaysState};

/// How often the interfaces are looked at. A change is noticed late by this much at most; asking costs some 50 us.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Beginnings of the names of interfaces that lead to containers, virtual machines and tunnels: seldom of use to a
/// peer, and often the same on both machines.
const VIRTUAL: &[&str] = &[
    "docker",
    "br-",
    "veth",
    "virbr",
    "vmnet",
    "vboxnet",
    "lxc",
    "lxd",
    "cni",
    "flannel",
    "cali",
    "podman",
    "kube",
    "tun",
    "tap",
    "wg",
    "utun",
    "tailscale",
    "zt",
    "ppp",
];

/// What an endpoint is bound to, as far as others can dial it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listening {
    pub(super) addr: SocketAddr,
    pub(super) udp: bool,
    pub(super) tcp: bool,
}

/// How useful an address is to a peer, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// From anywhere, unless a firewall says no.
    Global,
    /// From the same network.
    Private,
    /// From the same link, for want of anything better.
    LinkLocal,
    /// From containers and tunnels.
    Virtual,
    /// From this machine.
    Loopback,
}

/// What an endpoint tells others of itself.
pub(super) struct Announced {
    pub(super) id: NodeId,
    /// Empty where everything goes through relays.
    pub(super) listening: Vec<Listening>,
    /// The relays asked for.
    pub(super) configured: watch::Receiver<Vec<RelayAddr>>,
}

impl Announced {
    /// Where the endpoint can be reached now.
    pub(super) fn current(&self, relays: &RelaysState) -> NodeAddr {
        let addr = node_addr(self.id, &self.listening, &interface_addrs());
        let mut addr = if self.listening.iter().any(|bound| bound.udp) {
            addr.with_addrs(relays.observed_udp().into_iter().map(TransportAddr::udp))
        } else {
            addr
        };
        // One that is about to come up is worth naming beside one that is up: it will most likely be there when it is needed.
        let homes = || relays.relays.iter().filter(|status| status.home);
        let up = homes().filter(|status| status.is_up() && !status.is_draining());
        let coming =
            homes().filter(|status| matches!(status.state, RelayState::Connecting { failures: 0, .. }));
        addr = addr.with_relays(up.chain(coming).take(MAX_HOMES).map(|status| status.addr.clone()));
        if addr.relays().is_empty() {
            // Until one is up, those that it will most likely be.
            let configured = self.configured.borrow();
            let likely = configured.iter().take(MAX_HOMES);
            addr = addr.with_relays(likely.map(|relay| relay.clone().with_token(None)));
        }
        addr
    }
}

/// How much later than due a look must come for the machine to have slept: no load delays it so.
const SLEPT: Duration = Duration::from_secs(20);

/// Keeps the address up to date until nobody looks at it, and says when the network may have changed: there are other
/// interfaces or other addresses, or the machine slept.
pub(super) async fn watch(
    mut announced: Announced,
    mut relays: watch::Receiver<RelaysState>,
    addr: watch::Sender<NodeAddr>,
    network_changed: impl Fn(),
) {
    let mut interfaces = interface_addrs();
    let mut looked = SystemTime::now();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let seen = interface_addrs();
                if std::mem::replace(&mut interfaces, seen) != interfaces || slept(looked, SystemTime::now()) {
                    tracing::debug!("the network may have changed");
                    network_changed();
                }
                looked = SystemTime::now();
            }
            Ok(()) = relays.changed() => {}
            Ok(()) = announced.configured.changed() => {}
            () = addr.closed() => return,
        }
        let now = announced.current(&relays.borrow_and_update().clone());
        addr.send_if_modified(|known| {
            let changed = *known != now;
            *known = now;
            changed
        });
    }
}

/// Whether the machine slept between two looks. The clock of timers may stand still meanwhile; that of the day does not.
fn slept(looked: SystemTime, now: SystemTime) -> bool {
    now.duration_since(looked).is_ok_and(|passed| passed > LOOK_EVERY + SLEPT)
}

fn node_addr(id: NodeId, listening: &[Listening], interfaces: &[InterfaceAddr]) -> NodeAddr {
    let mut ranked: Vec<(Rank, bool, Listening)> = Vec::new();
    for bound in listening {
        if !bound.addr.ip().is_unspecified() {
            let rank = rank("", bound.addr.ip()).unwrap_or(Rank::LinkLocal);
            ranked.push((rank, bound.addr.is_ipv4(), *bound));
            continue;
        }
        for interface in interfaces.iter().filter(|interface| interface.ip.is_ipv4() == bound.addr.is_ipv4())
        {
            if let Some(rank) = rank(&interface.name, interface.ip) {
                let addr = SocketAddr::new(interface.ip, bound.addr.port());
                ranked.push((rank, addr.is_ipv4(), Listening { addr, ..*bound }));
            }
        }
    }
    // IPv6 before IPv4 of the same rank (RFC 6724); else the system's order.
    ranked.sort_by_key(|(rank, is_ipv4, _)| (*rank, *is_ipv4));
    let explicit = |addr: &Listening| listening.iter().any(|bound| bound.addr == addr.addr);
    if ranked.iter().any(|(rank, _, _)| *rank != Rank::Loopback) {
        ranked.retain(|(rank, _, addr)| *rank != Rank::Loopback || explicit(addr));
    }
    NodeAddr::new(id).with_addrs(ranked.into_iter().flat_map(|(_, _, listening)| {
        let udp = listening.udp.then_some(TransportAddr::udp(listening.addr));
        let tcp = listening.tcp.then_some(TransportAddr::tcp(listening.addr));
        udp.into_iter().chain(tcp)
    }))
}

/// `None`: of no use to anybody.
fn rank(interface: &str, ip: IpAddr) -> Option<Rank> {
    if ip.is_unspecified() || ip.is_multicast() || is_mapped(ip) {
        return None;
    }
    if ip.is_loopback() {
        return Some(Rank::Loopback);
    }
    // A scope means nothing to a peer (RFC 4007).
    if matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
        return None;
    }
    if VIRTUAL.iter().any(|prefix| interface.starts_with(prefix)) {
        return Some(Rank::Virtual);
    }
    Some(match ip {
        IpAddr::V4(v4) if v4.is_broadcast() => return None,
        IpAddr::V4(v4) if v4.is_link_local() => Rank::LinkLocal,
        IpAddr::V4(v4) if v4.is_private() || is_shared(v4) => Rank::Private,
        IpAddr::V6(v6) if v6.is_unique_local() => Rank::Private,
        _ => Rank::Global,
    })
}

/// 100.64.0.0/10, between a provider's NAT and its customers (RFC 6598).
fn is_shared(ip: std::net::Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && second & 0xc0 == 64
}

#[cfg(test)]
mod tests {
    use foctet_core::SecretKey;

    use super::*;

    fn listening(addr: &str) -> Listening {
        Listening { addr: addr.parse().unwrap(), udp: true, tcp: true }
    }

    fn of(bounds: &[&str], interfaces: &[(&str, &str)]) -> Vec<String> {
        let bounds: Vec<_> = bounds.iter().map(|bound| listening(bound)).collect();
        let interfaces: Vec<_> = interfaces
            .iter()
            .map(|(name, ip)| InterfaceAddr { name: (*name).into(), ip: ip.parse().unwrap() })
            .collect();
        let id = SecretKey::from_bytes([1; 32]).node_id();
        let addr = node_addr(id, &bounds, &interfaces);
        addr.udp()
            .zip(addr.tcp())
            .map(|(udp, tcp)| {
                assert_eq!(udp, tcp, "one port for both");
                udp.to_string()
            })
            .collect()
    }

    const BOTH: &[&str] = &["0.0.0.0:7", "[::]:7"];

    #[test]
    fn the_best_come_first_and_containers_and_tunnels_last() {
        let interfaces = [
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("docker0", "172.17.0.1"),
            ("wg0", "10.9.0.1"),
            ("eth0", "192.168.1.2"),
            ("eth0", "203.0.113.4"),
            ("eth0", "fe80::1"),
            ("eth0", "2001:db8::2"),
            ("eth0", "fd00::2"),
            ("eth1", "169.254.3.4"),
            ("eth1", "100.64.1.1"),
        ];
        assert_eq!(
            of(BOTH, &interfaces),
            [
                "[2001:db8::2]:7",
                "203.0.113.4:7",
                "[fd00::2]:7",
                "192.168.1.2:7",
                "100.64.1.1:7",
                "169.254.3.4:7",
                "172.17.0.1:7",
                "10.9.0.1:7",
            ]
        );
    }

    #[test]
    fn a_look_that_comes_far_too_late_means_that_the_machine_slept() {
        let looked = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert!(!slept(looked, looked + LOOK_EVERY));
        assert!(!slept(looked, looked + LOOK_EVERY * 3));
        let night = LOOK_EVERY + SLEPT + Duration::from_secs(1);
        assert!(slept(looked, looked + night));
        assert!(!slept(looked, looked - night), "the clock was set back");
    }

    #[test]
    fn loopback_is_named_only_where_there_is_nothing_else() {
        assert_eq!(of(BOTH, &[("lo", "127.0.0.1"), ("lo", "::1")]), ["[::1]:7", "127.0.0.1:7"]);
        assert_eq!(of(&["0.0.0.0:7"], &[("lo", "127.0.0.1"), ("lo", "::1")]), ["127.0.0.1:7"]);
        assert_eq!(of(BOTH, &[]), [""; 0]);
    }

    #[test]
    fn an_explicit_address_is_named_whatever_it_is() {
        let interfaces = [("eth0", "192.168.1.2")];
        assert_eq!(of(&["127.0.0.1:7"], &interfaces), ["127.0.0.1:7"]);
        assert_eq!(of(&["127.0.0.1:7", "192.168.1.2:8"], &interfaces), ["192.168.1.2:8", "127.0.0.1:7"]);
    }

    #[test]
    fn no_address_is_for_multicast_or_one_link_or_stands_for_a_relayed_peer() {
        let interfaces = ["224.0.0.1", "ff02::1", "fe80::9", "0.0.0.0", "fd3b:92c7:51e4::9"];
        assert_eq!(of(BOTH, &interfaces.map(|ip| ("e", ip))), [""; 0]);
    }
}
