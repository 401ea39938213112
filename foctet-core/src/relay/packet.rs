//! Packets on a leg: whom they are for, or from, and how one that is too long for the leg travels in two halves.
//!
//! ```text
//! datagram = first [id] [channel] [node] payload
//! first      bits 0 and 1: how the peer is named (0: channel, 1: channel and node, 2: node);
//!            0x40: the first half of a packet; 0x80: the second one, which names no peer; all other bits are zero
//! id         2 bytes, in halves only: which belong together
//! channel    2 bytes, big endian
//! node       32 bytes
//! ```
//!
//! The peer is the one that the packet is for, from a client to its relay; and the one that it is from, from the relay to a
//! client, stamped by the relay. Each side numbers the channels that it sends on, and binds each once to one NodeId:
//! its packets carry both until the other side has confirmed it ([`Control::Bound`](super::Control::Bound)), and
//! the channel alone from then on. So nothing waits for a binding, and none can get lost.

mod channels;
mod halves;

pub use channels::{Incoming, Outgoing};
pub use halves::{MAX_HALVES, REJOIN_WITHIN, Rejoin, split};

use crate::node_id::{NODE_ID_LEN, NodeId};

/// Bytes of the longest packet that a leg carries: what fits a jumbo frame of Ethernet (9,000 bytes) over IPv6, which is also
/// the longest that a node sends directly. A leg over TCP has room for it in one record.
pub const MAX_PACKET: usize = 8952;

/// Bytes of the longest packet that travels in two halves where it does not fit whole: what every path of QUIC carries
/// (RFC 9000, section 14.1). For longer ones, QUIC finds out that they do not pass.
pub const MAX_SPLIT: usize = 1200;

/// Bytes before the payload at most: first, id, channel and node.
pub const MAX_PACKET_HEADER: usize = 1 + 2 + 2 + NODE_ID_LEN;

const CHANNEL: u8 = 0;
const BIND: u8 = 1;
const PEER: u8 = 2;
const FIRST_HALF: u8 = 0x40;
const SECOND_HALF: u8 = 0x80;

/// How a packet names its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// By a channel that is bound.
    Channel(u16),
    /// By a channel, which is bound to the peer by this.
    Bind(u16, NodeId),
    /// By its identity alone.
    Peer(NodeId),
}

/// A datagram of a leg, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A whole packet.
    Whole(Address, &'a [u8]),
    /// The first half of one.
    First(u16, Address, &'a [u8]),
    /// The second half of one.
    Second(u16, &'a [u8]),
}

/// Why a datagram is no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// It is cut short, or has bits that this version does not know.
    #[error("malformed packet")]
    Malformed,
    /// It is longer than any packet, or half of one.
    #[error("a packet is longer than {MAX_PACKET} bytes, or half of one longer than {MAX_SPLIT}")]
    TooLong,
    /// Its channel was never bound.
    #[error("channel {0} is not bound")]
    UnknownChannel(u16),
    /// Its channel is bound to another peer already.
    #[error("channel {0} is bound to another peer")]
    BoundTwice(u16),
}

impl Address {
    /// Bytes that it takes in a whole packet, the first byte included.
    pub fn header_len(&self) -> usize {
        match self {
            Self::Channel(_) => 1 + 2,
            Self::Bind(..) => 1 + 2 + NODE_ID_LEN,
            Self::Peer(_) => 1 + NODE_ID_LEN,
        }
    }

    fn write(&self, marks: u8, id: Option<u16>, out: &mut Vec<u8>) {
        out.push(
            marks
                | match self {
                    Self::Channel(_) => CHANNEL,
                    Self::Bind(..) => BIND,
                    Self::Peer(_) => PEER,
                },
        );
        if let Some(id) = id {
            out.extend_from_slice(&id.to_be_bytes());
        }
        match self {
            Self::Channel(channel) => out.extend_from_slice(&channel.to_be_bytes()),
            Self::Bind(channel, peer) => {
                out.extend_from_slice(&channel.to_be_bytes());
                out.extend_from_slice(peer.as_bytes());
            }
            Self::Peer(peer) => out.extend_from_slice(peer.as_bytes()),
        }
    }

    fn read(kind: u8, bytes: &[u8]) -> Option<(Self, &[u8])> {
        Some(match kind {
            CHANNEL => {
                let (channel, rest) = bytes.split_first_chunk()?;
                (Self::Channel(u16::from_be_bytes(*channel)), rest)
            }
            BIND => {
                let (channel, rest) = bytes.split_first_chunk()?;
                let (peer, rest) = rest.split_first_chunk()?;
                (Self::Bind(u16::from_be_bytes(*channel), NodeId::from_bytes(peer).ok()?), rest)
            }
            PEER => {
                let (peer, rest) = bytes.split_first_chunk()?;
                (Self::Peer(NodeId::from_bytes(peer).ok()?), rest)
            }
            _ => return None,
        })
    }
}

/// Appends a whole packet to `out`.
pub fn write(address: &Address, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(address.header_len() + payload.len());
    address.write(0, None, out);
    out.extend_from_slice(payload);
}

/// Takes a datagram apart. Nothing is copied.
///
/// # Errors
///
/// [`PacketError::Malformed`] or [`PacketError::TooLong`].
pub fn read(datagram: &[u8]) -> Result<Datagram<'_>, PacketError> {
    let parts = (|| {
        let (first, rest) = datagram.split_first()?;
        let kind = first & 3;
        Some(match first & !3 {
            0 => {
                let (address, payload) = Address::read(kind, rest)?;
                Datagram::Whole(address, payload)
            }
            FIRST_HALF => {
                let (id, rest) = rest.split_first_chunk()?;
                let (address, payload) = Address::read(kind, rest)?;
                Datagram::First(u16::from_be_bytes(*id), address, payload)
            }
            SECOND_HALF if kind == 0 => {
                let (id, payload) = rest.split_first_chunk()?;
                Datagram::Second(u16::from_be_bytes(*id), payload)
            }
            _ => return None,
        })
    })();
    let parts = parts.ok_or(PacketError::Malformed)?;
    let (payload, max) = match parts {
        Datagram::Whole(_, payload) => (payload, MAX_PACKET),
        Datagram::First(_, _, payload) | Datagram::Second(_, payload) => (payload, MAX_SPLIT),
    };
    if payload.is_empty() {
        return Err(PacketError::Malformed);
    }
    if payload.len() > max { Err(PacketError::TooLong) } else { Ok(parts) }
}
