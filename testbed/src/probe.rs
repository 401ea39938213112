//! How a NAT behaves, found out from outside as RFC 5780 tells: by which endpoint of a host is seen from where, and by
//! whose packets reach it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::{Error, Node};

/// How long a packet that is bound to come is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long after a packet that came through another one is given that was sent before it.
const GRACE: Duration = Duration::from_millis(100);

/// How a NAT maps inside endpoints to outside ports (RFC 4787 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// One port, whoever it is for.
    EndpointIndependent,
    /// A port for every address outside.
    AddressDependent,
    /// A port for every address and port outside.
    AddressAndPortDependent,
}

/// Whose packets a NAT lets in to a port that it has mapped (RFC 4787 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtering {
    /// Everybody's.
    EndpointIndependent,
    /// Those from addresses that the inside has sent to.
    AddressDependent,
    /// Those from addresses and ports that the inside has sent to.
    AddressAndPortDependent,
}

/// How a NAT behaves towards UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// How it maps.
    pub mapping: Mapping,
    /// How it filters.
    pub filtering: Filtering,
    /// Whether the port outside is that inside.
    pub keeps_port: bool,
}

/// Finds out how the way from `host` to two hosts on the internet behaves. It uses ports of its own every time, so what
/// was before has no influence.
pub fn behaviour(host: &Node, public: [&Node; 2]) -> Result<Behaviour, Error> {
    let [first, second] = public;
    let [a, a_other, b, b_other] = [bind(first)?, bind(first)?, bind(second)?, bind(second)?];

    let inside = bind(host)?;
    let seen_by_a = seen(&inside, &a)?;
    let seen_by_a_other = seen(&inside, &a_other)?;
    let seen_by_b = seen(&inside, &b)?;
    let mapping = if seen_by_a != seen_by_a_other {
        Mapping::AddressAndPortDependent
    } else if seen_by_a != seen_by_b {
        Mapping::AddressDependent
    } else {
        Mapping::EndpointIndependent
    };
    let keeps_port = inside.local_addr().map_err(failed("asking for a port"))?.port() == seen_by_a.port();

    // It has sent to nobody yet, and sends to `a` only.
    let inside = bind(host)?;
    let outside = seen(&inside, &a)?;
    let filtering = if arrives(&b_other, &inside, outside, &a)? {
        Filtering::EndpointIndependent
    } else if arrives(&a_other, &inside, outside, &a)? {
        Filtering::AddressDependent
    } else {
        Filtering::AddressAndPortDependent
    };
    Ok(Behaviour { mapping, filtering, keeps_port })
}

/// Whether a packet from `host` reaches `other`, which is behind the same NAT, at the endpoint at which `public` sees
/// it.
pub fn hairpins(host: &Node, other: &Node, public: &Node) -> Result<bool, Error> {
    let (public, host, other) = (bind(public)?, bind(host)?, bind(other)?);
    let outside = seen(&other, &public)?;
    // The sender is to be known outside too, or its own packet could be what opens the way.
    seen(&host, &public)?;
    arrives(&host, &other, outside, &public)
}

/// A UDP socket on a node, at its IPv4 address, or at its IPv6 address if it has no other, on a port of its own.
pub fn bind(node: &Node) -> Result<UdpSocket, Error> {
    let address = node.ipv4().map(IpAddr::from).or(node.ipv6().map(IpAddr::from));
    let address = SocketAddr::new(address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), 0);
    let socket = node.within(|| UdpSocket::bind(address))?;
    socket.map_err(failed("binding a UDP socket"))
}

/// The endpoint at which `public` sees `inside`, found out by a packet.
pub fn seen(inside: &UdpSocket, public: &UdpSocket) -> Result<SocketAddr, Error> {
    try_seen(inside, public, PATIENCE)?
        .ok_or_else(|| failed("waiting for a packet")(ErrorKind::TimedOut.into()))
}

/// The same, or `None` if the packet does not arrive within `patience`.
pub fn try_seen(
    inside: &UdpSocket,
    public: &UdpSocket,
    patience: Duration,
) -> Result<Option<SocketAddr>, Error> {
    let mark = mark();
    let to = public.local_addr().map_err(failed("asking for a port"))?;
    inside.send_to(&mark, to).map_err(failed("sending a packet"))?;
    receive(public, &mark, patience)
}

/// Whether a packet from `sender` to the endpoint `outside` arrives at `inside`. One from `known`, which is let in, is
/// sent afterwards: what has not arrived when that one does, and not shortly after, does not arrive.
pub fn arrives(
    sender: &UdpSocket,
    inside: &UdpSocket,
    outside: SocketAddr,
    known: &UdpSocket,
) -> Result<bool, Error> {
    let (probe, fence) = (mark(), mark());
    sender.send_to(&probe, outside).map_err(failed("sending a packet"))?;
    known.send_to(&fence, outside).map_err(failed("sending a packet"))?;
    let deadline = Instant::now() + PATIENCE;
    let (mut arrived, mut grace) = (false, None);
    loop {
        if arrived && grace.is_some() {
            return Ok(true);
        }
        let left = grace.unwrap_or(deadline).saturating_duration_since(Instant::now());
        match receive_any(inside, left)? {
            Some((packet, _)) if packet == probe => arrived = true,
            Some((packet, _)) if packet == fence => grace = Some(Instant::now() + GRACE),
            Some(_) => {}
            None if grace.is_some() => return Ok(false),
            None => return Err(failed("waiting for a packet")(ErrorKind::TimedOut.into())),
        }
    }
}

fn receive(socket: &UdpSocket, expected: &[u8], patience: Duration) -> Result<Option<SocketAddr>, Error> {
    let deadline = Instant::now() + patience;
    loop {
        match receive_any(socket, deadline.saturating_duration_since(Instant::now()))? {
            Some((packet, from)) if packet == expected => return Ok(Some(from)),
            Some(_) => {}
            None => return Ok(None),
        }
    }
}

fn receive_any(socket: &UdpSocket, patience: Duration) -> Result<Option<(Vec<u8>, SocketAddr)>, Error> {
    // No time at all would be taken for no limit.
    let patience = patience.max(Duration::from_millis(1));
    socket.set_read_timeout(Some(patience)).map_err(failed("setting a timeout"))?;
    let mut buffer = [0; 64];
    match socket.recv_from(&mut buffer) {
        Ok((size, from)) => Ok(Some((buffer.get(..size).unwrap_or_default().to_vec(), from))),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(failed("receiving a packet")(error)),
    }
}

/// A payload that no other probe has.
fn mark() -> [u8; 16] {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut mark = *b"probe...........";
    for (place, byte) in mark.iter_mut().skip(8).zip(COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes()) {
        *place = byte;
    }
    mark
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    Error::io(what)
}
