use std::collections::HashMap;

use foctet_core::NodeId;

/// Handshakes through one relay that may be under way at once: as many as from one IP address.
const MAX_PER_RELAY: usize = 64;

/// As [`MAX_PER_RELAY`], from one peer, as the relay names it: it dials once through each relay, and perhaps again.
const MAX_PER_PEER: usize = 8;

/// Handshakes that are under way over streams that relays have spliced. They are counted apart, so that a relay takes no
/// place from those who dial directly.
#[derive(Default)]
pub(super) struct Relayed {
    relays: HashMap<NodeId, usize>,
    peers: HashMap<NodeId, usize>,
}

impl Relayed {
    pub(super) fn begin(&mut self, relay: NodeId, peer: NodeId) -> bool {
        let of = |counts: &HashMap<NodeId, usize>, id| counts.get(&id).copied().unwrap_or_default();
        if of(&self.relays, relay) >= MAX_PER_RELAY || of(&self.peers, peer) >= MAX_PER_PEER {
            return false;
        }
        *self.relays.entry(relay).or_default() += 1;
        *self.peers.entry(peer).or_default() += 1;
        true
    }

    pub(super) fn end(&mut self, relay: NodeId, peer: NodeId) {
        for (counts, id) in [(&mut self.relays, relay), (&mut self.peers, peer)] {
            if let Some(count) = counts.get_mut(&id) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    counts.remove(&id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use foctet_core::SecretKey;

    use super::*;

    fn node(n: u8) -> NodeId {
        SecretKey::from_bytes([n; 32]).node_id()
    }

    #[test]
    fn neither_a_relay_nor_a_peer_takes_every_place_and_nothing_is_left_behind() {
        let mut relayed = Relayed::default();
        let begun = (0..100).filter(|_| relayed.begin(node(1), node(2))).count();
        assert_eq!(begun, MAX_PER_PEER);
        let begun: Vec<_> = (10..200).filter(|n| relayed.begin(node(1), node(*n))).collect();
        assert_eq!(begun.len(), MAX_PER_RELAY - MAX_PER_PEER);
        assert!(relayed.begin(node(3), node(200)), "another relay has its own places");
        relayed.end(node(3), node(200));
        (0..MAX_PER_PEER).for_each(|_| relayed.end(node(1), node(2)));
        begun.into_iter().for_each(|n| relayed.end(node(1), node(n)));
        assert!(relayed.relays.is_empty() && relayed.peers.is_empty());
    }
}
