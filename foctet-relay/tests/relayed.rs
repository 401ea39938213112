//! Connections between two endpoints through a relay that runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops there"
)]

use std::net::SocketAddr;
use std::time::Duration;

use foctet_core::{NodeAddr, SecretKey};
use foctet_net::{Connection, Endpoint, PathKind, Transport, Transports};
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
    let options = foctet_net::ConnectOptions::default().timeout(Duration::from_secs(2));
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
