//! Links have the delay, the rate and the loss that they are told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;
use testbed::link::Shape;
use testbed::probe::{bind, seen, try_seen};
use testbed::{Nat, Node, RouterOptions, Testbed, Uplink};

use crate::network;

/// Two hosts on the internet, the first on this uplink.
fn pair(uplink: Uplink) -> Option<(Testbed, Node, Node)> {
    let mut bed = network("link")?;
    let one = bed.public_host("one", &uplink).unwrap();
    let other = bed.public_host("other", &Uplink::default()).unwrap();
    Some((bed, one, other))
}

/// The least of some round trips of a packet of UDP. The least, as a busy machine only ever adds.
fn round_trip(one: &Node, other: &Node) -> Duration {
    let (one, other) = (bind(one).unwrap(), bind(other).unwrap());
    (0..10)
        .map(|_| {
            let started = Instant::now();
            let from = seen(&one, &other).unwrap();
            other.send_to(b"back", from).unwrap();
            one.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            one.recv(&mut [0; 8]).unwrap();
            started.elapsed()
        })
        .min()
        .unwrap()
}

/// How long `bytes` take from one to the other by TCP, after the connection is there.
fn transfer(from: &Node, to: &Node, bytes: usize) -> Duration {
    let listener = to.within(|| TcpListener::bind((to.ipv4().unwrap(), 0))).unwrap().unwrap();
    let address = listener.local_addr().unwrap();
    let mut sender = from.within(|| TcpStream::connect(address)).unwrap().unwrap();
    let (mut receiver, _) = listener.accept().unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || sender.write_all(&vec![0; bytes]).unwrap());
        let mut received = 0;
        let mut buffer = vec![0; 65_536];
        while received < bytes {
            received += receiver.read(&mut buffer).unwrap();
        }
    });
    started.elapsed()
}

#[test]
fn a_delay_of_twenty_milliseconds_each_way_is_a_round_trip_of_forty() {
    let Some((_bed, one, other)) = pair(Uplink::default().delay(Duration::from_millis(20))) else { return };
    let took = round_trip(&one, &other);
    assert!(took >= Duration::from_millis(40), "{took:?}");
    assert!(took < Duration::from_millis(45), "{took:?}");
}

#[test]
fn a_router_may_have_a_delay_and_it_may_change() {
    let Some(mut bed) = network("reshape") else { return };
    let public = bed.public_host("public", &Uplink::default()).unwrap();
    let uplink = Uplink::default().delay(Duration::from_millis(10));
    let router = bed.router("router", &RouterOptions::nat(Nat::PortRestricted).uplink(uplink)).unwrap();
    let host = bed.host("host", &router).unwrap();
    assert!(round_trip(&host, &public) >= Duration::from_millis(20));
    let link = bed.link("router").unwrap();
    let slow = Shape { delay: Duration::from_millis(30), ..Shape::default() };
    link.reshape([slow, slow]);
    assert!(round_trip(&host, &public) >= Duration::from_millis(60));
    assert!(link.counts().iter().all(|[passed, lost, full]| *passed >= 20 && *lost == 0 && *full == 0));
}

#[test]
fn a_rebinding_works_on_a_router_with_a_link_in_userspace() {
    let Some(mut bed) = network("rebind") else { return };
    let public = bed.public_host("public", &Uplink::default()).unwrap();
    let uplink = Uplink::default().delay(Duration::from_millis(5));
    let router = bed.router("router", &RouterOptions::nat(Nat::PortRestricted).uplink(uplink)).unwrap();
    let host = bed.host("host", &router).unwrap();
    let (inside, outside) = (bind(&host).unwrap(), bind(&public).unwrap());
    let before = seen(&inside, &outside).unwrap();
    router.rebind().unwrap();
    assert_ne!(seen(&inside, &outside).unwrap(), before);
    bed.readdress(&router).unwrap();
    assert_eq!(seen(&inside, &outside).unwrap().ip(), router.ipv4().unwrap());
    router.cut().unwrap();
    router.restore().unwrap();
    assert!(round_trip(&host, &public) >= Duration::from_millis(10));
}

#[test]
fn a_link_of_twenty_megabits_takes_its_time_in_userspace_and_in_the_kernel() {
    let rate = 20_000_000;
    let shape = Shape { rate: Some(rate), ..Shape::default() };
    for uplink in [Uplink::default().link(shape), Uplink::default().rates(rate, rate)] {
        let Some((_bed, one, other)) = pair(uplink) else { return };
        // 5 MB of payload are 2 s; a bucket lets a little more through at first.
        for (from, to) in [(&one, &other), (&other, &one)] {
            let took = transfer(from, to, 5_000_000);
            assert!(took > Duration::from_millis(1900), "{took:?} {uplink:?}");
            assert!(took < Duration::from_secs(4), "{took:?} {uplink:?}");
        }
    }
}

#[test]
fn a_host_behind_a_router_may_be_slowed_down_and_lose_packets_for_a_while() {
    let Some(mut bed) = network("slow") else { return };
    let public = bed.public_host("public", &Uplink::default()).unwrap();
    let router = bed.router("router", &RouterOptions::nat(Nat::PortRestricted)).unwrap();
    let host = bed.host("host", &router).unwrap();
    for rate in [4_000_000, 8_000_000] {
        host.limit(Some(rate), None).unwrap();
        let took = transfer(&host, &public, 1_000_000);
        let expected = Duration::from_secs_f64(8e6 / rate as f64);
        assert!(took > expected.mul_f64(0.8) && took < expected * 2, "{took:?}");
    }
    host.limit(None, None).unwrap();
    assert!(transfer(&host, &public, 1_000_000) < Duration::from_millis(800));
    host.lose(1.0).unwrap();
    let (inside, outside) = (bind(&host).unwrap(), bind(&public).unwrap());
    assert_eq!(try_seen(&inside, &outside, Duration::from_millis(200)).unwrap(), None);
    host.lose(0.0).unwrap();
    seen(&inside, &outside).unwrap();
}

#[test]
fn a_loss_of_a_fifth_loses_a_fifth_in_userspace_and_in_the_kernel() {
    let shape = Shape { loss: 0.2, seed: 7, ..Shape::default() };
    for uplink in [Uplink::default().link(shape), Uplink::default().loss(0.2)] {
        let Some((_bed, one, other)) = pair(uplink) else { return };
        let (from, to) = (bind(&one).unwrap(), bind(&other).unwrap());
        // Few at a time, as the kernel's own queues lose what they cannot hold; and all fit into the socket.
        SockRef::from(&to).set_recv_buffer_size(4 << 20).unwrap();
        let mut received = 0;
        let mut drain = |silence| {
            to.set_read_timeout(Some(silence)).unwrap();
            received += std::iter::from_fn(|| to.recv(&mut [0; 8]).ok()).count();
            received
        };
        for _ in 0..40 {
            for _ in 0..50 {
                from.send_to(b"x", to.local_addr().unwrap()).unwrap();
            }
            drain(Duration::from_millis(10));
        }
        let received = drain(Duration::from_secs(2));
        // Of 2000, 1600 are expected; the standard deviation is 18.
        assert!((1500..1700).contains(&received), "{received} {uplink:?}");
    }
}
