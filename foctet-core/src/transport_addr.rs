//! One place where a node can be reached.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

/// A transport and a socket address: one place where a node may answer.
///
/// The text is `udp:192.0.2.1:4433` or `tcp:[2001:db8::1]:4433`, lower case, always with a port, never a host name.
///
/// An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is the IPv4 address that it stands for, on every way in but
/// direct construction of a variant: two spellings of one place would be tried twice. An IPv6 scope (`%3`) is kept in
/// memory and in the text, since a link-local address is useless without it, but it means something on this
/// machine only; [`Ticket`](crate::Ticket) therefore leaves link-local IPv6 addresses out. The IPv6 flow label is
/// always zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TransportAddr {
    /// QUIC over UDP.
    Udp(SocketAddr),
    /// QMux over TLS over TCP.
    Tcp(SocketAddr),
}

/// Why a text is no [`TransportAddr`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportAddrError {
    /// It begins with neither `udp:` nor `tcp:`.
    #[error("an address begins with `udp:` or `tcp:`")]
    Transport,
    /// What follows is no IP address with a port.
    #[error("after `udp:` or `tcp:` comes IP:PORT, as in `udp:192.0.2.1:4433` or `tcp:[2001:db8::1]:4433`")]
    Address,
}

impl TransportAddr {
    /// `addr` over UDP, in its one spelling (see the type's documentation).
    pub fn udp(addr: SocketAddr) -> Self {
        Self::Udp(canonical(addr))
    }

    /// `addr` over TCP, in its one spelling (see the type's documentation).
    pub fn tcp(addr: SocketAddr) -> Self {
        Self::Tcp(canonical(addr))
    }

    /// The IP address and the port.
    pub fn socket_addr(&self) -> SocketAddr {
        match *self {
            Self::Udp(addr) | Self::Tcp(addr) => addr,
        }
    }

    /// The same place in its one spelling: IPv4-mapped addresses as IPv4, no flow label, a scope only on link-local
    /// addresses.
    #[must_use]
    pub fn to_canonical(self) -> Self {
        match self {
            Self::Udp(addr) => Self::udp(addr),
            Self::Tcp(addr) => Self::tcp(addr),
        }
    }

    /// Whether one node can be meant by it: not port 0, nor an unspecified, multicast or IPv4 broadcast address.
    /// Nothing may ever be sent to an address for which this is false, whoever named it.
    pub fn is_dialable(&self) -> bool {
        let addr = canonical(self.socket_addr());
        let one_host = match addr.ip() {
            IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
            IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
        };
        one_host && addr.port() != 0
    }

    /// Whether it is an IPv6 link-local address (fe80::/10), which means something only together with a scope, on
    /// one machine (RFC 4007, section 6).
    pub fn is_link_local_v6(&self) -> bool {
        matches!(canonical(self.socket_addr()), SocketAddr::V6(addr) if addr.ip().is_unicast_link_local())
    }
}

/// The one spelling of `addr`.
fn canonical(addr: SocketAddr) -> SocketAddr {
    let SocketAddr::V6(v6) = addr else { return addr };
    match v6.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddrV4::new(v4, v6.port()).into(),
        None => {
            let scope = if v6.ip().is_unicast_link_local() { v6.scope_id() } else { 0 };
            SocketAddrV6::new(*v6.ip(), v6.port(), 0, scope).into()
        }
    }
}

impl fmt::Display for TransportAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(addr) => write!(f, "udp:{addr}"),
            Self::Tcp(addr) => write!(f, "tcp:{addr}"),
        }
    }
}

impl FromStr for TransportAddr {
    type Err = TransportAddrError;

    fn from_str(text: &str) -> Result<Self, TransportAddrError> {
        let (transport, addr) = text.split_once(':').ok_or(TransportAddrError::Transport)?;
        let over: fn(SocketAddr) -> Self = match transport {
            "udp" => Self::udp,
            "tcp" => Self::tcp,
            _ => return Err(TransportAddrError::Transport),
        };
        addr.parse().map(over).map_err(|_| TransportAddrError::Address)
    }
}
