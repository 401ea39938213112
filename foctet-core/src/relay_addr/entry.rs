use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{RelayAddr, RelayHost};
use crate::node_id::{NODE_ID_LEN, NodeId, NodeIdError};

/// The kinds of entries that are relays: at an IPv4 address, at an IPv6 address, at a host name.
pub(crate) const RELAY_KINDS: std::ops::RangeInclusive<u8> = 7..=9;

/// Why an entry of such a kind is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RelayEntryError {
    NodeId(NodeIdError),
    Malformed,
}

impl RelayAddr {
    /// Appends the relay as an entry of a ticket: kind, length and value. The token stays with the node that was given it.
    pub(crate) fn encode_entry(&self, body: &mut Vec<u8>) {
        let v4;
        let v6;
        let (kind, host): (u8, &[u8]) = match self.host() {
            RelayHost::Ip(IpAddr::V4(ip)) => {
                v4 = ip.octets();
                (7, &v4)
            }
            RelayHost::Ip(IpAddr::V6(ip)) => {
                v6 = ip.octets();
                (8, &v6)
            }
            RelayHost::Name(name) => (9, name.as_bytes()),
        };
        body.push(kind);
        // At most MAX_RELAY_HOST and these, which is 255.
        body.push((NODE_ID_LEN + 2 + host.len()) as u8);
        body.extend_from_slice(self.id().as_bytes());
        body.extend_from_slice(&self.port().to_be_bytes());
        body.extend_from_slice(host);
    }

    /// The relay of an entry of one of [`RELAY_KINDS`].
    pub(crate) fn decode_entry(kind: u8, value: &[u8]) -> Result<Self, RelayEntryError> {
        let malformed = RelayEntryError::Malformed;
        let (id, rest) = value.split_first_chunk::<NODE_ID_LEN>().ok_or(malformed)?;
        let (port, host) = rest.split_first_chunk::<2>().ok_or(malformed)?;
        let id = NodeId::from_bytes(id).map_err(RelayEntryError::NodeId)?;
        let port = u16::from_be_bytes(*port);
        let host = match kind {
            7 => RelayHost::Ip(Ipv4Addr::from(<[u8; 4]>::try_from(host).map_err(|_| malformed)?).into()),
            8 => {
                let ip = Ipv6Addr::from(<[u8; 16]>::try_from(host).map_err(|_| malformed)?);
                RelayHost::Ip(IpAddr::from(ip).to_canonical())
            }
            _ => {
                let name = std::str::from_utf8(host).map_err(|_| malformed)?;
                match RelayHost::parse(name).map_err(|_| malformed)? {
                    name @ RelayHost::Name(_) => name,
                    RelayHost::Ip(_) => return Err(malformed),
                }
            }
        };
        if port == 0 {
            return Err(malformed);
        }
        Ok(Self::new(id, host, port))
    }
}
