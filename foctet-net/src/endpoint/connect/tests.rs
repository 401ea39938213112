mod forged;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use foctet_core::{NodeAddr, NodeId, TransportAddr};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{ConnectOptions, Dialling, race};
use crate::connection::Carrier;
use crate::error::AttemptError;
use crate::path::{DirectPolicy, PathEvent, PathKind, Prefer, Transport, WhyNotDirect};
use crate::quic::{Late, Legs, Sockets, Via};
use crate::{Connection, Endpoint};

const ALPN: &[u8] = b"test/relayed/1";

/// A relay as the adapter sees it: packets go from one endpoint's adapter into the other's.
struct Wire {
    from: NodeId,
    to: Arc<Sockets>,
    up: watch::Receiver<bool>,
    sent: Arc<Mutex<BTreeSet<NodeId>>>,
}

impl Legs for Wire {
    fn send(&self, via: Via, contents: &[u8], segment_size: usize) {
        self.sent.lock().unwrap().insert(via.peer);
        if *self.up.borrow() {
            for packet in contents.chunks(segment_size) {
                self.to.relayed().deliver(via.relay, self.from, Bytes::copy_from_slice(packet));
            }
        }
    }

    fn place(&self, _: NodeId) -> Option<SocketAddr> {
        Some(SocketAddr::from(([192, 0, 2, 1], 4433)))
    }
}

fn sockets(endpoint: &Endpoint) -> Arc<Sockets> {
    Arc::clone(&endpoint.inner.quic.as_ref().unwrap().sockets)
}

struct World {
    alice: Endpoint,
    bob: Endpoint,
    relay: NodeId,
    up: watch::Sender<bool>,
    /// To whom anything was sent through the relay.
    sent: Arc<Mutex<BTreeSet<NodeId>>>,
}

impl World {
    async fn new() -> Self {
        Self::with(DirectPolicy::default()).await
    }

    /// Bob's policy.
    async fn with(direct: DirectPolicy) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let alice = Endpoint::builder().bind(loopback).build().await.unwrap();
        let bob = Endpoint::builder().bind(loopback).alpns([ALPN]).direct(direct).build().await.unwrap();
        let up = watch::Sender::new(false);
        let sent = Arc::<Mutex<BTreeSet<NodeId>>>::default();
        for (from, to) in [(&alice, &bob), (&bob, &alice)] {
            let sent = Arc::clone(&sent);
            let wire = Wire { from: from.id(), to: sockets(to), up: up.subscribe(), sent };
            sockets(from).relayed().connect(wire);
        }
        let relay = foctet_core::SecretKey::from_bytes([9; 32]).node_id();
        Self { alice, bob, relay, up, sent }
    }

    /// Dials Bob at some addresses and through the relay.
    async fn dial(&self, addrs: &[&str]) -> (Connection, Connection) {
        self.dial_preferring(addrs, Prefer::Latency).await
    }

    async fn dial_preferring(&self, addrs: &[&str], prefer: Prefer) -> (Connection, Connection) {
        let addrs: Vec<_> = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
        let dialling = Arc::new(Dialling::new(&self.alice.inner, self.bob.id(), ALPN, addrs.clone()));
        let via = Via { relay: self.relay, peer: self.bob.id() };
        let mut up = self.up.subscribe();
        let late = Late {
            addr: sockets(&self.alice).relayed().address(via).unwrap(),
            up: Box::pin(async move { up.wait_for(|up| *up).await.is_ok() }),
        };
        let dial = async {
            let contender = race::race(&self.alice.inner, &dialling, &addrs, vec![late], prefer).await;
            let connection = contender.unwrap().choose();
            crate::hello::say(&connection, crate::hello::Hello::default()).await.unwrap();
            connection
        };
        let (ours, theirs) = tokio::join!(dial, self.bob.accept());
        (ours, theirs.unwrap())
    }
}

async fn exchange(from: &Connection, to: &Connection) {
    let content = vec![7; 300_000];
    let mut send = from.open_uni().await.unwrap();
    let writing = async {
        send.write_all(&content).await.unwrap();
        send.finish().unwrap();
    };
    let reading = async { to.accept_uni().await.unwrap().read_to_end(1 << 20).await.unwrap() };
    let ((), read) = tokio::join!(writing, reading);
    assert_eq!(read, content);
}

#[tokio::test]
async fn a_peer_is_reached_through_a_relay_alone_once_that_can_be_used() {
    let world = World::new().await;
    let coming_up = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.up.send_replace(true);
    };
    let ((ours, theirs), ()) = tokio::join!(world.dial(&[]), coming_up);
    assert_eq!(theirs.remote_id(), world.alice.id());
    exchange(&ours, &theirs).await;
    exchange(&theirs, &ours).await;
    for connection in [&ours, &theirs] {
        let path = connection.paths().into_iter().find(|path| path.in_use).unwrap();
        assert_eq!((path.kind, path.relay), (PathKind::Relay, Some(world.relay)));
        assert_eq!(path.remote, "192.0.2.1:4433".parse().unwrap());
    }
}

#[tokio::test]
async fn whatever_answers_first_carries_the_connection() {
    let world = World::new().await;
    let direct = world.bob.local_addrs()[0].to_string();
    let (ours, _theirs) = world.dial(&[&direct]).await;
    assert_eq!(ours.paths()[0].kind, PathKind::Direct, "the relay is not up");

    world.up.send_replace(true);
    // Nobody answers there.
    let (ours, theirs) = world.dial(&["udp:127.0.0.9:9"]).await;
    exchange(&ours, &theirs).await;
    assert_eq!(ours.paths()[0].kind, PathKind::Relay);
}

#[tokio::test(start_paused = true)]
async fn what_stands_for_a_relayed_peer_is_no_address_that_anybody_can_name() {
    let world = World::new().await;
    world.up.send_replace(true);
    let via = Via { relay: world.relay, peer: world.bob.id() };
    let named = sockets(&world.alice).relayed().address(via).unwrap();
    let addr = NodeAddr::new(world.bob.id()).with_addrs([TransportAddr::udp(named)]);
    let options = ConnectOptions::default().prefer(Prefer::Only(Transport::Quic));
    let error = world.alice.connect_with(addr, ALPN, options).await.unwrap_err();
    assert!(matches!(error.attempts(), [attempt] if attempt.error == AttemptError::NoSocket), "{error}");
    assert!(world.sent.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn how_long_a_relay_took_to_come_up_is_no_part_of_the_grace_for_tcp() {
    let world = World::new().await;
    // It takes the connection and says nothing.
    let silent = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = TransportAddr::tcp(silent.local_addr().unwrap()).to_string();
    let begun = Instant::now();
    let coming_up = async {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        world.up.send_replace(true);
    };
    let addrs = [&*silent];
    let (_connection, ()) = tokio::join!(world.dial_preferring(&addrs, Prefer::Throughput), coming_up);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn each_side_says_why_a_connection_is_not_direct() {
    let world = World::with(DirectPolicy::Never).await;
    world.up.send_replace(true);
    let (ours, theirs) = world.dial(&[]).await;
    let both = || (ours.why_not_direct(), theirs.why_not_direct());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(both(), (Some(WhyNotDirect::PeerTakesNoPart), Some(WhyNotDirect::Forbidden)));

    let world = World::new().await;
    world.up.send_replace(true);
    let (ours, theirs) = world.dial(&[]).await;
    let both = || (ours.why_not_direct(), theirs.why_not_direct());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(both(), (Some(WhyNotDirect::NotYetAllowed), Some(WhyNotDirect::PeerTries)));
    ours.allow_direct();
    path_of_kind(&ours, PathKind::Direct).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(both(), (None, None));
}

async fn path_of_kind(connection: &Connection, kind: PathKind) {
    let open = async {
        while !connection.paths().iter().any(|path| path.kind == kind) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), open).await.expect("such a path opens");
}

fn used(connection: &Connection) -> PathKind {
    connection.paths().into_iter().find(|path| path.in_use).unwrap().kind
}

#[tokio::test(start_paused = true)]
async fn a_relayed_connection_moves_to_a_direct_path_and_keeps_the_relayed_one() {
    let world = World::new().await;
    world.up.send_replace(true);
    let (ours, theirs) = world.dial(&[]).await;
    assert_eq!(used(&ours), PathKind::Relay);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(ours.paths().len(), 1, "the dialler has not allowed it yet");
    let mut events = ours.path_events();
    ours.allow_direct();
    let selected = async {
        loop {
            if let Some(PathEvent::Selected { path, why }) = events.next().await {
                return (path.kind, why);
            }
        }
    };
    let (kind, why) = tokio::time::timeout(Duration::from_secs(10), selected).await.unwrap();
    assert_eq!((kind, &*why), (PathKind::Direct, "a direct path works"));
    exchange(&ours, &theirs).await;
    exchange(&theirs, &ours).await;
    for connection in [&ours, &theirs] {
        assert_eq!(used(connection), PathKind::Direct);
        path_of_kind(connection, PathKind::Relay).await;
    }
    // For long.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((ours.paths().len(), theirs.paths().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_direct_connection_gets_a_relayed_standby() {
    let world = World::new().await;
    let direct = world.bob.local_addrs()[0].to_string();
    let (ours, theirs) = world.dial(&[&direct]).await;
    assert_eq!(used(&ours), PathKind::Direct);
    world.up.send_replace(true);
    // The first attempt went nowhere.
    for connection in [&ours, &theirs] {
        path_of_kind(connection, PathKind::Relay).await;
        assert_eq!(used(connection), PathKind::Direct);
    }
    world.up.send_replace(false);
    exchange(&ours, &theirs).await;
    exchange(&theirs, &ours).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_where_a_peer_wants_it_before_that_may_learn_our_addresses() {
    let world = World::with(DirectPolicy::Manual).await;
    world.up.send_replace(true);
    let (ours, theirs) = world.dial(&[]).await;
    let decoy = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    decoy.set_nonblocking(true).unwrap();
    let got = || decoy.recv_from(&mut [0; 1500]).ok().map(|(_, from)| from);
    // What a hostile dialler would do, who wants to know where Bob is.
    let Carrier::Quic { connection: raw } = &ours.inner.carrier else { panic!("not over QUIC") };
    raw.add_nat_traversal_address(decoy.local_addr().unwrap()).unwrap();
    raw.initiate_nat_traversal_round().unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(got(), None);

    theirs.allow_direct();
    raw.initiate_nat_traversal_round().unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let TransportAddr::Udp(bob) = world.bob.local_addrs()[0] else { panic!("Bob has UDP first") };
    assert_eq!(got(), Some(bob));
}
