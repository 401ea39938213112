//! Who reaches whom, and who does not.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use testbed::probe::{arrives, bind, hairpins, seen, try_seen};
use testbed::{Ipv6, Nat, Node, Out, RouterOptions, Subnet, Uplink};

use crate::network;

/// How long a connection attempt is given that shall fail: packets here take microseconds.
const SHORT: Duration = Duration::from_millis(300);

/// How long one is given that shall succeed, on a busy machine.
const LONG: Duration = Duration::from_secs(10);

/// Whether a TCP connection from `from` to port `port` of `to` comes up and carries a byte.
fn connects(from: &Node, to: &Node, address: IpAddr, port: u16, patience: Duration) -> bool {
    let listener = to.within(|| TcpListener::bind((address, port))).unwrap().unwrap();
    let address = listener.local_addr().unwrap();
    let Ok(mut connection) = from.within(|| TcpStream::connect_timeout(&address, patience)).unwrap() else {
        return false;
    };
    connection.write_all(b"x").unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    accepted.read_exact(&mut [0]).unwrap();
    true
}

#[test]
fn a_host_behind_a_carrier_is_seen_at_the_address_of_the_carrier() {
    let Some(mut bed) = network("carrier") else { return };
    let public = bed.public_host("public", &Uplink::default()).unwrap();
    let carrier = bed.router("carrier", &RouterOptions::nat(Nat::Symmetric).carrier()).unwrap();
    let home = bed.router_behind("home", &carrier, &RouterOptions::nat(Nat::PortRestricted)).unwrap();
    let host = bed.host("host", &home).unwrap();
    assert_eq!(home.ipv4().unwrap().octets()[..2], [100, 64]);
    assert_eq!(host.ipv4().unwrap().octets()[..2], [192, 168]);
    let seen_at = seen(&bind(&host).unwrap(), &bind(&public).unwrap()).unwrap();
    assert_eq!(seen_at.ip(), carrier.ipv4().unwrap());
    assert!(connects(&host, &public, public.ipv4().unwrap().into(), 0, LONG));
}

#[test]
fn only_a_hairpin_nat_lets_two_hosts_meet_at_their_outside_endpoints() {
    for (nat, expected) in [(Nat::Hairpin, true), (Nat::FullCone, false), (Nat::PortRestricted, false)] {
        let Some(mut bed) = network("hairpin") else { return };
        let public = bed.public_host("public", &Uplink::default()).unwrap();
        let router = bed.router("router", &RouterOptions::nat(nat)).unwrap();
        let one = bed.host("one", &router).unwrap();
        let other = bed.host_on("other", &router, Subnet::Second).unwrap();
        assert_eq!(hairpins(&one, &other, &public).unwrap(), expected, "{nat}");
    }
}

#[test]
fn two_subnets_behind_one_router_reach_each_other_directly() {
    let Some(mut bed) = network("subnets") else { return };
    let router = bed.router("router", &RouterOptions::nat(Nat::PortRestricted)).unwrap();
    let one = bed.host("one", &router).unwrap();
    let neighbour = bed.host("neighbour", &router).unwrap();
    let other = bed.host_on("other", &router, Subnet::Second).unwrap();
    assert_ne!(one.ipv4().unwrap().octets()[2], other.ipv4().unwrap().octets()[2]);
    for host in [&neighbour, &other] {
        // Not translated: seen at its own address.
        let seen_at = seen(&bind(&one).unwrap(), &bind(host).unwrap()).unwrap();
        assert_eq!(seen_at.ip(), one.ipv4().unwrap());
    }
}

#[test]
fn two_homes_may_have_the_same_addresses_inside() {
    let Some(mut bed) = network("same") else { return };
    let public = bed.public_host("public", &Uplink::default()).unwrap();
    let mut addresses = Vec::new();
    for (home, host) in [("home1", "host1"), ("home2", "host2")] {
        let home = bed.router(home, &RouterOptions::nat(Nat::PortRestricted).lan(7)).unwrap();
        let host = bed.host(host, &home).unwrap();
        addresses.push((host.ipv4(), seen(&bind(&host).unwrap(), &bind(&public).unwrap()).unwrap().ip()));
    }
    assert_eq!(addresses[0].0, addresses[1].0);
    assert_ne!(addresses[0].1, addresses[1].1);
}

#[test]
fn a_router_answers_no_stray_packets() {
    let Some(mut bed) = network("stray") else { return };
    let public = bed.public_host("public", &Uplink::default()).unwrap();
    let router = bed.router("router", &RouterOptions::nat(Nat::FullCone)).unwrap();
    let outside = SocketAddr::new(router.ipv4().unwrap().into(), 4000);
    let socket: UdpSocket = bind(&public).unwrap();
    socket.connect(outside).unwrap();
    socket.set_read_timeout(Some(SHORT)).unwrap();
    socket.send(b"stray").unwrap();
    // A port that is closed and says so would be a refused connection.
    let error = socket.recv(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    let error = public.within(|| TcpStream::connect_timeout(&outside, SHORT)).unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[test]
fn what_a_router_does_not_let_out_stays_inside() {
    // For each, whether UDP, TCP to 443 and TCP to another port get out.
    for (out, expected) in [
        (Out::All, [true, true, true]),
        (Out::NoUdpOut, [false, true, true]),
        (Out::NoUdp, [false, true, true]),
        (Out::OnlyTcp443, [false, true, false]),
    ] {
        let Some(mut bed) = network("out") else { return };
        let public = bed.public_host("public", &Uplink::default()).unwrap();
        let router = bed.router("router", &RouterOptions::nat(Nat::PortRestricted).out(out)).unwrap();
        let host = bed.host("host", &router).unwrap();
        let address = IpAddr::from(public.ipv4().unwrap());
        let patience = |expected| if expected { LONG } else { SHORT };
        let udp = try_seen(&bind(&host).unwrap(), &bind(&public).unwrap(), patience(expected[0])).unwrap();
        let https = connects(&host, &public, address, 443, patience(expected[1]));
        let other = connects(&host, &public, address, 444, patience(expected[2]));
        assert_eq!([udp.is_some(), https, other], expected, "{out:?}");
    }
}

#[test]
fn a_mapping_with_a_short_life_is_gone_after_it() {
    let Some(mut bed) = network("short") else { return };
    let public = bed.public_host("public", &Uplink::default()).unwrap();
    let other = bed.public_host("other", &Uplink::default()).unwrap();
    let options = RouterOptions {
        udp_lifetimes: Some((Duration::from_secs(1), Duration::from_secs(1))),
        ..RouterOptions::nat(Nat::FullCone)
    };
    let router = bed.router("router", &options).unwrap();
    let host = bed.host("host", &router).unwrap();
    let (inside, known, stranger) = (bind(&host).unwrap(), bind(&public).unwrap(), bind(&other).unwrap());
    let outside = seen(&inside, &known).unwrap();
    assert!(arrives(&stranger, &inside, outside, &known).unwrap());
    // It is the kernel's clock that takes the mapping away, by its own ticks.
    std::thread::sleep(Duration::from_secs(3));
    stranger.send_to(b"late", outside).unwrap();
    inside.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(inside.recv(&mut [0; 8]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn ipv6_goes_out_of_a_home_and_of_one_behind_a_carrier_and_does_not_come_in() {
    let Some(mut bed) = network("ipv6") else { return };
    let uplink = Uplink::default().ipv6(Ipv6::On);
    let public = bed.public_host("public", &uplink.ipv6_only()).unwrap();
    let options = RouterOptions::nat(Nat::PortRestricted).uplink(uplink);
    let carrier = bed.router("carrier", &options.carrier()).unwrap();
    let behind = bed.router_behind("behind", &carrier, &options).unwrap();
    let home = bed.router("home", &options).unwrap();
    let (deep, host) = (bed.host("deep", &behind).unwrap(), bed.host("host", &home).unwrap());
    assert_eq!(public.ipv4(), None);
    let address = public.ipv6().unwrap().into();
    for host in [&deep, &host] {
        assert!(connects(host, &public, address, 0, LONG), "{}", host.name());
        assert!(!connects(&public, host, host.ipv6().unwrap().into(), 0, SHORT), "{}", host.name());
    }
}

#[test]
fn a_home_without_ipv4_reaches_who_has_ipv6() {
    let Some(mut bed) = network("only6") else { return };
    let dual = bed.public_host("dual", &Uplink::default().ipv6(Ipv6::On)).unwrap();
    let options = RouterOptions::nat(Nat::PortRestricted).uplink(Uplink::default().ipv6_only());
    let router = bed.router("router", &options).unwrap();
    let host = bed.host("host", &router).unwrap();
    assert_eq!((router.ipv4(), host.ipv4()), (None, None));
    assert!(connects(&host, &dual, dual.ipv6().unwrap().into(), 0, LONG));
    assert!(!connects(&host, &dual, dual.ipv4().unwrap().into(), 0, SHORT));
}

#[test]
fn broken_ipv6_has_addresses_and_leads_nowhere() {
    let Some(mut bed) = network("broken") else { return };
    let public = bed.public_host("public", &Uplink::default().ipv6(Ipv6::On)).unwrap();
    let options = RouterOptions::nat(Nat::PortRestricted).uplink(Uplink::default().ipv6(Ipv6::Broken));
    let router = bed.router("router", &options).unwrap();
    let host = bed.host("host", &router).unwrap();
    assert!(host.ipv6().is_some());
    assert!(!connects(&host, &public, public.ipv6().unwrap().into(), 0, SHORT));
    assert!(connects(&host, &public, public.ipv4().unwrap().into(), 0, LONG));
}

#[test]
fn tcp_opens_simultaneously_through_two_port_restricted_routers() {
    let Some(mut bed) = network("simultaneous") else { return };
    let public = bed.public_host("public", &Uplink::default()).unwrap();
    let mut sides = Vec::new();
    for (router, host) in [("left", "alice"), ("right", "bob")] {
        let router = bed.router(router, &RouterOptions::nat(Nat::PortRestricted)).unwrap();
        let host = bed.host(host, &router).unwrap();
        let listener = public.within(|| TcpListener::bind((public.ipv4().unwrap(), 0))).unwrap().unwrap();
        // Another socket at the same port learns where that is outside, as it is kept by this NAT for all.
        let inside = reusable(&host, 0);
        inside.connect(&listener.local_addr().unwrap().into()).unwrap();
        let (_, outside) = listener.accept().unwrap();
        let port = inside.local_addr().unwrap().as_socket().unwrap().port();
        sides.push((reusable(&host, port), SockAddr::from(outside)));
    }
    let (bob, bob_outside) = sides.pop().unwrap();
    let (alice, alice_outside) = sides.pop().unwrap();
    std::thread::scope(|scope| {
        let bob = scope.spawn(|| bob.connect_timeout(&alice_outside, LONG));
        alice.connect_timeout(&bob_outside, LONG).unwrap();
        bob.join().unwrap().unwrap();
    });
}

fn reusable(host: &Node, port: u16) -> Socket {
    host.within(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&SocketAddr::new(host.ipv4().unwrap().into(), port).into()).unwrap();
        socket
    })
    .unwrap()
}
