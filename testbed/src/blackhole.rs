//! Packets that vanish on the way, without a sign.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::namespace::Namespace;
use crate::{Error, Node, Testbed};

/// Which packets vanish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    between: (IpAddr, Option<IpAddr>),
    protocol: &'static str,
}

impl Traffic {
    /// All between these two addresses, in both directions.
    pub fn between(one: impl Into<IpAddr>, other: impl Into<IpAddr>) -> Self {
        Self { between: (one.into(), Some(other.into())), protocol: "" }
    }

    /// All to and from this address.
    pub fn of(address: impl Into<IpAddr>) -> Self {
        Self { between: (address.into(), None), protocol: "" }
    }

    /// Of these, only UDP.
    #[must_use]
    pub fn udp_only(self) -> Self {
        Self { protocol: "meta l4proto udp", ..self }
    }

    /// Of these, only TCP.
    #[must_use]
    pub fn tcp_only(self) -> Self {
        Self { protocol: "meta l4proto tcp", ..self }
    }

    fn rules(&self) -> String {
        let (one, other) = self.between;
        let family = if one.is_ipv4() { "ip" } else { "ip6" };
        let protocol = self.protocol;
        let way = |from: Option<IpAddr>, to: Option<IpAddr>| {
            let from = from.map(|address| format!("{family} saddr {address}")).unwrap_or_default();
            let to = to.map(|address| format!("{family} daddr {address}")).unwrap_or_default();
            format!("  {from} {to} {protocol} counter drop\n")
        };
        way(Some(one), other) + &way(other, Some(one))
    }
}

/// A hole that packets vanish in, until it is undone. It stays when this is dropped.
#[derive(Debug)]
#[must_use = "this is how it is undone"]
pub struct Blackhole {
    space: Namespace,
    table: String,
}

impl Blackhole {
    /// Lets the packets through again.
    pub fn undo(self) -> Result<(), Error> {
        self.space.nft(&format!("delete table inet {}\n", self.table))
    }
}

impl Testbed {
    /// Lets `traffic` vanish on the public internet. There, a host behind a NAT has the address of the router.
    pub fn blackhole(&self, traffic: Traffic) -> Result<Blackhole, Error> {
        dig(self.internet(), traffic)
    }
}

impl Node {
    /// Lets `traffic` vanish in a router that would forward it: with the addresses as they are inside, before the
    /// translation outwards and after that inwards.
    pub fn blackhole(&self, traffic: Traffic) -> Result<Blackhole, Error> {
        self.router_options()?;
        dig(self.space(), traffic)
    }
}

fn dig(space: &Namespace, traffic: Traffic) -> Result<Blackhole, Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // By process too: `up` made the network in another one.
    let table = format!("hole_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let rules = traffic.rules();
    space.nft(&format!(
        "table inet {table} {{\n chain forward {{\n  type filter hook forward priority -30; policy accept;\n{rules} }}\n}}\n"
    ))?;
    Ok(Blackhole { space: space.clone(), table })
}
