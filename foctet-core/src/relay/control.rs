use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::node_id::{NODE_ID_LEN, NodeId};
use crate::relay_addr::{MAX_RELAY_TOKEN, RelayToken};

/// The version of the protocol that this crate speaks.
pub const RELAY_VERSION: u8 = 1;

/// Bytes in a signal at most: a handful of addresses and the time to try them.
pub const MAX_SIGNAL: usize = 1024;

/// Bytes in the body of a control frame at most. The longest is a signal; a frame that says to be longer ends the leg.
pub const MAX_CONTROL_BODY: usize = NODE_ID_LEN + MAX_SIGNAL;

/// Bytes before the body: the type, and the length as 16 bits, big endian.
pub(super) const HEADER_LEN: usize = 3;

/// A frame of the control stream, or the one frame at the beginning of a spliced stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// Client: what it wants. The first frame of a leg, and only that.
    Hello {
        /// What the leg is for.
        role: LegRole,
        /// What admits the client, where that is needed.
        token: Option<RelayToken>,
    },
    /// Relay: the client is admitted, and this is what holds for it. The first frame of the relay, and only that.
    Welcome(Welcome),
    /// Either side: the channel is known now, and its packets need no NodeId any more.
    Bound {
        /// As the *other* side numbers its channels.
        channel: u16,
    },
    /// Relay: the client has hit a limit. At most one a second for each limit.
    Limited {
        /// Which one.
        limit: Limit,
        /// How many packets (or signals, or splices) it has cost since the last such frame.
        dropped: u32,
    },
    /// Relay: it shuts down within so many seconds, and takes nobody new.
    Draining {
        /// Until it closes, in seconds.
        seconds: u16,
    },
    /// Either side: bytes for a peer (from a client), or from one (from the relay). The relay does not look into them. It
    /// drops them if the peer is not there or either side sends too many.
    Signal {
        /// The other client.
        peer: NodeId,
        /// At most [`MAX_SIGNAL`] bytes.
        bytes: Box<[u8]>,
    },
    /// Client, as the first bytes of a bidirectional stream that it opens: what follows is for this peer.
    Splice {
        /// The other client.
        peer: NodeId,
    },
    /// Relay, as the first bytes of a bidirectional stream that it opens: what follows is from this peer.
    Spliced {
        /// The other client.
        peer: NodeId,
    },
}

/// What a leg is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LegRole {
    /// Packets, signals and spliced streams. A client has one such leg; a newer one takes its place.
    Traffic,
    /// Nothing but to learn the address that the client is seen from. Does not disturb the other leg of the same key.
    Observe,
}

/// What a relay tells a client that it admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Where the relay sees this connection come from.
    pub observed: Observed,
    /// Channels that the client may number, from 0; packets to further peers carry their NodeId each.
    pub max_channels: u16,
    /// Bytes a second that the client may send; 0: no limit.
    pub bytes_per_second: u64,
    /// Packets a second that the client may send; 0: no limit.
    pub packets_per_second: u32,
    /// Whether the client is a guest, who may exchange packets with members only.
    pub guest: bool,
}

/// An address as a relay sees it; IPv4-mapped addresses as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Observed(SocketAddr);

impl Observed {
    /// The address in its one spelling.
    pub fn new(addr: SocketAddr) -> Self {
        Self(SocketAddr::new(addr.ip().to_canonical(), addr.port()))
    }

    /// The address.
    pub fn addr(self) -> SocketAddr {
        self.0
    }
}

/// A limit that a client can hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Limit {
    /// Its bytes a second.
    Bytes,
    /// Its packets a second.
    Packets,
    /// What it may send to one peer.
    Pair,
    /// What the relay forwards in total.
    Total,
    /// The queue of the client that it sends to.
    Queue,
    /// Its signals a second.
    Signals,
    /// Its spliced streams at once.
    Splices,
    /// Its channels.
    Channels,
}

impl Limit {
    const ALL: [(Self, u8); 8] = [
        (Self::Bytes, 1),
        (Self::Packets, 2),
        (Self::Pair, 3),
        (Self::Total, 4),
        (Self::Queue, 5),
        (Self::Signals, 6),
        (Self::Splices, 7),
        (Self::Channels, 8),
    ];

    fn to_wire(self) -> u8 {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or(0, |(_, wire)| *wire)
    }

    fn from_wire(wire: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == wire).map(|(limit, _)| *limit)
    }
}

/// Why bytes are no control frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The frame says to be longer than any is.
    #[error("a control frame of {length} bytes is too long")]
    TooLong {
        /// What it says.
        length: usize,
    },
    /// The body does not parse.
    #[error("a control frame of type {kind} is malformed")]
    Malformed {
        /// The frame's type.
        kind: u8,
    },
    /// A version that this side does not speak.
    #[error("the other side speaks version {version} of the relay protocol, and this one {RELAY_VERSION}")]
    Version {
        /// The other side's.
        version: u8,
    },
}

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const BOUND: u8 = 3;
const LIMITED: u8 = 4;
const DRAINING: u8 = 5;
const SIGNAL: u8 = 6;
const SPLICE: u8 = 7;
const SPLICED: u8 = 8;

impl Control {
    /// The frame's bytes. A signal that is too long is cut: the sender keeps to [`MAX_SIGNAL`].
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let kind = match self {
            Self::Hello { role, token } => {
                body.push(RELAY_VERSION);
                body.push(match role {
                    LegRole::Traffic => 0,
                    LegRole::Observe => 1,
                });
                let token = token.as_ref().map(RelayToken::as_str).unwrap_or_default();
                // A token has at most 128 bytes.
                body.push(token.len() as u8);
                body.extend_from_slice(token.as_bytes());
                HELLO
            }
            Self::Welcome(welcome) => {
                body.push(RELAY_VERSION);
                body.push(u8::from(welcome.guest));
                body.extend_from_slice(&welcome.max_channels.to_be_bytes());
                body.extend_from_slice(&welcome.bytes_per_second.to_be_bytes());
                body.extend_from_slice(&welcome.packets_per_second.to_be_bytes());
                match welcome.observed.0.ip() {
                    IpAddr::V4(ip) => {
                        body.push(4);
                        body.extend_from_slice(&ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        body.push(6);
                        body.extend_from_slice(&ip.octets());
                    }
                }
                body.extend_from_slice(&welcome.observed.0.port().to_be_bytes());
                WELCOME
            }
            Self::Bound { channel } => {
                body.extend_from_slice(&channel.to_be_bytes());
                BOUND
            }
            Self::Limited { limit, dropped } => {
                body.push(limit.to_wire());
                body.extend_from_slice(&dropped.to_be_bytes());
                LIMITED
            }
            Self::Draining { seconds } => {
                body.extend_from_slice(&seconds.to_be_bytes());
                DRAINING
            }
            Self::Signal { peer, bytes } => {
                body.extend_from_slice(peer.as_bytes());
                body.extend(bytes.iter().take(MAX_SIGNAL));
                SIGNAL
            }
            Self::Splice { peer } => {
                body.extend_from_slice(peer.as_bytes());
                SPLICE
            }
            Self::Spliced { peer } => {
                body.extend_from_slice(peer.as_bytes());
                SPLICED
            }
        };
        let mut frame = Vec::with_capacity(HEADER_LEN + body.len());
        frame.push(kind);
        // At most MAX_CONTROL_BODY, which fits.
        frame.extend_from_slice(&(body.len() as u16).to_be_bytes());
        frame.extend_from_slice(&body);
        frame
    }

    /// The frame of type `kind` with this body; `None` for a type that this version does not know and skips. What follows
    /// the known fields of a hello or a welcome is ignored: it is room to grow.
    pub(super) fn decode(kind: u8, body: &[u8]) -> Result<Option<Self>, ControlError> {
        let malformed = ControlError::Malformed { kind };
        Ok(Some(match kind {
            HELLO => {
                let [version, role, length, rest @ ..] = body else { return Err(malformed) };
                check_version(*version)?;
                let role = match role {
                    0 => LegRole::Traffic,
                    1 => LegRole::Observe,
                    _ => return Err(malformed),
                };
                let token = rest.get(..usize::from(*length)).ok_or(malformed)?;
                if token.len() > MAX_RELAY_TOKEN {
                    return Err(malformed);
                }
                let token = match std::str::from_utf8(token) {
                    Ok("") => None,
                    Ok(token) => Some(RelayToken::new(token).map_err(|_| malformed)?),
                    Err(_) => return Err(malformed),
                };
                Self::Hello { role, token }
            }
            WELCOME => {
                let [version, flags, rest @ ..] = body else { return Err(malformed) };
                check_version(*version)?;
                Self::Welcome(decode_welcome(*flags, rest).ok_or(malformed)?)
            }
            BOUND => Self::Bound { channel: u16::from_be_bytes(exactly(body).ok_or(malformed)?) },
            LIMITED => {
                let (limit, dropped) = body.split_first().ok_or(malformed)?;
                let dropped = u32::from_be_bytes(exactly(dropped).ok_or(malformed)?);
                match Limit::from_wire(*limit) {
                    Some(limit) => Self::Limited { limit, dropped },
                    // A limit of a later version: nothing that this one could say about it.
                    None => return Ok(None),
                }
            }
            DRAINING => Self::Draining { seconds: u16::from_be_bytes(exactly(body).ok_or(malformed)?) },
            SIGNAL => {
                let (peer, bytes) = body.split_first_chunk::<NODE_ID_LEN>().ok_or(malformed)?;
                if bytes.len() > MAX_SIGNAL {
                    return Err(malformed);
                }
                Self::Signal { peer: NodeId::from_bytes(peer).map_err(|_| malformed)?, bytes: bytes.into() }
            }
            SPLICE => Self::Splice { peer: decode_peer(body).ok_or(malformed)? },
            SPLICED => Self::Spliced { peer: decode_peer(body).ok_or(malformed)? },
            _ => return Ok(None),
        }))
    }
}

fn check_version(version: u8) -> Result<(), ControlError> {
    if version == RELAY_VERSION { Ok(()) } else { Err(ControlError::Version { version }) }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn decode_peer(body: &[u8]) -> Option<NodeId> {
    NodeId::from_bytes(&exactly(body)?).ok()
}

fn decode_welcome(flags: u8, rest: &[u8]) -> Option<Welcome> {
    let (max_channels, rest) = rest.split_first_chunk()?;
    let (bytes_per_second, rest) = rest.split_first_chunk()?;
    let (packets_per_second, rest) = rest.split_first_chunk()?;
    let (family, rest) = rest.split_first()?;
    let (ip, port): (IpAddr, _) = match family {
        4 => {
            let (ip, port) = rest.split_first_chunk::<4>()?;
            (Ipv4Addr::from(*ip).into(), port)
        }
        6 => {
            let (ip, port) = rest.split_first_chunk::<16>()?;
            (Ipv6Addr::from(*ip).into(), port)
        }
        _ => return None,
    };
    let port = port.first_chunk().map(|port| u16::from_be_bytes(*port))?;
    Some(Welcome {
        observed: Observed::new(SocketAddr::new(ip, port)),
        max_channels: u16::from_be_bytes(*max_channels),
        bytes_per_second: u64::from_be_bytes(*bytes_per_second),
        packets_per_second: u32::from_be_bytes(*packets_per_second),
        guest: flags & 1 != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::super::ControlReader;
    use super::*;
    use crate::SecretKey;

    fn peer() -> NodeId {
        SecretKey::from_bytes([7; 32]).node_id()
    }

    fn every_frame() -> Vec<Control> {
        let welcome = |observed: &str| {
            Control::Welcome(Welcome {
                observed: Observed::new(observed.parse().unwrap()),
                max_channels: 256,
                bytes_per_second: 1 << 40,
                packets_per_second: 9,
                guest: true,
            })
        };
        vec![
            Control::Hello { role: LegRole::Traffic, token: None },
            Control::Hello { role: LegRole::Observe, token: Some(RelayToken::new("a-._~Z9").unwrap()) },
            welcome("192.0.2.1:7"),
            welcome("[2001:db8::1]:65535"),
            Control::Bound { channel: 0xabcd },
            Control::Limited { limit: Limit::Queue, dropped: u32::MAX },
            Control::Draining { seconds: 30 },
            Control::Signal { peer: peer(), bytes: [1; MAX_SIGNAL].into() },
            Control::Splice { peer: peer() },
            Control::Spliced { peer: peer() },
        ]
    }

    #[test]
    fn what_is_written_is_what_is_read_however_it_is_cut() {
        let frames = every_frame();
        let bytes: Vec<u8> = frames.iter().flat_map(Control::encode).collect();
        for step in [1, 2, 7, bytes.len()] {
            let mut reader = ControlReader::default();
            let mut read = Vec::new();
            for piece in bytes.chunks(step) {
                reader.push(piece);
                while let Some(frame) = reader.next().unwrap() {
                    read.push(frame);
                }
            }
            assert_eq!(read, frames, "{step}");
        }
    }

    #[test]
    fn unknown_frames_and_appended_fields_are_skipped() {
        let mut reader = ControlReader::default();
        reader.push(&[200, 0, 2, 9, 9]);
        let mut hello = Control::Hello { role: LegRole::Traffic, token: None }.encode();
        hello.extend_from_slice(&[1, 2, 3]);
        hello[2] += 3;
        reader.push(&hello);
        assert_eq!(reader.next(), Ok(Some(Control::Hello { role: LegRole::Traffic, token: None })));
        assert_eq!(reader.next(), Ok(None));
    }

    #[test]
    fn a_frame_that_is_too_long_or_malformed_is_named() {
        let error = |bytes: &[u8]| {
            let mut reader = ControlReader::default();
            reader.push(bytes);
            reader.next().unwrap_err()
        };
        assert_eq!(error(&[SIGNAL, 0xff, 0xff]), ControlError::TooLong { length: 0xffff });
        assert_eq!(error(&[HELLO, 0, 3, 2, 0, 0]), ControlError::Version { version: 2 });
        assert_eq!(error(&[HELLO, 0, 3, 1, 9, 0]), ControlError::Malformed { kind: HELLO });
        assert_eq!(error(&[HELLO, 0, 3, 1, 0, 1]), ControlError::Malformed { kind: HELLO });
        assert_eq!(error(&[BOUND, 0, 1, 0]), ControlError::Malformed { kind: BOUND });
        let mut small_order = vec![SPLICE, 0, 32];
        small_order.extend_from_slice(&[0; 32]);
        assert_eq!(error(&small_order), ControlError::Malformed { kind: SPLICE });
    }

    proptest::proptest! {
        #[test]
        fn anything_is_frames_or_an_error(bytes in proptest::collection::vec(0_u8.., 0..300)) {
            let mut reader = ControlReader::default();
            reader.push(&bytes);
            while let Ok(Some(frame)) = reader.next() {
                let mut again = ControlReader::default();
                again.push(&frame.encode());
                proptest::prop_assert_eq!(again.next(), Ok(Some(frame)));
            }
        }
    }
}
