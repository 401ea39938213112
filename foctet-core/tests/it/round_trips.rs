use std::net::SocketAddr;

use foctet_core::{NodeAddr, NodeId, SecretKey, Ticket, TicketSecret, TransportAddr};
use proptest::collection::vec;
use proptest::prelude::*;

fn socket_addr() -> impl Strategy<Value = SocketAddr> {
    // Few hosts and ports, so that UDP and TCP on one port, and duplicates, come up.
    prop_oneof![
        (any::<[u8; 4]>(), any::<u16>()).prop_map(SocketAddr::from),
        (any::<[u16; 8]>(), any::<u16>()).prop_map(SocketAddr::from),
        (0..4_u8, 1..3_u16).prop_map(|(host, port)| SocketAddr::from(([10, 0, 0, host], port))),
        (0..4_u16, 1..3_u16)
            .prop_map(|(host, port)| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, host], port))),
    ]
}

fn transport_addr() -> impl Strategy<Value = TransportAddr> {
    (any::<bool>(), socket_addr())
        .prop_map(|(udp, addr)| if udp { TransportAddr::udp(addr) } else { TransportAddr::tcp(addr) })
}

fn node_id() -> impl Strategy<Value = NodeId> {
    any::<[u8; 32]>().prop_map(|seed| SecretKey::from_bytes(seed).node_id())
}

proptest! {
    #[test]
    fn a_node_id_survives_its_text(id in node_id()) {
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        prop_assert_eq!(NodeId::from_bytes(id.as_bytes()), Ok(id));
    }

    #[test]
    fn bytes_that_are_a_node_id_have_no_other_spelling(bytes in any::<[u8; 32]>()) {
        if let Ok(id) = NodeId::from_bytes(&bytes) {
            prop_assert_eq!(id.as_bytes(), &bytes);
        }
    }

    #[test]
    fn a_signature_holds_for_what_was_signed(
        seed in any::<[u8; 32]>(), message in vec(any::<u8>(), 0..200), flip in 0..1600_usize,
    ) {
        let key = SecretKey::from_bytes(seed);
        let signature = key.sign(&message);
        prop_assert!(key.node_id().verify(&message, &signature).is_ok());
        let mut other = message;
        if let Some(byte) = other.get_mut(flip / 8) {
            *byte ^= 1 << (flip % 8);
            prop_assert!(key.node_id().verify(&other, &signature).is_err());
        }
    }

    #[test]
    fn an_address_survives_its_text(addr in transport_addr()) {
        prop_assert_eq!(addr.to_string().parse(), Ok(addr));
        prop_assert_eq!(addr.to_canonical(), addr);
    }

    #[test]
    fn a_ticket_survives_its_text(
        id in node_id(), addrs in vec(transport_addr(), 0..40), secret in any::<[u8; 16]>(),
    ) {
        let ticket = Ticket::new(NodeAddr::new(id).with_addrs(addrs), TicketSecret::from_bytes(secret));
        let text = ticket.to_string();
        prop_assert_eq!(text.parse::<Ticket>(), Ok(ticket.clone()));
        prop_assert_eq!(text.to_uppercase().parse::<Ticket>(), Ok(ticket));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "(foctet[0-9])?[ -~\\PC]{0,120}", base32 in "foctet1[a-z2-7]{0,200}") {
        for text in [&text, &base32] {
            let _ = text.parse::<Ticket>();
            let _ = text.parse::<NodeId>();
            let _ = text.parse::<TransportAddr>();
        }
    }
}
