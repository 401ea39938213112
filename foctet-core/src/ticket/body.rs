//! The bytes inside a ticket: secret, NodeId, and the addresses and relays, each as kind, length and value.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use zeroize::Zeroizing;

use super::{Ticket, TicketError};
use crate::node_addr::NodeAddr;
use crate::node_id::{NODE_ID_LEN, NodeId};
use crate::relay_addr::{RELAY_KINDS, RelayAddr, RelayEntryError};
use crate::ticket_secret::{TICKET_SECRET_LEN, TicketSecret};
use crate::transport_addr::TransportAddr;

/// Bytes of an IPv4 address and its port.
const V4_LEN: usize = 6;

/// Bytes of an IPv6 address and its port.
const V6_LEN: usize = 18;

/// What one entry lists. `Both` is what nodes have most: one port number for UDP and TCP, which halves the ticket.
#[derive(Clone, Copy)]
enum Transports {
    Udp,
    Tcp,
    Both,
}

/// The body of `ticket`.
pub(super) fn encode(ticket: &Ticket) -> Zeroizing<Vec<u8>> {
    let entries = ticket.addr.addrs().len() * (2 + V6_LEN);
    let mut body = Zeroizing::new(Vec::with_capacity(TICKET_SECRET_LEN + NODE_ID_LEN + entries));
    body.extend_from_slice(ticket.secret.as_bytes());
    body.extend_from_slice(ticket.addr.id().as_bytes());
    let mut addrs = ticket.addr.addrs().peekable();
    while let Some(addr) = addrs.next() {
        let (transports, addr) = match addr {
            TransportAddr::Udp(addr) if addrs.next_if_eq(&TransportAddr::Tcp(addr)).is_some() => {
                (Transports::Both, addr)
            }
            TransportAddr::Udp(addr) => (Transports::Udp, addr),
            TransportAddr::Tcp(addr) => (Transports::Tcp, addr),
        };
        encode_entry(&mut body, transports, addr);
    }
    for relay in ticket.addr.relays() {
        relay.encode_entry(&mut body);
    }
    body
}

fn encode_entry(body: &mut Vec<u8>, transports: Transports, addr: SocketAddr) {
    let kind = match (transports, addr) {
        (Transports::Udp, SocketAddr::V4(_)) => 1,
        (Transports::Udp, SocketAddr::V6(_)) => 2,
        (Transports::Tcp, SocketAddr::V4(_)) => 3,
        (Transports::Tcp, SocketAddr::V6(_)) => 4,
        (Transports::Both, SocketAddr::V4(_)) => 5,
        (Transports::Both, SocketAddr::V6(_)) => 6,
    };
    body.push(kind);
    match addr {
        SocketAddr::V4(addr) => {
            body.push(V4_LEN as u8);
            body.extend_from_slice(&addr.ip().octets());
        }
        SocketAddr::V6(addr) => {
            body.push(V6_LEN as u8);
            body.extend_from_slice(&addr.ip().octets());
        }
    }
    body.extend_from_slice(&addr.port().to_be_bytes());
}

/// The ticket whose body is `body`.
///
/// Kinds that are not known are skipped and counted: a kind added later, say another transport, must not make a ticket useless
/// to a program that could have used the other addresses. A known kind of another length is an error, since nothing
/// can be meant by it.
pub(super) fn decode(body: &[u8]) -> Result<Ticket, TicketError> {
    let (secret, rest) = body.split_first_chunk::<TICKET_SECRET_LEN>().ok_or(TicketError::Malformed)?;
    let secret = TicketSecret::from_bytes(*secret);
    let (id, mut rest) = rest.split_first_chunk::<NODE_ID_LEN>().ok_or(TicketError::Malformed)?;
    let mut addr = NodeAddr::new(NodeId::from_bytes(id).map_err(TicketError::NodeId)?);
    let mut unread_addrs: usize = 0;
    while let [kind, len, tail @ ..] = rest {
        let (value, tail) = tail.split_at_checked(usize::from(*len)).ok_or(TicketError::Malformed)?;
        rest = tail;
        if RELAY_KINDS.contains(kind) {
            let relay = RelayAddr::decode_entry(*kind, value).map_err(|error| match error {
                RelayEntryError::NodeId(error) => TicketError::NodeId(error),
                RelayEntryError::Malformed => TicketError::Malformed,
            })?;
            addr = addr.with_relay(relay);
            continue;
        }
        let Some((transports, place)) = decode_entry(*kind, value)? else {
            unread_addrs = unread_addrs.saturating_add(1);
            continue;
        };
        if matches!(transports, Transports::Udp | Transports::Both) {
            addr = addr.with_addr(TransportAddr::udp(place));
        }
        if matches!(transports, Transports::Tcp | Transports::Both) {
            addr = addr.with_addr(TransportAddr::tcp(place));
        }
    }
    if !rest.is_empty() {
        return Err(TicketError::Malformed);
    }
    Ok(Ticket { unread_addrs, ..Ticket::new(addr, secret) })
}

/// One entry, or `None` if its kind is not known.
fn decode_entry(kind: u8, value: &[u8]) -> Result<Option<(Transports, SocketAddr)>, TicketError> {
    let (transports, is_v4) = match kind {
        1 => (Transports::Udp, true),
        2 => (Transports::Udp, false),
        3 => (Transports::Tcp, true),
        4 => (Transports::Tcp, false),
        5 => (Transports::Both, true),
        6 => (Transports::Both, false),
        _ => return Ok(None),
    };
    let (ip, port) = value.split_last_chunk::<2>().ok_or(TicketError::Malformed)?;
    let ip = if is_v4 {
        Ipv4Addr::from(<[u8; 4]>::try_from(ip).map_err(|_| TicketError::Malformed)?).into()
    } else {
        Ipv6Addr::from(<[u8; 16]>::try_from(ip).map_err(|_| TicketError::Malformed)?).into()
    };
    Ok(Some((transports, SocketAddr::new(ip, u16::from_be_bytes(*port)))))
}
