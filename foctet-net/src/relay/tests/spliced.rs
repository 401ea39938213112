use std::time::Duration;

use foctet_core::relay::CloseCode;
use foctet_core::{NodeAddr, RelayAddr};
use tokio::time::timeout;

use super::fake::{Fake, loopback};
use super::{SOON, client};
use crate::{
    AttemptError, ConnectError, ConnectOptions, Connection, Endpoint, LegError, PathKind, Place, Prefer,
    Transport, Transports,
};

const ALPN: &[u8] = b"test/1";

fn over_tcp() -> ConnectOptions {
    ConnectOptions::default().prefer(Prefer::Only(Transport::Tcp))
}

/// As somebody who knows of the node no more than its relay.
fn behind(endpoint: &Endpoint, relay: &RelayAddr) -> NodeAddr {
    NodeAddr::new(endpoint.id()).with_relay(relay.clone())
}

async fn exchange(from: &Connection, to: &Connection) {
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 253) as u8).collect();
    let (mut send, _recv) = from.open_bi().await.unwrap();
    let writing = async {
        send.write_all(&content).await.unwrap();
        send.finish().unwrap();
        send.delivered().await.unwrap();
    };
    let reading = async {
        let (_send, mut recv) = to.accept_bi().await.unwrap();
        recv.read_to_end(content.len()).await.unwrap()
    };
    let ((), read) = tokio::join!(writing, reading);
    assert!(read == content);
}

#[tokio::test]
async fn a_connection_over_a_spliced_stream_is_like_any_other() {
    for legs in [Transport::Tcp, Transport::Quic] {
        let relay = Fake::start(Transports::Only(legs)).await;
        let bob = client().relays([relay.addr()]).build().await.unwrap();
        let alice = client().build().await.unwrap();
        bob.online().await;
        let dial = alice.connect_with(behind(&bob, &relay.addr()), ALPN, over_tcp());
        let (ours, theirs) = timeout(SOON, async { tokio::join!(dial, bob.accept()) }).await.unwrap();
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        assert_eq!((ours.remote_id(), theirs.remote_id()), (bob.id(), alice.id()));
        exchange(&ours, &theirs).await;
        exchange(&theirs, &ours).await;
        for connection in [&ours, &theirs] {
            let path = &connection.paths()[0];
            assert_eq!((path.kind, path.transport), (PathKind::Relay, Transport::Tcp));
            assert_eq!((path.relay, path.remote), (Some(relay.id()), relay.socket_addr()));
            assert!(path.rtt > Duration::ZERO);
        }
        bob.close().await;
        assert!(matches!(ours.closed().await, crate::ConnectionError::ApplicationClosed { code: 0, .. }));
    }
}

#[tokio::test]
async fn a_relay_cannot_pass_one_node_off_as_another() {
    let relay = Fake::start(Transports::All).await;
    let bob = client().relays([relay.addr()]).build().await.unwrap();
    let mallory = client().relays([relay.addr()]).build().await.unwrap();
    let alice = client().relays([relay.addr()]).build().await.unwrap();
    for endpoint in [&alice, &bob, &mallory] {
        endpoint.online().await;
    }
    *relay.state.misleads_to.lock().unwrap() = Some(mallory.id());
    let dial = alice.connect_with(behind(&bob, &relay.addr()), ALPN, over_tcp());
    let error = timeout(SOON, dial).await.unwrap().unwrap_err();
    assert_eq!(error, ConnectError::WrongIdentity { expected: bob.id(), got: mallory.id() });
}

#[tokio::test]
async fn a_peer_that_the_relay_does_not_know_is_told_from_a_relay_that_is_away() {
    let relay = Fake::start(Transports::Only(Transport::Tcp)).await;
    // UDP would take its time to fail.
    let alice = client().transports(Transports::Only(Transport::Tcp)).build().await.unwrap();
    let bob = client().build().await.unwrap();
    let attempt = async |relay: &RelayAddr| {
        let dial = alice.connect_with(behind(&bob, relay), ALPN, over_tcp());
        let error = timeout(SOON, dial).await.unwrap().unwrap_err();
        let attempts = error.attempts().to_vec();
        assert_eq!(attempts[0].at, Place::Relay(relay.clone()), "{error}");
        attempts[0].error.clone()
    };
    let unknown = attempt(&relay.addr()).await;
    assert_eq!(unknown, AttemptError::Relay(LegError::Closed(CloseCode::Unreachable)));
    let dead = Endpoint::builder().bind(loopback()).build().await.unwrap();
    let nowhere = RelayAddr::new(dead.id(), relay.addr().host().clone(), 1);
    let away = attempt(&nowhere).await;
    assert!(matches!(away, AttemptError::Relay(LegError::Connect(_))), "{away}");
}

#[tokio::test(start_paused = true)]
async fn a_dial_over_quic_alone_says_what_was_wrong_with_the_relay() {
    let dead = Endpoint::builder().bind(loopback()).build().await.unwrap();
    let relay = Fake::start(Transports::All).await;
    let nowhere = RelayAddr::new(dead.id(), relay.addr().host().clone(), 1);
    let alice = client().build().await.unwrap();
    let options = ConnectOptions::default().prefer(Prefer::Only(Transport::Quic));
    let error = alice.connect_with(behind(&dead, &nowhere), ALPN, options).await.unwrap_err();
    let [attempt] = error.attempts() else { panic!("{error:?}") };
    assert_eq!(attempt.at, Place::Relay(nowhere));
    let AttemptError::Relay(LegError::Connect(_) | LegError::TimedOut) = attempt.error else {
        panic!("{error:?}");
    };
    // A relay that is there, and a peer that is not.
    let error = alice.connect_with(behind(&dead, &relay.addr()), ALPN, options).await.unwrap_err();
    let [attempt] = error.attempts() else { panic!("{error:?}") };
    assert_eq!((&attempt.at, &attempt.error), (&Place::Relay(relay.addr()), &AttemptError::TimedOut));
}

#[tokio::test]
async fn what_is_refused_directly_is_refused_through_a_relay() {
    let relay = Fake::start(Transports::All).await;
    let bob = client().authorize(|_| false).relays([relay.addr()]).build().await.unwrap();
    let alice = client().build().await.unwrap();
    bob.online().await;
    let dial = alice.connect_with(behind(&bob, &relay.addr()), ALPN, over_tcp());
    assert_eq!(timeout(SOON, dial).await.unwrap().unwrap_err(), ConnectError::Refused);
}

#[tokio::test]
async fn with_relays_only_no_address_is_told_and_none_is_dialled() {
    let relay = Fake::start(Transports::All).await;
    let bob = client().relays([relay.addr()]).relay_only(true).build().await.unwrap();
    let alice = client().relay_only(true).build().await.unwrap();
    assert_eq!(bob.addr().relays(), [relay.addr()], "before one is up, the configured ones");
    bob.online().await;
    assert!(bob.addr().addrs().len() == 0, "{:?}", bob.addr());
    // A true address of Bob's, had anybody told it.
    let addr = bob.addr().with_addrs(bob.local_addrs());
    let dial = alice.connect_with(addr, ALPN, over_tcp());
    let (ours, theirs) = timeout(SOON, async { tokio::join!(dial, bob.accept()) }).await.unwrap();
    assert_eq!(ours.unwrap().paths()[0].kind, PathKind::Relay);
    drop(theirs);
    let carol = client().build().await.unwrap();
    let direct = NodeAddr::new(bob.id()).with_addrs(bob.local_addrs());
    let error = timeout(SOON, carol.connect_with(direct, ALPN, over_tcp())).await.unwrap().unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. } | ConnectError::NoAddresses), "{error}");
}
