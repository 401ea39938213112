use std::collections::BTreeMap;

use super::{Address, PacketError};
use crate::node_id::NodeId;

/// The channels that this side sends on.
#[derive(Debug)]
pub struct Outgoing {
    max: u16,
    /// The channel of each peer, and whether the other side has confirmed it.
    channels: BTreeMap<NodeId, (u16, bool)>,
    /// Whom each channel is bound to, by its number.
    peers: Vec<NodeId>,
}

impl Outgoing {
    /// None yet, and at most `max` of them: what the other side keeps. Beyond that, packets carry the NodeId each.
    pub fn new(max: u16) -> Self {
        Self { max, channels: BTreeMap::new(), peers: Vec::new() }
    }

    /// How the next packet to `peer` names it.
    pub fn address(&mut self, peer: NodeId) -> Address {
        if let Some((channel, confirmed)) = self.channels.get(&peer) {
            return if *confirmed { Address::Channel(*channel) } else { Address::Bind(*channel, peer) };
        }
        match u16::try_from(self.channels.len()) {
            Ok(channel) if channel < self.max => {
                self.channels.insert(peer, (channel, false));
                self.peers.push(peer);
                Address::Bind(channel, peer)
            }
            _ => Address::Peer(peer),
        }
    }

    /// The other side has confirmed a channel.
    pub fn confirm(&mut self, channel: u16) {
        if let Some(peer) = self.peers.get(usize::from(channel))
            && let Some((_, confirmed)) = self.channels.get_mut(peer)
        {
            *confirmed = true;
        }
    }
}

/// The channels that the other side sends on.
#[derive(Debug)]
pub struct Incoming {
    max: u16,
    peers: BTreeMap<u16, NodeId>,
}

impl Incoming {
    /// None yet, and at most `max` of them, which the other side was told.
    pub fn new(max: u16) -> Self {
        Self { max, peers: BTreeMap::new() }
    }

    /// Which peer an address names; and the channel that is to be confirmed, if it was bound just now.
    ///
    /// # Errors
    ///
    /// [`PacketError::UnknownChannel`], [`PacketError::BoundTwice`], or [`PacketError::Malformed`] for a channel beyond
    /// the number allowed.
    pub fn resolve(&mut self, address: Address) -> Result<(NodeId, Option<u16>), PacketError> {
        match address {
            Address::Peer(peer) => Ok((peer, None)),
            Address::Channel(channel) => match self.peers.get(&channel) {
                Some(peer) => Ok((*peer, None)),
                None => Err(PacketError::UnknownChannel(channel)),
            },
            Address::Bind(channel, peer) => match self.peers.get(&channel) {
                Some(known) if *known == peer => Ok((peer, None)),
                Some(_) => Err(PacketError::BoundTwice(channel)),
                None if channel >= self.max => Err(PacketError::Malformed),
                None => {
                    self.peers.insert(channel, peer);
                    Ok((peer, Some(channel)))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretKey;

    fn peer(n: u8) -> NodeId {
        SecretKey::from_bytes([n; 32]).node_id()
    }

    #[test]
    fn packets_carry_the_node_until_its_channel_is_confirmed() {
        let (mut out, mut inward) = (Outgoing::new(2), Incoming::new(2));
        let first = out.address(peer(1));
        assert_eq!(first, Address::Bind(0, peer(1)));
        assert_eq!(inward.resolve(first), Ok((peer(1), Some(0))));
        assert_eq!(inward.resolve(out.address(peer(1))), Ok((peer(1), None)), "told once only");
        out.confirm(0);
        assert_eq!(out.address(peer(1)), Address::Channel(0));
        assert_eq!(inward.resolve(Address::Channel(0)), Ok((peer(1), None)));
        assert_eq!(out.address(peer(2)), Address::Bind(1, peer(2)));
        assert_eq!(out.address(peer(3)), Address::Peer(peer(3)), "beyond what the other side keeps");
        assert_eq!(inward.resolve(Address::Peer(peer(3))), Ok((peer(3), None)));
    }

    #[test]
    fn a_channel_is_bound_once() {
        let mut inward = Incoming::new(1);
        assert_eq!(inward.resolve(Address::Channel(0)), Err(PacketError::UnknownChannel(0)));
        inward.resolve(Address::Bind(0, peer(1))).unwrap();
        assert_eq!(inward.resolve(Address::Bind(0, peer(2))), Err(PacketError::BoundTwice(0)));
        assert_eq!(inward.resolve(Address::Bind(1, peer(2))), Err(PacketError::Malformed));
        // A confirmation of what was never bound changes nothing.
        let mut out = Outgoing::new(1);
        out.confirm(0);
        assert_eq!(out.address(peer(1)), Address::Bind(0, peer(1)));
    }
}
