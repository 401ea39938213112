//! Connections between two endpoints through a relay that runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops there"
)]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use foctet_core::{NodeAddr, NodeId, SecretKey};
use foctet_net::{
    ConnectOptions, Connection, ConnectionError, DirectPolicy, Endpoint, PathEvent, PathInfo, PathKind,
    Prefer, Transport, Transports,
};
use foctet_relay::{Config, Relay};
use tokio::time::timeout;

const ALPN: &[u8] = b"test/relayed/1";

/// The longest that anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(30);

async fn relay(key: u8) -> Relay {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { bind: vec![loopback], ..Config::default() };
    Relay::start(SecretKey::from_bytes([key; 32]), config).await.unwrap()
}

fn builder() -> foctet_net::Builder {
    Endpoint::builder().bind(SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// Alice, who dials, and Bob, whose homes these relays are.
async fn pair(relays: &[&Relay], relay_only: bool, alice: Transports) -> (Endpoint, Endpoint) {
    let homes = relays.iter().map(|relay| relay.addr());
    let bob = builder().alpns([ALPN]).relays(homes).relay_only(relay_only).build().await.unwrap();
    let alice = builder().relay_only(relay_only).transports(alice).build().await.unwrap();
    timeout(PATIENCE, bob.online()).await.expect("a relay serves Bob");
    (alice, bob)
}

async fn connect(alice: &Endpoint, bob: &Endpoint, addr: NodeAddr) -> (Connection, Connection) {
    let connecting = async { tokio::join!(alice.connect(addr, ALPN), bob.accept()) };
    let (ours, theirs) = timeout(PATIENCE, connecting).await.expect("it takes too long");
    (ours.unwrap(), theirs.unwrap())
}

async fn exchange(from: &Connection, to: &Connection, bytes: usize) {
    let content: Vec<u8> = (0..bytes).map(|n| ((n * 31) >> 3) as u8).collect();
    let mut send = from.open_uni().await.unwrap();
    let writing = async {
        send.write_all(&content).await.unwrap();
        send.finish().unwrap();
    };
    let reading = async { to.accept_uni().await.unwrap().read_to_end(bytes).await.unwrap() };
    let ((), read) =
        timeout(PATIENCE, async { tokio::join!(writing, reading) }).await.expect("it takes too long");
    assert!(read == content);
}

#[tokio::test]
async fn two_nodes_meet_at_a_relay_and_nowhere_else() {
    let relay = relay(1).await;
    let (alice, bob) = pair(&[&relay], true, Transports::All).await;
    assert_eq!(bob.addr().addrs().len(), 0, "no address of Bob's is told");
    let (ours, theirs) = connect(&alice, &bob, bob.addr()).await;
    assert_eq!((ours.remote_id(), theirs.remote_id()), (bob.id(), alice.id()));
    exchange(&ours, &theirs, 3 << 20).await;
    exchange(&theirs, &ours, 3 << 20).await;
    for connection in [&ours, &theirs] {
        let path = connection.paths().into_iter().find(|path| path.in_use).unwrap();
        assert_eq!(
            (path.kind, path.transport, path.relay),
            (PathKind::Relay, Transport::Quic, Some(relay.id()))
        );
        assert_eq!(path.remote.port(), relay.addr().port());
    }
    alice.close().await;
    bob.close().await;
    relay.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_node_that_is_away_is_not_reached_and_nothing_hangs() {
    let relay = relay(2).await;
    let alice = builder().build().await.unwrap();
    let nobody = SecretKey::from_bytes([77; 32]).node_id();
    let addr = NodeAddr::new(nobody).with_relay(relay.addr());
    let options = ConnectOptions::default().timeout(Duration::from_secs(2));
    let error =
        timeout(PATIENCE, alice.connect_with(addr, ALPN, options)).await.expect("it hangs").unwrap_err();
    assert!(matches!(error, foctet_net::ConnectError::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn where_a_direct_way_works_it_is_taken_though_there_is_a_relay() {
    let relay = relay(3).await;
    let (alice, bob) = pair(&[&relay], false, Transports::All).await;
    let (ours, theirs) = connect(&alice, &bob, bob.addr()).await;
    exchange(&ours, &theirs, 1 << 20).await;
    assert_eq!(ours.paths()[0].kind, PathKind::Direct);
}

/// The relay of the path in use.
fn relay_in_use(connection: &Connection) -> Option<NodeId> {
    connection.paths().into_iter().find(|path| path.in_use)?.relay
}

/// Waits until the paths of a connection are as wanted.
async fn paths_until(connection: &Connection, wanted: impl Fn(&[PathInfo]) -> bool) {
    let mut events = connection.path_events();
    let waiting = async {
        while !wanted(&connection.paths()) {
            events.next().await.expect("the connection lives");
        }
    };
    if timeout(PATIENCE, waiting).await.is_err() {
        panic!("it takes too long: {:?}", connection.paths());
    }
}

fn through(relays: &[&Relay]) -> impl Fn(&[PathInfo]) -> bool {
    let mut wanted: Vec<_> = relays.iter().map(|relay| Some(relay.id())).collect();
    wanted.sort();
    move |paths| {
        let mut relays: Vec<_> = paths.iter().map(|path| path.relay).collect();
        relays.sort();
        relays == wanted
    }
}

#[tokio::test]
async fn a_connection_follows_its_acceptor_to_another_relay_and_outlives_the_first() {
    let (old, new) = (relay(10).await, relay(11).await);
    let (alice, bob) = pair(&[&old], true, Transports::All).await;
    let (ours, theirs) = connect(&alice, &bob, bob.addr()).await;
    exchange(&ours, &theirs, 1 << 20).await;
    assert_eq!(relay_in_use(&ours), Some(old.id()));

    let mut events = ours.path_events();
    bob.set_relays([new.addr()]);
    paths_until(&ours, through(&[&new])).await;
    paths_until(&theirs, through(&[&new])).await;
    let closed = loop {
        if let PathEvent::Closed { remote, why, .. } = events.next().await.unwrap() {
            println!("closed: {why}");
            break remote;
        }
    };
    assert_eq!(closed.map(|remote| remote.port()), Some(old.addr().port()), "the relay's, though it is left");
    exchange(&ours, &theirs, 1 << 20).await;

    old.shutdown(Duration::ZERO).await;
    exchange(&ours, &theirs, 1 << 20).await;
    exchange(&theirs, &ours, 1 << 20).await;
    assert_eq!((relay_in_use(&ours), relay_in_use(&theirs)), (Some(new.id()), Some(new.id())));

    // Whoever comes now is told the new one alone.
    assert_eq!(bob.addr().relays(), [new.addr()]);
    let (again, _) = connect(&alice, &bob, bob.addr()).await;
    assert_eq!(relay_in_use(&again), Some(new.id()));
}

#[tokio::test]
async fn a_connection_outlives_both_relays_that_it_began_with() {
    let relays = [relay(12).await, relay(13).await, relay(14).await];
    let relay = |id: NodeId| relays.iter().find(|relay| relay.id() == id).unwrap();
    let (alice, bob) = pair(&relays.each_ref(), true, Transports::All).await;
    let (ours, theirs) = connect(&alice, &bob, bob.addr()).await;
    let through = |paths: &[PathInfo]| paths.iter().map(|path| path.relay.unwrap()).collect::<BTreeSet<_>>();
    // Which are the nearest two is known only once all are measured.
    let homes = || bob.addr().relays().iter().map(|relay| relay.id()).collect::<BTreeSet<_>>();
    paths_until(&ours, |paths| paths.len() == 2 && through(paths) == homes()).await;

    // The place of one that dies is taken by the third, of which Alice may not have been told before.
    let [dying, second] = through(&ours.paths()).into_iter().map(relay).collect::<Vec<_>>()[..] else {
        panic!("{:?}", ours.paths())
    };
    let port = dying.addr().port();
    let mut events = ours.path_events();
    dying.shutdown(Duration::ZERO).await;
    let mut places = Vec::new();
    while ours.paths().len() != 2 || through(&ours.paths()).contains(&dying.id()) {
        places.extend(ours.paths().iter().map(|path| path.remote));
        match timeout(PATIENCE, events.next()).await.expect("it takes too long").unwrap() {
            PathEvent::Opened(path) | PathEvent::Selected { path, .. } => places.push(path.remote),
            PathEvent::Closed { remote, .. } => places.push(remote.expect("known to the end")),
            _ => {}
        }
    }
    assert!(places.iter().any(|place| place.port() == port), "{places:?}");
    assert!(places.iter().all(|place| !place.ip().is_unspecified()), "{places:?}");

    second.shutdown(Duration::ZERO).await;
    exchange(&ours, &theirs, 1 << 20).await;
    exchange(&theirs, &ours, 1 << 20).await;
    let third = relays.iter().map(Relay::id).find(|id| ![dying.id(), second.id()].contains(id));
    assert_eq!((relay_in_use(&ours), relay_in_use(&theirs)), (third, third));
}

#[tokio::test]
async fn a_peer_is_told_of_no_other_relay_before_the_application_allows_it() {
    let (old, new) = (relay(15).await, relay(16).await);
    let bob = builder()
        .alpns([ALPN])
        .relays([old.addr()])
        .relay_only(true)
        .direct(DirectPolicy::Manual)
        .build()
        .await
        .unwrap();
    let alice = builder().relay_only(true).build().await.unwrap();
    timeout(PATIENCE, bob.online()).await.expect("a relay serves Bob");
    let (ours, theirs) = connect(&alice, &bob, bob.addr()).await;
    bob.set_relays([new.addr()]);
    let mut addr = bob.watch_addr();
    timeout(PATIENCE, addr.wait_for(|addr| addr.relays() == [new.addr()])).await.unwrap().unwrap();
    exchange(&theirs, &ours, 1 << 20).await;
    assert!(alice.relays().iter().all(|status| status.addr.id() == old.id()));
    theirs.allow_direct();
    paths_until(&ours, through(&[&new])).await;
}

#[tokio::test]
async fn whoever_dialled_without_relays_is_made_to_use_none() {
    let (one, other) = (relay(17).await, relay(18).await);
    let (alice, bob) = pair(&[&one], false, Transports::All).await;
    let quic = ConnectOptions::default().prefer(Prefer::Only(Transport::Quic));
    for (addr, streams_taken) in [(bob.addr().without_relays(), 0), (bob.addr(), 1)] {
        let dialling = async { tokio::join!(alice.connect_with(addr, ALPN, quic), bob.accept()) };
        let (ours, theirs) = timeout(PATIENCE, dialling).await.expect("it takes too long");
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        // That of the notices comes first, where there are any.
        let (mut send, _recv) = ours.open_bi().await.unwrap();
        assert_eq!(send.id().index(), streams_taken);
        send.write_all(b"here").await.unwrap();
        assert_eq!(theirs.accept_bi().await.unwrap().1.id().index(), streams_taken);
        assert_eq!(alice.relays().len(), usize::try_from(streams_taken).unwrap());
    }
    bob.set_relays([other.addr()]);
    drop(alice);
}

#[tokio::test]
async fn closing_an_endpoint_reaches_the_peers_of_relayed_connections_at_once() {
    let legs = [Transports::Only(Transport::Quic), Transports::Only(Transport::Tcp)];
    for (n, legs) in legs.into_iter().enumerate() {
        for dialler_closes in [true, false] {
            let relay = relay(20 + n as u8).await;
            let endpoint = || builder().relay_only(true).relay_transports(legs);
            let bob = endpoint().alpns([ALPN]).relays([relay.addr()]).build().await.unwrap();
            let alice = endpoint().build().await.unwrap();
            timeout(PATIENCE, bob.online()).await.expect("a relay serves Bob");
            let (ours, theirs) = connect(&alice, &bob, bob.addr()).await;
            exchange(&ours, &theirs, 1 << 20).await;
            let (closing, told) = if dialler_closes { (&alice, &theirs) } else { (&bob, &ours) };
            let begun = Instant::now();
            let ((), error) = timeout(PATIENCE, async { tokio::join!(closing.close(), told.closed()) })
                .await
                .expect("it takes too long");
            let took = begun.elapsed();
            println!("{legs:?}, the dialler: {dialler_closes}: {took:?}");
            assert!(
                matches!(&error, ConnectionError::ApplicationClosed { code: 0, reason } if &**reason == b"endpoint closed"),
                "{error:?}"
            );
            // Much less than any timeout.
            assert!(took < Duration::from_secs(5), "{took:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_closes_in_the_middle_of_a_stream_is_heard_through_its_relay() {
    for n in 0..8 {
        let relay = relay(40).await;
        let endpoint = || builder().relay_only(true);
        let bob = endpoint().alpns([ALPN]).relays([relay.addr()]).build().await.unwrap();
        let alice = endpoint().build().await.unwrap();
        timeout(PATIENCE, bob.online()).await.expect("a relay serves Bob");
        let (ours, theirs) = connect(&alice, &bob, bob.addr()).await;
        let mut send = ours.open_uni().await.unwrap();
        let writing = tokio::spawn(async move { while send.write_all(&[7; 10_000]).await.is_ok() {} });
        let mut recv = theirs.accept_uni().await.unwrap();
        let mut buffer = vec![0; 10_000];
        for _ in 0..30 {
            recv.read(&mut buffer).await.unwrap();
        }
        let reading =
            tokio::spawn(async move { while recv.read(&mut buffer).await.is_ok_and(|n| n.is_some()) {} });
        let (closing, told) = if n % 2 == 0 { (&alice, &theirs) } else { (&bob, &ours) };
        let closed = timeout(Duration::from_secs(5), async { tokio::join!(closing.close(), told.closed()) });
        let ((), error) = closed.await.expect("it is heard, and not by an idle timeout");
        assert!(matches!(&error, ConnectionError::ApplicationClosed { code: 0, .. }), "{n}: {error:?}");
        writing.await.unwrap();
        reading.await.unwrap();
    }
}

#[tokio::test]
async fn a_direct_connection_gets_a_new_standby_though_its_relay_died_without_a_word() {
    let (old, new) = (relay(30).await, relay(31).await);
    let (alice, bob) = pair(&[&old], false, Transports::All).await;
    let quic = ConnectOptions::default().prefer(Prefer::Only(Transport::Quic));
    let dialling = async { tokio::join!(alice.connect_with(bob.addr(), ALPN, quic), bob.accept()) };
    let (ours, theirs) = timeout(PATIENCE, dialling).await.expect("it takes too long");
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    let stands_by = |relay: &Relay| {
        let id = relay.id();
        move |paths: &[PathInfo]| {
            let used = paths.iter().find(|path| path.in_use);
            let relays: Vec<_> = paths.iter().filter_map(|path| path.relay).collect();
            used.is_some_and(|path| path.kind == PathKind::Direct) && relays == [id]
        }
    };
    paths_until(&ours, stands_by(&old)).await;
    old.shutdown(Duration::ZERO).await;
    paths_until(&ours, |paths| paths.iter().all(|path| path.relay.is_none())).await;
    bob.set_relays([new.addr()]);
    paths_until(&ours, stands_by(&new)).await;
    paths_until(&theirs, stands_by(&new)).await;
    exchange(&ours, &theirs, 1 << 20).await;
}
