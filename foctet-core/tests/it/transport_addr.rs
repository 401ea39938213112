use std::net::{SocketAddr, SocketAddrV6};

use foctet_core::{TransportAddr, TransportAddrError};

fn parse(text: &str) -> TransportAddr {
    text.parse().unwrap()
}

#[test]
fn the_text_of_each_family_and_transport_is_fixed() {
    for text in ["udp:192.0.2.1:4433", "tcp:192.0.2.1:1", "udp:[2001:db8::1]:65535", "tcp:[::1]:443"] {
        assert_eq!(parse(text).to_string(), text);
    }
    let v4: SocketAddr = "192.0.2.1:4433".parse().unwrap();
    assert_eq!(parse("udp:192.0.2.1:4433"), TransportAddr::Udp(v4));
    assert_eq!(parse("tcp:192.0.2.1:4433"), TransportAddr::Tcp(v4));
    assert_eq!(parse("tcp:192.0.2.1:4433").socket_addr(), v4);
}

#[test]
fn another_transport_is_refused_as_such() {
    for text in
        ["", "192.0.2.1:4433", "[::1]:443", "UDP:192.0.2.1:1", "quic:192.0.2.1:1", " udp:192.0.2.1:1", "udp"]
    {
        assert_eq!(text.parse::<TransportAddr>(), Err(TransportAddrError::Transport), "{text:?}");
    }
}

#[test]
fn what_is_no_address_with_a_port_is_refused() {
    for text in [
        "udp:",
        "udp:192.0.2.1",
        "udp:192.0.2.1:",
        "udp:192.0.2.1:65536",
        "udp:192.0.2.256:1",
        "udp:192.0.2.01:1",
        "udp:2001:db8::1:443",
        "udp:[2001:db8::1]",
        "tcp:[2001:db8::1%eth0]:443",
        "tcp:example.org:443",
        "tcp: 192.0.2.1:1",
        "tcp:192.0.2.1:1\n",
        "udp:tcp:192.0.2.1:1",
    ] {
        assert_eq!(text.parse::<TransportAddr>(), Err(TransportAddrError::Address), "{text:?}");
    }
}

#[test]
fn an_ipv4_mapped_address_is_the_ipv4_address() {
    for text in ["udp:[::ffff:192.0.2.1]:4433", "udp:[::ffff:c000:201]:4433"] {
        assert_eq!(parse(text), parse("udp:192.0.2.1:4433"));
        assert_eq!(parse(text).to_string(), "udp:192.0.2.1:4433");
    }
    // The deprecated IPv4-compatible addresses stand for nothing else (RFC 4291, section 2.5.5.1).
    assert_eq!(parse("udp:[::c000:201]:1").to_string(), "udp:[::c000:201]:1");
}

#[test]
fn a_scope_is_kept_on_a_link_local_address_and_dropped_elsewhere() {
    assert_eq!(parse("udp:[fe80::1%3]:5").to_string(), "udp:[fe80::1%3]:5");
    assert_ne!(parse("udp:[fe80::1%3]:5"), parse("udp:[fe80::1%4]:5"));
    assert!(parse("udp:[fe80::1%3]:5").is_link_local_v6());
    assert_eq!(parse("udp:[2001:db8::1%3]:5"), parse("udp:[2001:db8::1]:5"));
    assert!(!parse("udp:[2001:db8::1]:5").is_link_local_v6());
    assert!(!parse("udp:169.254.0.1:5").is_link_local_v6());
}

#[test]
fn a_flow_label_is_dropped() {
    let labelled = SocketAddrV6::new("2001:db8::1".parse().unwrap(), 5, 77, 0);
    assert_eq!(TransportAddr::tcp(labelled.into()), parse("tcp:[2001:db8::1]:5"));
    assert_eq!(TransportAddr::Tcp(labelled.into()).to_canonical(), parse("tcp:[2001:db8::1]:5"));
}

#[test]
fn nothing_is_dialled_that_means_no_host_or_many() {
    for text in [
        "udp:192.0.2.1:0",
        "udp:0.0.0.0:1",
        "udp:224.0.0.251:5353",
        "udp:255.255.255.255:1",
        "udp:[::]:1",
        "udp:[ff02::fb]:5353",
        "udp:[::ffff:224.0.0.1]:1",
    ] {
        assert!(!parse(text).is_dialable(), "{text}");
    }
    let mapped: SocketAddr = "[::ffff:0.0.0.0]:1".parse().unwrap();
    assert!(!TransportAddr::Tcp(mapped).is_dialable());
    for text in ["udp:192.0.2.1:1", "tcp:127.0.0.1:1", "tcp:[::1]:1", "tcp:[fe80::1%3]:1"] {
        assert!(parse(text).is_dialable(), "{text}");
    }
}
