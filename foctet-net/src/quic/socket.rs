//! The one place that owns UDP sockets: noq sees a single IPv6 socket, and this sorts out what is behind it.
//!
//! - noq knows IPv4 addresses in their IPv6 form (`::ffff:a.b.c.d`), in every packet's source and destination.
//!   Here they become IPv4 again, and choose an IPv4 socket.
//! - Destinations in a reserved IPv6 prefix stand for peers behind relays; see [`Relayed`]. No such address ever leaves
//!   this endpoint, and none that a peer names means anything.
//! - An address that never answered gets few packets; see [`Guard`]. One that we have nothing to do with gets none before a
//!   peer that may learn our addresses has named it; see [`Disclosure`].
//! - Nothing that one socket or one destination does ends the endpoint: errors in sending are a packet lost, and
//!   errors in receiving a pause.
//! - The first flight of a dial goes to all of its candidates; see [`FanOut`].

mod disclosure;
mod fan_out;
mod guard;
mod inbox;
mod long_header;
mod mapped;
mod receiver;
mod relayed;
mod sender;

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock};

use noq::udp;
use tokio::io::Interest;

use super::config::MAX_UDP_PAYLOAD;

pub(crate) use disclosure::Disclosed;
use disclosure::Disclosure;
use fan_out::FanOut;
use guard::Guard;
pub(crate) use mapped::{Via, is_mapped};
pub(crate) use receiver::Receiver;
pub(crate) use relayed::{Legs, Relayed};

/// Bytes that the kernel hands over at once at most: what an IP packet can hold.
const MAX_COALESCED: usize = 65_535;

/// The UDP sockets of an endpoint.
pub(crate) struct Sockets {
    /// Empty once released. What sends and receives takes the list for one call only.
    sockets: RwLock<Arc<[Arc<UdpSocket>]>>,
    fan_out: FanOut,
    guard: Guard,
    disclosure: Disclosure,
    relayed: Relayed,
    /// What noq takes for our address.
    nominal: SocketAddr,
}

impl Sockets {
    /// Takes over bound, non-blocking sockets. With `relays_only` nobody is sent anything, or heard, but the relays that are
    /// dialled, and who is behind them.
    pub(crate) fn new(sockets: Vec<std::net::UdpSocket>, relays_only: bool) -> io::Result<Arc<Self>> {
        let sockets: Arc<[_]> = sockets
            .into_iter()
            .map(|socket| UdpSocket::new(socket).map(Arc::new))
            .collect::<io::Result<_>>()?;
        let port = sockets.first().map_or(0, |socket| socket.local.port());
        let nominal = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        Ok(Arc::new(Self {
            sockets: RwLock::new(sockets),
            fan_out: FanOut::default(),
            guard: Guard::default(),
            disclosure: Disclosure::new(relays_only),
            relayed: Relayed::new(),
            nominal,
        }))
    }

    /// Gives the ports back, though noq and its connections may still hold this.
    pub(crate) fn release(&self) {
        *self.sockets.write().unwrap_or_else(PoisonError::into_inner) = Arc::new([]);
    }

    fn list(&self) -> Arc<[Arc<UdpSocket>]> {
        Arc::clone(&self.sockets.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn fan_out(&self) -> &FanOut {
        &self.fan_out
    }

    /// The peers behind relays.
    pub(crate) fn relayed(&self) -> &Relayed {
        &self.relayed
    }

    /// Whether there is a socket that can send to an address that somebody named.
    pub(crate) fn reaches(&self, destination: SocketAddr) -> bool {
        !is_mapped(destination.ip()) && self.route(destination, None).is_some()
    }

    /// Whether everything goes through relays.
    pub(crate) fn relays_only(&self) -> bool {
        self.disclosure.relays_only()
    }

    /// Whether packets from an address are for us at all.
    fn hears(&self, from: SocketAddr) -> bool {
        !self.relays_only() || self.guard.has_heard(from) || self.disclosure.dials(from)
    }

    /// Whether a transmit may go out now, of a connection that first sent to `first`; `None`: an answer to what just came
    /// from there.
    fn admits(&self, transmit: &udp::Transmit<'_>, first: Option<SocketAddr>) -> bool {
        let packets = match transmit.segment_size {
            Some(size) if size > 0 => transmit.contents.len().div_ceil(size),
            _ => 1,
        };
        let to = transmit.destination;
        let permitted = || match first {
            Some(first) => self.disclosure.permits(first, to),
            None => !self.relays_only(),
        };
        self.guard.admits(to, u32::try_from(packets).unwrap_or(u32::MAX), permitted)
    }

    /// The socket that sends to a destination: the one bound to the source address that noq wants, else one of the
    /// family, bound to loopback if that is where it goes.
    fn route(&self, destination: SocketAddr, source: Option<IpAddr>) -> Option<Arc<UdpSocket>> {
        let sockets = self.list();
        let family = || sockets.iter().filter(|socket| socket.local.is_ipv6() == destination.is_ipv6());
        family()
            .find(|socket| source.is_some_and(|source| socket.local.ip() == source))
            .or_else(|| family().find(|socket| socket.local.ip().is_unspecified()))
            .or_else(|| {
                family().find(|socket| socket.local.ip().is_loopback() == destination.ip().is_loopback())
            })
            .or_else(|| family().next())
            .cloned()
    }

    fn max_transmit_segments(&self) -> NonZeroUsize {
        self.list().iter().map(|socket| socket.state.max_gso_segments()).min().unwrap_or(NonZeroUsize::MIN)
    }

    /// By this many of the largest datagrams noq sizes its buffers. The kernel puts no more together than one IP packet holds, however
    /// many segments that has; by their number noq would hold 18 MB, and clear it for every endpoint.
    fn max_receive_segments(&self) -> NonZeroUsize {
        let kernel = self.list().iter().map(|socket| socket.state.gro_segments()).max();
        let fit = MAX_COALESCED.div_ceil(usize::from(MAX_UDP_PAYLOAD));
        kernel.unwrap_or(NonZeroUsize::MIN).min(NonZeroUsize::new(fit).unwrap_or(NonZeroUsize::MIN))
    }

    fn may_fragment(&self) -> bool {
        self.list().iter().any(|socket| socket.state.may_fragment())
    }
}

/// One socket, with what the kernel can do for it (segmentation and coalescing, packet information, ECN).
struct UdpSocket {
    io: tokio::net::UdpSocket,
    state: udp::UdpSocketState,
    local: SocketAddr,
}

impl UdpSocket {
    fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let state = udp::UdpSocketState::new((&socket).into())?;
        Ok(Self { io: tokio::net::UdpSocket::from_std(socket)?, state, local })
    }

    fn try_send(&self, transmit: &udp::Transmit<'_>) -> io::Result<()> {
        self.io.try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), transmit))
    }

    fn try_recv(&self, buffers: &mut [io::IoSliceMut<'_>], meta: &mut [udp::RecvMeta]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, || self.state.recv((&self.io).into(), buffers, meta))
    }
}

/// The form in which noq knows an address.
fn to_noq(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        v6 => v6,
    }
}

/// As [`to_noq`].
fn ip_to_noq(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
        v6 => v6,
    }
}

/// The form in which a socket knows an address.
fn from_noq(addr: SocketAddr) -> SocketAddr {
    match addr {
        // An IPv6 address keeps its scope.
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::from((v4, v6.port())),
            None => addr,
        },
        v4 => v4,
    }
}
