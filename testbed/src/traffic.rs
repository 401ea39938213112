//! Packets on the way that are watched, or vanish without a sign.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::namespace::Namespace;
use crate::{Error, Node, Testbed, tool};

/// Which packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    between: (IpAddr, Option<IpAddr>),
    only_towards: bool,
    protocol: Option<&'static str>,
    port: Option<u16>,
}

impl Traffic {
    /// All between these two addresses, in both directions.
    pub fn between(one: impl Into<IpAddr>, other: impl Into<IpAddr>) -> Self {
        Self { between: (one.into(), Some(other.into())), only_towards: false, protocol: None, port: None }
    }

    /// All to and from this address.
    pub fn of(address: impl Into<IpAddr>) -> Self {
        Self { between: (address.into(), None), only_towards: false, protocol: None, port: None }
    }

    /// All to this address.
    pub fn to(address: impl Into<IpAddr>) -> Self {
        Self { only_towards: true, ..Self::of(address) }
    }

    /// Of these, only UDP.
    #[must_use]
    pub fn udp_only(self) -> Self {
        Self { protocol: Some("udp"), ..self }
    }

    /// Of these, only TCP.
    #[must_use]
    pub fn tcp_only(self) -> Self {
        Self { protocol: Some("tcp"), ..self }
    }

    /// Of these, only TCP and UDP to this port.
    #[must_use]
    pub fn to_port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// The rules that count these packets and then do `verdict`.
    fn rules(&self, verdict: &str) -> String {
        let (one, other) = self.between;
        let family = if one.is_ipv4() { "ip" } else { "ip6" };
        let mut rest = String::new();
        match (self.protocol, self.port) {
            (None, None) => {}
            (Some(protocol), None) => rest = format!("meta l4proto {protocol}"),
            (None, Some(port)) => rest = format!("meta l4proto {{ tcp, udp }} th dport {port}"),
            (Some(protocol), Some(port)) => rest = format!("{protocol} dport {port}"),
        }
        let way = |from: Option<IpAddr>, to: Option<IpAddr>| {
            let from = from.map(|address| format!("{family} saddr {address}")).unwrap_or_default();
            let to = to.map(|address| format!("{family} daddr {address}")).unwrap_or_default();
            format!("  {from} {to} {rest} counter {verdict}\n")
        };
        let towards = way(other, Some(one));
        if self.only_towards { towards } else { way(Some(one), other) + &towards }
    }
}

/// A hole that packets vanish in, until it is undone. It stays when this is dropped.
#[derive(Debug)]
#[must_use = "this is how it is undone"]
pub struct Blackhole(Rules);

/// A count of packets that pass.
#[derive(Debug)]
pub struct Watch(Rules);

/// A table of rules in a namespace.
#[derive(Debug)]
struct Rules {
    space: Namespace,
    table: String,
}

impl Blackhole {
    /// Lets the packets through again.
    pub fn undo(self) -> Result<(), Error> {
        self.0.space.nft(&format!("delete table inet {}\n", self.0.table))
    }

    /// How many packets have vanished.
    pub fn packets(&self) -> Result<u64, Error> {
        self.0.packets()
    }
}

impl Watch {
    /// How many packets have passed since it was set up. What a sender gave the kernel as one to be cut up may count as
    /// one.
    pub fn packets(&self) -> Result<u64, Error> {
        self.0.packets()
    }
}

impl Testbed {
    /// Lets `traffic` vanish on the public internet. There, a host behind a NAT has the address of the router.
    pub fn blackhole(&self, traffic: Traffic) -> Result<Blackhole, Error> {
        Rules::load(self.internet(), traffic, "drop").map(Blackhole)
    }

    /// Counts `traffic` on the public internet, also what has nowhere to go. What a [`Blackhole`] or an uplink takes away
    /// is not counted.
    pub fn watch(&self, traffic: Traffic) -> Result<Watch, Error> {
        Rules::load(self.internet(), traffic, "accept").map(Watch)
    }
}

impl Node {
    /// Lets `traffic` vanish in a router that would forward it: with the addresses as they are inside, before the
    /// translation outwards and after that inwards.
    pub fn blackhole(&self, traffic: Traffic) -> Result<Blackhole, Error> {
        self.router_options()?;
        Rules::load(self.space(), traffic, "drop").map(Blackhole)
    }
}

impl Rules {
    fn load(space: &Namespace, traffic: Traffic, verdict: &str) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let table = format!("traffic_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let rules = traffic.rules(verdict);
        // What has no route is never forwarded, so it is to be counted before that is looked for.
        let (hook, priority) = if verdict == "drop" { ("forward", -30) } else { ("prerouting", -40) };
        space.nft(&format!(
            "table inet {table} {{\n chain on_the_way {{\n  type filter hook {hook} priority {priority}; policy accept;\n{rules} }}\n}}\n"
        ))?;
        Ok(Self { space: space.clone(), table })
    }

    fn packets(&self) -> Result<u64, Error> {
        let mut command = self.space.command("nft");
        command.args(["list", "table", "inet", &self.table]);
        let listed = tool::run(command, None)?;
        // "counter packets 3 bytes 87", once a rule.
        let counts =
            listed.split("packets ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        Ok(counts.sum())
    }
}
