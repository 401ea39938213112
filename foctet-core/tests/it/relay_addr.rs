use foctet_core::{
    NodeAddr, RELAY_PORT, RelayAddr, RelayAddrError, RelayHost, RelayToken, Ticket, TicketSecret,
};

use crate::{PUBLIC_TEXT, node_id};

fn parse(rest: &str) -> Result<RelayAddr, RelayAddrError> {
    format!("foctet-relay://{PUBLIC_TEXT}@{rest}").parse()
}

#[test]
fn a_relay_is_a_key_and_a_place() {
    for (rest, host, port) in [
        ("192.0.2.1:443", "192.0.2.1", 443),
        ("[2001:db8::1]:443", "[2001:db8::1]", 443),
        ("[::ffff:192.0.2.1]:443", "192.0.2.1", 443),
        ("relay.example.org:4433", "relay.example.org", 4433),
        ("Relay.Example.org", "relay.example.org", RELAY_PORT),
        ("[2001:db8::1]/", "[2001:db8::1]", RELAY_PORT),
    ] {
        let relay = parse(rest).unwrap();
        assert_eq!(relay.id(), node_id());
        assert_eq!((relay.host().to_string().as_str(), relay.port()), (host, port));
        assert_eq!(relay.to_string(), format!("foctet-relay://{PUBLIC_TEXT}@{host}:{port}"));
        assert_eq!(relay.to_string().parse(), Ok(relay));
    }
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!("https://example.org".parse::<RelayAddr>(), Err(RelayAddrError::Scheme));
    assert_eq!("foctet-relay://192.0.2.1:1".parse::<RelayAddr>(), Err(RelayAddrError::NoNodeId));
    assert!(matches!("foctet-relay://abc@192.0.2.1:1".parse::<RelayAddr>(), Err(RelayAddrError::NodeId(_))));
    for host in
        ["", ":1", "a b", "-a", "192.0.2", "192.0.2.1.5", "[192.0.2.1]:1", "[::1", "a/b", "\u{e9}.org", "."]
    {
        assert_eq!(parse(host), Err(RelayAddrError::Host), "{host:?}");
    }
    assert_eq!(parse(&format!("{}:1", "a".repeat(222))), Err(RelayAddrError::Host));
    for port in ["a:", "a:0", "a:65536", "a:+1", "a:1:2", "[::1]x"] {
        assert_eq!(parse(port), Err(RelayAddrError::Port), "{port:?}");
    }
    for token in ["a?", "a?token=", "a?key=1", "a?token=a b", "a?token=a&b=c"] {
        assert_eq!(parse(token), Err(RelayAddrError::Token), "{token:?}");
    }
}

#[test]
fn a_token_is_read_and_never_shown() {
    let relay = parse("192.0.2.1:443?token=S3cret~x").unwrap();
    assert_eq!(relay.token().map(RelayToken::as_str), Some("S3cret~x"));
    assert!(!format!("{relay} {relay:?}").contains("S3cret"));
    let ticket = Ticket::new(NodeAddr::new(node_id()).with_relay(relay), TicketSecret::from_bytes([1; 16]));
    let read: Ticket = ticket.to_string().parse().unwrap();
    assert_eq!(read.addr().relays()[0].token(), None);
}

#[test]
fn a_ticket_carries_relays_and_at_most_four() {
    let relay = |n: u8, host: &str| {
        let id = foctet_core::SecretKey::from_bytes([n; 32]).node_id();
        RelayAddr::new(id, RelayHost::parse(host).unwrap(), 443)
    };
    let relays =
        [relay(1, "192.0.2.1"), relay(2, "2001:db8::1"), relay(3, "a.example"), relay(4, &"b".repeat(221))];
    let addr = NodeAddr::new(node_id())
        .with_addr("udp:192.0.2.7:1".parse().unwrap())
        .with_relays(relays.clone())
        .with_relay(relay(1, "192.0.2.9"))
        .with_relay(relay(5, "192.0.2.9"));
    assert_eq!(addr.relays(), relays);
    let ticket = Ticket::new(addr.clone(), TicketSecret::from_bytes([1; 16]));
    let read: Ticket = ticket.to_string().parse().unwrap();
    assert_eq!(read.addr(), &addr);
    assert_eq!(read.unread_addrs(), 0);
}
