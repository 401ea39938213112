use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use foctet_core::NodeId;

/// Nodes whose certificate is remembered. A relay's clients come back all at once; more than these cost it what everybody
/// costs the first time.
const MAX_NODES: usize = 4096;

/// The longest certificate that is remembered, in bytes: those that the usual tools make are shorter. With
/// [`MAX_NODES`] this is 2 MiB at most, and with certificates of ours 1.3.
const MAX_SIZE: usize = 512;

/// Certificates whose own signature was found to hold, so that it is not checked again when their node comes back.
///
/// Only ask about a node that has proved its key in this very handshake: how long the answer takes tells whether the node
/// was here before, and nobody but itself may learn that.
#[derive(Default)]
pub(super) struct Known {
    nodes: Mutex<Nodes>,
}

#[derive(Default)]
struct Nodes {
    certificates: HashMap<NodeId, Box<[u8]>>,
    /// The same nodes, the longest known first.
    order: VecDeque<NodeId>,
}

impl Known {
    /// Whether the node was seen with this certificate, to the last byte.
    pub(super) fn has(&self, id: NodeId, certificate: &[u8]) -> bool {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.certificates.get(&id).is_some_and(|known| **known == *certificate)
    }

    /// Remembers the node's certificate, in place of another that it had, or of the node that is longest known.
    pub(super) fn add(&self, id: NodeId, certificate: &[u8]) {
        if certificate.len() > MAX_SIZE {
            return;
        }
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let Nodes { certificates, order } = &mut *nodes;
        if certificates.insert(id, certificate.into()).is_some() {
            return;
        }
        order.push_back(id);
        if order.len() > MAX_NODES
            && let Some(oldest) = order.pop_front()
        {
            certificates.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use foctet_core::SecretKey;

    use super::*;

    fn node(number: usize) -> NodeId {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        SecretKey::from_bytes(seed).node_id()
    }

    #[test]
    fn a_node_is_known_with_its_latest_certificate_alone() {
        let known = Known::default();
        assert!(!known.has(node(1), b"a"));
        known.add(node(1), b"a");
        assert!(known.has(node(1), b"a"));
        assert!(!known.has(node(1), b"b"));
        assert!(!known.has(node(2), b"a"));
        known.add(node(1), b"b");
        assert!(known.has(node(1), b"b") && !known.has(node(1), b"a"));
    }

    #[test]
    fn many_nodes_are_bounded_and_the_oldest_goes() {
        let known = Known::default();
        for number in 0..=MAX_NODES {
            known.add(node(number), b"a");
            known.add(node(number), b"b");
        }
        assert!(!known.has(node(0), b"b"));
        assert!(known.has(node(1), b"b") && known.has(node(MAX_NODES), b"b"));
        let nodes = known.nodes.lock().unwrap();
        assert_eq!((nodes.certificates.len(), nodes.order.len()), (MAX_NODES, MAX_NODES));
    }

    #[test]
    fn a_long_certificate_is_not_remembered() {
        let known = Known::default();
        known.add(node(1), &[0; MAX_SIZE + 1]);
        assert!(!known.has(node(1), &[0; MAX_SIZE + 1]));
        known.add(node(1), &[0; MAX_SIZE]);
        assert!(known.has(node(1), &[0; MAX_SIZE]));
    }
}
