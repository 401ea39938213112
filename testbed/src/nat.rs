//! The behaviours of NATs, as rules of nftables for a router whose outside is `wan0` and whose insides are `lan0` and
//! `lan1`.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

/// How long a mapping lives that carries nothing, where nobody asked for less (RFC 4787 section 4.3 recommends this).
const MAPPING_LIFETIME: Duration = Duration::from_secs(300);

/// How a router translates IPv4, in the words of RFC 4787: which inside endpoint gets which port outside (mapping), and
/// whose packets to that port come in (filtering). IPv6 is not translated, but filtered as APDF by all of them.
///
/// TCP is mapped likewise, and filtered as APDF by all: no router lets in connections that nobody inside asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nat {
    /// Endpoint-independent mapping that keeps the port, endpoint-independent filtering. Two hosts inside must not use
    /// the same port.
    FullCone,
    /// Endpoint-independent mapping that keeps the port, address-dependent filtering. Two hosts inside must not use the
    /// same port.
    AddressRestricted,
    /// Endpoint-independent mapping that keeps the port if it is free, address- and port-dependent filtering.
    PortRestricted,
    /// Endpoint-independent mapping to ports of another range, address- and port-dependent filtering.
    PortRestrictedRemapped,
    /// Address- and port-dependent mapping to random ports, address- and port-dependent filtering.
    Symmetric,
    /// [`FullCone`](Self::FullCone), which also takes what comes from inside to its own outside address back in.
    Hairpin,
}

/// A range of ports that a NAT maps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The first port.
    pub first: u16,
    /// The last port, which belongs to the range.
    pub last: u16,
}

impl Nat {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::FullCone,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::PortRestrictedRemapped,
        Self::Symmetric,
        Self::Hairpin,
    ];

    /// The name, as it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullCone => "full-cone",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::PortRestrictedRemapped => "port-restricted-remapped",
            Self::Symmetric => "symmetric",
            Self::Hairpin => "hairpin",
        }
    }

    /// Whether it can map to a range of ports. Those that remember who has which port need the port to be kept.
    pub fn takes_ports(self) -> bool {
        matches!(self, Self::PortRestricted | Self::PortRestrictedRemapped | Self::Symmetric)
    }

    /// The ports that it maps to at first.
    pub(crate) fn initial_ports(self) -> Option<Ports> {
        (self == Self::PortRestrictedRemapped).then_some(Ports { first: 20_000, last: 29_999 })
    }

    /// The rules, which take the place of those that were there.
    pub(crate) fn rules(self, outside: Ipv4Addr, ports: Option<Ports>, lifetime: Option<Duration>) -> String {
        let template = match self {
            Self::FullCone => include_str!("nat/full-cone.nft"),
            Self::AddressRestricted => include_str!("nat/address-restricted.nft"),
            Self::PortRestricted | Self::PortRestrictedRemapped => include_str!("nat/port-restricted.nft"),
            Self::Symmetric => include_str!("nat/symmetric.nft"),
            Self::Hairpin => include_str!("nat/hairpin.nft"),
        };
        let masquerade = match ports {
            Some(Ports { first, last }) => format!("masquerade to :{first}-{last}"),
            None => "masquerade".to_owned(),
        };
        let lifetime = lifetime.unwrap_or(MAPPING_LIFETIME).as_secs().max(1);
        let rules: String = template
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                line.replace("MASQUERADE", &masquerade)
                    .replace("OUTSIDE", &outside.to_string())
                    .replace("LIFETIME", &format!("{lifetime}s"))
                    + "\n"
            })
            .collect();
        // Declaring a table that is deleted next is how one says: delete it if it is there.
        format!("table ip nat\ndelete table ip nat\ntable ip filter\ndelete table ip filter\n{rules}")
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A text that is no name of a NAT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is none of full-cone, address-restricted, port-restricted, port-restricted-remapped, symmetric, hairpin"
)]
pub struct ParseNatError(String);

impl FromStr for Nat {
    type Err = ParseNatError;

    fn from_str(text: &str) -> Result<Self, ParseNatError> {
        Self::ALL.into_iter().find(|nat| nat.name() == text).ok_or_else(|| ParseNatError(text.to_owned()))
    }
}
