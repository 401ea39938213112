//! The networks inside, behind routers.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{ON_INTERNET, Subnet, Testbed};
use crate::namespace::Namespace;
use crate::node::{GATEWAY, Port};
use crate::{Error, Ipv6, Node, Uplink};

/// How many hosts and routers one inside network takes, counted from the address with this last byte.
const FIRST_INSIDE: u8 = 10;
const LAST_INSIDE: u8 = 250;

impl Testbed {
    /// Connects a host or router to a network inside of `router`.
    pub(super) fn attach_inside(
        &mut self,
        node: &Node,
        device: &str,
        router: &Node,
        subnet: Subnet,
        uplink: &Uplink,
        prefix: Option<Ipv6Addr>,
    ) -> Result<(), Error> {
        let number = self.next_inside(router, subnet)?;
        let far_device = self.next_device();
        let bridge = bridge(subnet);
        let of_router = router.namespace();
        node.space().ip(&format!("link add {device} type veth peer name {far_device} netns {of_router}"))?;
        router.space().ip(&format!("link set {far_device} master {bridge}\nlink set {far_device} up"))?;

        let inside = inside_networks(router)?;
        let gateway = match subnet {
            Subnet::First => inside[0],
            Subnet::Second => inside[1],
        };
        let [a, b, c, _] = gateway.octets();
        let ipv4 = Ipv4Addr::new(a, b, c, number);
        let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100 + u16::from(number));
        let router_prefix = router.port()?.prefix;
        let ipv6 = router_prefix.filter(|_| uplink.ipv6 != Ipv6::Off).map(|prefix| {
            let [a, b, c, d, ..] = match subnet {
                Subnet::First => prefix,
                Subnet::Second => second_prefix(prefix),
            }
            .segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, u16::from(number))
        });
        node.add_port(Port {
            device: device.to_owned(),
            far: router.space().clone(),
            far_device,
            ipv4: (uplink.ipv4 && router.ipv4().is_some()).then_some((ipv4, 24, gateway)),
            ipv6: ipv6.map(|address| (address, 64)),
            link_local,
            prefix: prefix.filter(|_| ipv6.is_some()),
        })?;
        if let (Some(prefix), true) = (prefix, ipv6.is_some()) {
            self.route_inwards(prefix, router, link_local, bridge)?;
        }
        Ok(())
    }

    /// Tells everybody from `router` up to the internet where the networks of a router behind it are.
    fn route_inwards(
        &self,
        prefix: Ipv6Addr,
        router: &Node,
        next_hop: Ipv6Addr,
        bridge: &str,
    ) -> Result<(), Error> {
        for prefix in [prefix, second_prefix(prefix)] {
            router.space().ip(&format!("route add {prefix}/64 via {next_hop} dev {bridge}"))?;
            let mut below = router;
            loop {
                let port = below.port()?;
                let (device, via) = match below.parent() {
                    None => (port.far_device.as_str(), ON_INTERNET),
                    Some(_) => ("lan0", port.link_local),
                };
                port.far.ip(&format!("route add {prefix}/64 via {via} dev {device}"))?;
                let Some(parent) = below.parent() else { break };
                below = parent;
            }
        }
        Ok(())
    }

    fn next_inside(&mut self, router: &Node, subnet: Subnet) -> Result<u8, Error> {
        let full = Error::Full("host behind a router");
        let known = self.inside.iter_mut().find(|(name, of, _)| name == router.name() && *of == subnet);
        if let Some((_, _, last)) = known {
            if *last >= LAST_INSIDE {
                return Err(full);
            }
            *last += 1;
            return Ok(*last);
        }
        self.inside.push((router.name().to_owned(), subnet, FIRST_INSIDE));
        Ok(FIRST_INSIDE)
    }
}

pub(super) fn forward(space: &Namespace) -> Result<(), Error> {
    space.set("net/ipv4/ip_forward", "1")?;
    // A kernel without IPv6 has none of these, and nothing to forward.
    let _ = space.set("net/ipv6/conf/all/forwarding", "1");
    // What stays within an inside network is none of the router's business. Without the module there is no such setting.
    for family in ["iptables", "ip6tables", "arptables"] {
        let _ = space.set(&format!("net/bridge/bridge-nf-call-{family}"), "0");
    }
    Ok(())
}

/// The inside and the rules of a router whose outside is there.
pub(super) fn configure_router(node: &Node, number: u8) -> Result<(), Error> {
    let options = *node.router_options()?;
    let space = node.space();
    forward(space)?;
    let third = options.lan.unwrap_or(number);
    let (a, b) = if options.carrier { (100, 64) } else { (192, 168) };
    let inside = [Ipv4Addr::new(a, b, third, 1), Ipv4Addr::new(a, b, third ^ 0x80, 1)];
    let prefix = node.port()?.prefix;
    let mut lines = String::new();
    for (subnet, address) in [Subnet::First, Subnet::Second].into_iter().zip(inside) {
        let bridge = bridge(subnet);
        let _ = writeln!(lines, "link add {bridge} type bridge mcast_snooping 0");
        let _ = writeln!(lines, "link set {bridge} up");
        let _ = writeln!(lines, "addr add {address}/24 dev {bridge}");
        if let Some(prefix) = prefix {
            let prefix = if subnet == Subnet::First { prefix } else { second_prefix(prefix) };
            let [a, b, c, d, ..] = prefix.segments();
            let own = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 1);
            let _ = writeln!(lines, "addr add {GATEWAY}/64 dev {bridge} nodad");
            let _ = writeln!(lines, "addr add {own}/64 dev {bridge} nodad");
        }
    }
    space.ip(&lines)?;
    node.set_inside(inside);
    node.load_nat()?;
    space.nft(&options.rules())?;
    if let Some((unanswered, answered)) = options.udp_lifetimes {
        let seconds = |time: std::time::Duration| time.as_secs().max(1).to_string();
        space.set("net/netfilter/nf_conntrack_udp_timeout", &seconds(unanswered))?;
        space.set("net/netfilter/nf_conntrack_udp_timeout_stream", &seconds(answered))?;
    }
    Ok(())
}

fn bridge(subnet: Subnet) -> &'static str {
    match subnet {
        Subnet::First => "lan0",
        Subnet::Second => "lan1",
    }
}

/// The prefix of a router's second inside network, given that of the first.
pub(super) fn second_prefix(first: Ipv6Addr) -> Ipv6Addr {
    let [a, b, c, d, ..] = first.segments();
    Ipv6Addr::new(a, b, c, d + 0x1000, 0, 0, 0, 0)
}

/// The addresses of a router in its inside networks, as they were configured.
fn inside_networks(router: &Node) -> Result<[Ipv4Addr; 2], Error> {
    router.inside().ok_or_else(|| router.unsuited("it has no inside"))
}
