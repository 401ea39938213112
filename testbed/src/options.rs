//! What a host's or router's connection to the network is like.

use std::time::Duration;

use crate::Nat;
use crate::link::Shape;

/// Whether there is IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ipv6 {
    /// No addresses.
    #[default]
    Off,
    /// Addresses that work.
    On,
    /// Addresses and a default route, behind which every packet vanishes.
    Broken,
}

/// How a host or router is connected to the public internet. The default is IPv4 only, as fast as the machine is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uplink {
    /// Whether there is IPv4.
    pub ipv4: bool,
    /// Whether there is IPv6.
    pub ipv6: Ipv6,
    /// The rate towards the internet in bits a second, by a token bucket of the kernel with a queue of 50 ms.
    pub rate_up: Option<u64>,
    /// The rate from the internet likewise.
    pub rate_down: Option<u64>,
    /// The share of packets (0 to 1) that is lost, each for itself, in each direction, by the kernel. For a repeatable
    /// loss, use [`link`](Self::link).
    pub loss: f64,
    /// A link in userspace between it and the internet: towards the internet, and from it.
    pub link: Option<[Shape; 2]>,
}

impl Default for Uplink {
    fn default() -> Self {
        Self { ipv4: true, ipv6: Ipv6::Off, rate_up: None, rate_down: None, loss: 0.0, link: None }
    }
}

impl Uplink {
    /// The same with IPv6 as told.
    #[must_use]
    pub fn ipv6(self, ipv6: Ipv6) -> Self {
        Self { ipv6, ..self }
    }

    /// The same without IPv4, with IPv6.
    #[must_use]
    pub fn ipv6_only(self) -> Self {
        Self { ipv4: false, ipv6: Ipv6::On, ..self }
    }

    /// The same with these rates, in bits a second, by the kernel.
    #[must_use]
    pub fn rates(self, up: u64, down: u64) -> Self {
        Self { rate_up: Some(up), rate_down: Some(down), ..self }
    }

    /// The same with this share of packets lost in each direction, by the kernel.
    #[must_use]
    pub fn loss(self, loss: f64) -> Self {
        Self { loss, ..self }
    }

    /// The same with a link in userspace of this shape in both directions.
    #[must_use]
    pub fn link(self, shape: Shape) -> Self {
        // Two seeds, so that the directions do not lose the same packets.
        let down = Shape { seed: shape.seed.wrapping_add(1), ..shape };
        Self { link: Some([shape, down]), ..self }
    }

    /// The same with a link in userspace that delays by `delay` in each direction, and does nothing else.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        self.link(Shape { delay, ..Shape::default() })
    }
}

/// What a router lets out, and in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Out {
    /// Everything.
    #[default]
    All,
    /// No UDP goes out; what comes in is up to the NAT.
    NoUdpOut,
    /// No UDP in either direction.
    NoUdp,
    /// Only TCP to port 443.
    OnlyTcp443,
}

/// What a router is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouterOptions {
    /// How it translates IPv4.
    pub nat: Nat,
    /// How it is connected. Behind another router there is no link in userspace.
    pub uplink: Uplink,
    /// What it lets through.
    pub out: Out,
    /// After how long a UDP mapping is gone that carries nothing: before the first answer (5 s in a poor router), and
    /// after it (8 s). `None` is what the kernel does: 30 s and 120 s.
    pub udp_lifetimes: Option<(Duration, Duration)>,
    /// The third byte of its first inside network (`192.168.x.0/24`), for networks that shall have the same addresses.
    /// `None` is one of its own.
    pub lan: Option<u8>,
    /// Whether it is that of a carrier, whose inside networks are `100.64.x.0/24` (RFC 6598).
    pub carrier: bool,
}

impl RouterOptions {
    /// A router with this NAT, on the default uplink.
    pub fn nat(nat: Nat) -> Self {
        Self { nat, uplink: Uplink::default(), out: Out::All, udp_lifetimes: None, lan: None, carrier: false }
    }

    /// The same on this uplink.
    #[must_use]
    pub fn uplink(self, uplink: Uplink) -> Self {
        Self { uplink, ..self }
    }

    /// The same with this let through.
    #[must_use]
    pub fn out(self, out: Out) -> Self {
        Self { out, ..self }
    }

    /// The same with UDP mappings that are gone after 5 s without an answer, or 8 s without traffic.
    #[must_use]
    pub fn short_lifetimes(self) -> Self {
        Self { udp_lifetimes: Some((Duration::from_secs(5), Duration::from_secs(8))), ..self }
    }

    /// The same with the inside network `192.168.third.0/24`.
    #[must_use]
    pub fn lan(self, third: u8) -> Self {
        Self { lan: Some(third), ..self }
    }

    /// The same as the router of a carrier, for [`Testbed::router_behind`](crate::Testbed::router_behind).
    #[must_use]
    pub fn carrier(self) -> Self {
        Self { carrier: true, ..self }
    }

    /// The rules for what it lets through besides the NAT.
    pub(crate) fn rules(&self) -> String {
        let out = match self.out {
            Out::All => "",
            Out::NoUdpOut => "oifname \"wan0\" meta l4proto udp drop",
            Out::NoUdp => {
                "oifname \"wan0\" meta l4proto udp drop\n    iifname \"wan0\" meta l4proto udp drop"
            }
            Out::OnlyTcp443 => {
                "oifname \"wan0\" meta l4proto != tcp drop\n    oifname \"wan0\" tcp dport != 443 drop"
            }
        };
        // IPv6 is not translated, but a home router still lets nobody in uninvited (RFC 6092).
        format!(
            "table inet outgoing {{
  chain forward {{
    type filter hook forward priority -5; policy accept;
    {out}
  }}
}}
table ip6 filter {{
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname \"wan0\" ct state new drop
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname \"wan0\" ct state new drop
  }}
}}
"
        )
    }
}
