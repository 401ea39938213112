//! What changes while a network is in use.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Stdio;
use std::time::{Duration, Instant};

use testbed::probe::{arrives, bind, seen, try_seen};
use testbed::{Error, Ipv6, Nat, Node, Process, RouterOptions, Testbed, Traffic, Uplink};

use crate::network;

/// How long a packet is given that shall not arrive, where others take microseconds.
const SHORT: Duration = Duration::from_millis(200);

/// How long one is given that shall, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// A home with a host, and a host on the internet.
fn home(nat: Nat) -> Option<(Testbed, Node, Node, Node)> {
    let mut bed = network("change")?;
    let public = bed.public_host("public", &Uplink::default()).unwrap();
    let router = bed.router("router", &RouterOptions::nat(nat)).unwrap();
    let host = bed.host("host", &router).unwrap();
    Some((bed, public, router, host))
}

/// Whether a packet from one to the other arrives, between fresh sockets.
fn reaches(from: &Node, to: &Node) -> bool {
    try_seen(&bind(from).unwrap(), &bind(to).unwrap(), SHORT).unwrap().is_some()
}

#[test]
fn a_rebinding_maps_a_socket_to_another_port_and_forgets_the_first() {
    for nat in [Nat::PortRestricted, Nat::PortRestrictedRemapped, Nat::Symmetric] {
        let Some((_bed, public, router, host)) = home(nat) else { return };
        let (inside, outside) = (bind(&host).unwrap(), bind(&public).unwrap());
        let before = seen(&inside, &outside).unwrap();
        for _ in 0..2 {
            let ports = router.rebind().unwrap();
            let after = seen(&inside, &outside).unwrap();
            assert!((ports.first..=ports.last).contains(&after.port()), "{nat} {after}");
            assert_eq!(after.ip(), before.ip());
            // The answer to the new mapping arrives, one to the old does not.
            outside.send_to(b"old", before).unwrap();
            outside.send_to(b"new", after).unwrap();
            let mut received = [0; 3];
            inside.set_read_timeout(Some(PATIENCE)).unwrap();
            assert_eq!(inside.recv(&mut received).unwrap(), 3);
            assert_eq!(&received, b"new", "{nat}");
            inside.set_read_timeout(Some(SHORT)).unwrap();
            assert_eq!(inside.recv(&mut received).unwrap_err().kind(), ErrorKind::WouldBlock, "{nat}");
        }
    }
}

#[test]
fn a_nat_that_keeps_ports_says_that_it_cannot_rebind_and_takes_another_address() {
    for nat in [Nat::FullCone, Nat::AddressRestricted, Nat::Hairpin, Nat::PortRestricted] {
        let Some((mut bed, public, router, host)) = home(nat) else { return };
        let (inside, outside) = (bind(&host).unwrap(), bind(&public).unwrap());
        let before = seen(&inside, &outside).unwrap();
        if nat != Nat::PortRestricted {
            assert!(matches!(router.rebind(), Err(Error::Unsuited { .. })));
        }
        let address = bed.readdress(&router).unwrap();
        assert_eq!(router.ipv4(), Some(address));
        let after = seen(&inside, &outside).unwrap();
        assert_eq!(after.ip(), address);
        assert_ne!(after.ip(), before.ip());
        assert!(arrives(&outside, &inside, after, &outside).unwrap());
    }
}

#[test]
fn packets_vanish_in_a_blackhole_until_it_is_undone() {
    let Some((bed, public, router, host)) = home(Nat::PortRestricted) else { return };
    let (from, to) = (router.ipv4().unwrap(), public.ipv4().unwrap());
    for (traffic, expected) in [
        (Traffic::between(from, to), false),
        (Traffic::between(to, from).udp_only(), false),
        (Traffic::of(from), false),
        (Traffic::to(to).udp_only(), false),
        (Traffic::to(from), true),
        (Traffic::of(to).tcp_only(), true),
        (Traffic::of(to).to_port(1), true),
    ] {
        let hole = bed.blackhole(traffic).unwrap();
        assert_eq!(reaches(&host, &public), expected, "{traffic:?}");
        assert_eq!(hole.packets().unwrap(), u64::from(!expected));
        hole.undo().unwrap();
        assert!(reaches(&host, &public));
    }
    // In the router, it is the address inside that counts.
    let hole = router.blackhole(Traffic::between(host.ipv4().unwrap(), to)).unwrap();
    assert!(!reaches(&host, &public));
    hole.undo().unwrap();
    assert!(reaches(&host, &public));
}

#[test]
fn packets_to_an_endpoint_are_counted_even_where_nobody_is() {
    let Some((bed, public, router, host)) = home(Nat::PortRestricted) else { return };
    let nobody = Ipv4Addr::new(198, 18, 99, 99);
    let here = public.ipv4().unwrap();
    let to_nobody = bed.watch(Traffic::to(nobody).udp_only().to_port(7)).unwrap();
    let (both, from_router) =
        (bed.watch(Traffic::of(here)), bed.watch(Traffic::between(here, router.ipv4().unwrap())));
    let (both, from_router) = (both.unwrap(), from_router.unwrap());
    let inside = bind(&host).unwrap();
    for port in [7, 7, 8, 7] {
        inside.send_to(b"x", (nobody, port)).unwrap();
    }
    assert!(reaches(&host, &public));
    assert_eq!(to_nobody.packets().unwrap(), 3);
    assert_eq!((both.packets().unwrap(), from_router.packets().unwrap()), (1, 1));
}

#[test]
fn a_network_that_is_taken_away_comes_back_with_its_mappings() {
    let Some((_bed, public, router, host)) = home(Nat::PortRestricted) else { return };
    let (inside, outside) = (bind(&host).unwrap(), bind(&public).unwrap());
    let before = seen(&inside, &outside).unwrap();
    for node in [&host, &router, &public] {
        node.cut().unwrap();
        // Sending shows nothing.
        assert_eq!(try_seen(&inside, &outside, SHORT).unwrap(), None, "{}", node.name());
        node.restore().unwrap();
        assert_eq!(seen(&inside, &outside).unwrap(), before, "{}", node.name());
    }
}

#[test]
fn an_interface_that_was_down_has_its_addresses_and_routes_again() {
    let Some((_bed, public, router, host)) = home(Nat::PortRestricted) else { return };
    for node in [&host, &router, &public] {
        node.unplug().unwrap();
        let inside = bind(&host);
        let sent = inside.and_then(|inside| try_seen(&inside, &bind(&public)?, SHORT));
        assert!(!matches!(sent, Ok(Some(_))), "{}", node.name());
        node.plug().unwrap();
        assert!(reaches(&host, &public), "{}", node.name());
    }
}

#[test]
fn ipv6_survives_a_rebinding_and_an_interface_that_was_down() {
    let Some(mut bed) = network("change6") else { return };
    let uplink = Uplink::default().ipv6(Ipv6::On);
    let public = bed.public_host("public", &uplink.ipv6_only()).unwrap();
    let delayed = uplink.delay(Duration::from_millis(1));
    for (router, host, uplink) in [("veth", "host1", uplink), ("tun", "host2", delayed)] {
        let options = RouterOptions::nat(Nat::PortRestricted).uplink(uplink);
        let router = bed.router(router, &options).unwrap();
        let host = bed.host(host, &router).unwrap();
        let reaches = || {
            let address = public.ipv6().unwrap();
            let inside = host.within(|| UdpSocket::bind((host.ipv6().unwrap(), 0))).unwrap().unwrap();
            let outside = public.within(|| UdpSocket::bind((address, 0))).unwrap().unwrap();
            seen(&inside, &outside).unwrap().ip() == host.ipv6().unwrap()
        };
        assert!(reaches());
        router.rebind().unwrap();
        assert!(reaches());
        bed.readdress(&router).unwrap();
        assert!(reaches());
        host.unplug().unwrap();
        host.plug().unwrap();
        assert!(reaches());
    }
}

#[test]
fn a_host_goes_over_to_its_other_uplink_and_back() {
    let Some((mut bed, public, router, host)) = home(Nat::PortRestricted) else { return };
    let mobile = bed.router("mobile", &RouterOptions::nat(Nat::Symmetric).carrier()).unwrap();
    bed.add_uplink(&host, &mobile).unwrap();
    let from = || seen(&bind(&host).unwrap(), &bind(&public).unwrap()).unwrap().ip();
    assert_eq!(from(), router.ipv4().unwrap());
    host.use_uplink(1).unwrap();
    assert_eq!(from(), mobile.ipv4().unwrap());
    host.use_uplink(0).unwrap();
    assert_eq!(from(), router.ipv4().unwrap());
    assert!(host.use_uplink(2).is_err());
}

#[test]
fn everything_is_gone_after_a_panic_and_so_are_the_processes() {
    let Some((bed, _, _, host)) = home(Nat::PortRestricted) else { return };
    let namespace = host.namespace().to_owned();
    let mut command = host.command("sleep");
    let mut child = command.arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _bed = bed;
        panic!("as a test that fails");
    }));
    assert!(panicked.is_err());
    assert!(!child.wait().unwrap().success());
    assert!(!std::path::Path::new("/run/netns").join(&namespace).exists());
    assert!(host.run("true", [""; 0]).is_err());
}

#[test]
fn a_program_runs_on_its_host_and_is_stopped_and_killed() {
    let Some((_bed, _, _, host)) = home(Nat::PortRestricted) else { return };
    let shown = host.run("ip", ["-br", "addr", "show", "eth0"]).unwrap();
    assert!(shown.contains(&host.ipv4_text()), "{shown}");
    let mut command = host.command("sleep");
    command.arg("1000");
    let mut process = Process::start(command).unwrap();
    let state = |id: u32| std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let becomes = |id, wanted: char| {
        let started = Instant::now();
        while !state(id).contains(&format!(") {wanted} ")) {
            assert!(started.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
    };
    process.pause().unwrap();
    becomes(process.id(), 'T');
    process.resume().unwrap();
    becomes(process.id(), 'S');
    assert!(!process.kill().unwrap().success());
}
