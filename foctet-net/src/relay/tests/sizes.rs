use std::sync::atomic::Ordering;

use foctet_core::NodeAddr;
use foctet_core::relay::packet::MAX_PACKET;
use tokio::time::timeout;

use super::fake::Fake;
use super::{SOON, client};
use crate::{ConnectOptions, Connection, Prefer, Transport, Transports};

/// One piece there, and its length back.
async fn exchange(from: &Connection, to: &Connection, bytes: usize) {
    let content = vec![7; bytes];
    let (mut send, mut recv) = from.open_bi().await.unwrap();
    let asking = async {
        send.write_all(&content).await.unwrap();
        send.finish().unwrap();
        recv.read_to_end(100).await.unwrap()
    };
    let answering = async {
        let (mut send, mut recv) = to.accept_bi().await.unwrap();
        let read = recv.read_to_end(bytes).await.unwrap().len();
        send.write_all(&read.to_be_bytes()).await.unwrap();
    };
    let (answer, ()) = timeout(SOON, async { tokio::join!(asking, answering) }).await.expect("in time");
    assert_eq!(answer, bytes.to_be_bytes());
}

#[tokio::test]
async fn a_relayed_path_grows_to_what_legs_over_tcp_carry_and_survives_legs_that_carry_less() {
    let relay = Fake::start(Transports::Only(Transport::Tcp)).await;
    let bob = client().relay_only(true).relays([relay.addr()]).build().await.unwrap();
    let alice = client().relay_only(true).build().await.unwrap();
    timeout(SOON, bob.online()).await.unwrap();
    let address = NodeAddr::new(bob.id()).with_relay(relay.addr());
    let over_quic = ConnectOptions::default().prefer(Prefer::Only(Transport::Quic));
    let dial = alice.connect_with(address, b"test/1", over_quic);
    let (ours, theirs) = timeout(SOON, async { tokio::join!(dial, bob.accept()) }).await.unwrap();
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    let passed = || relay.state.passed.load(Ordering::Relaxed);
    // Each exchange is at least a round trip, in which one size is tried.
    for _ in 0..100 {
        exchange(&ours, &theirs, 100_000).await;
        if passed() == MAX_PACKET {
            break;
        }
    }
    assert_eq!(passed(), MAX_PACKET);
    // As if a leg had changed to QUIC on an Ethernet.
    relay.state.longest.store(1400, Ordering::Relaxed);
    exchange(&ours, &theirs, 1_000_000).await;
    exchange(&theirs, &ours, 1_000_000).await;
    relay.state.passed.store(0, Ordering::Relaxed);
    exchange(&ours, &theirs, 1_000_000).await;
    assert!(passed() <= 1400, "what passes now is small: {}", passed());
    bob.close().await;
    alice.close().await;
}
