//! Networks that have a name: what most scenarios are played on.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Ipv6, RouterOptions, Subnet, Testbed, Uplink};

/// Who is where. In each there are the hosts `relay1` (198.18.0.2), `relay2` (198.18.0.3), `alice` and `bob`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Alice and Bob are on the internet.
    Direct,
    /// Alice is behind the router `left`, Bob behind the router `right`.
    Homes,
    /// Alice is behind `left`, Bob is on the internet.
    Public,
    /// Alice is behind `left`, which is behind `carrier`, a port-restricted NAT; Bob is behind `right`.
    Carrier,
    /// Both are behind `left`.
    SameHome,
    /// Both are behind `left`, in its two inside networks.
    TwoSubnets,
}

impl Topology {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Direct, Self::Homes, Self::Public, Self::Carrier, Self::SameHome, Self::TwoSubnets];

    /// The name, as it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Homes => "homes",
            Self::Public => "public",
            Self::Carrier => "carrier",
            Self::SameHome => "same-home",
            Self::TwoSubnets => "two-subnets",
        }
    }

    /// Builds it. What is on the internet itself, but not the relays, has the uplink of the router on its side.
    pub fn build(self, bed: &mut Testbed, left: &RouterOptions, right: &RouterOptions) -> Result<(), Error> {
        let both_off = left.uplink.ipv6 == Ipv6::Off && right.uplink.ipv6 == Ipv6::Off;
        let relays = Uplink::default().ipv6(if both_off { Ipv6::Off } else { Ipv6::On });
        bed.public_host("relay1", &relays)?;
        bed.public_host("relay2", &relays)?;
        match self {
            Self::Direct => {
                bed.public_host("alice", &left.uplink)?;
                bed.public_host("bob", &right.uplink)?;
            }
            Self::Homes => {
                home(bed, "left", left, "alice")?;
                home(bed, "right", right, "bob")?;
            }
            Self::Public => {
                home(bed, "left", left, "alice")?;
                bed.public_host("bob", &right.uplink)?;
            }
            Self::Carrier => {
                let of_carrier = RouterOptions::nat(crate::Nat::PortRestricted);
                let carrier = bed.router("carrier", &of_carrier.uplink(left.uplink).carrier())?;
                let inside = Uplink { ipv4: left.uplink.ipv4, ipv6: left.uplink.ipv6, ..Uplink::default() };
                let left = bed.router_behind("left", &carrier, &left.uplink(inside))?;
                bed.host("alice", &left)?;
                home(bed, "right", right, "bob")?;
            }
            Self::SameHome => {
                let left = home(bed, "left", left, "alice")?;
                bed.host("bob", &left)?;
            }
            Self::TwoSubnets => {
                let left = home(bed, "left", left, "alice")?;
                bed.host_on("bob", &left, Subnet::Second)?;
            }
        }
        Ok(())
    }
}

fn home(bed: &mut Testbed, router: &str, options: &RouterOptions, host: &str) -> Result<crate::Node, Error> {
    let router = bed.router(router, options)?;
    bed.host(host, &router)?;
    Ok(router)
}

impl fmt::Display for Topology {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A text that is no name of a topology.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of direct, homes, public, carrier, same-home, two-subnets")]
pub struct ParseTopologyError(String);

impl FromStr for Topology {
    type Err = ParseTopologyError;

    fn from_str(text: &str) -> Result<Self, ParseTopologyError> {
        let found = Self::ALL.into_iter().find(|topology| topology.name() == text);
        found.ok_or_else(|| ParseTopologyError(text.to_owned()))
    }
}
