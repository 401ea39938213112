//! Legs against a relay of a few lines, on loopback: in virtual time where waiting matters.

mod fake;
mod hidden;
mod proxy;
mod sizes;
mod spliced;

use std::time::Duration;

use bytes::Bytes;
use foctet_core::relay::{CloseCode, Control, LegRole, Limit};
use foctet_core::{NodeId, RelayAddr, RelayHost, RelayToken, SecretKey};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::{LegError, RelayState, RelayStatus, RelaysState};
use crate::quic::{Legs, Via};
use crate::{Builder, Endpoint, Transport, Transports};
use fake::{Fake, loopback};
use proxy::Proxy;

/// Generous: nothing here waits for it unless something is wrong.
const SOON: Duration = Duration::from_secs(30);

fn client() -> Builder {
    Endpoint::builder().bind(loopback()).alpns([b"test/1"])
}

async fn wait_for(endpoint: &Endpoint, what: impl FnMut(&RelaysState) -> bool) -> RelaysState {
    let mut relays = endpoint.watch_relays();
    timeout(SOON, relays.wait_for(what)).await.expect("in time").unwrap().clone()
}

fn transport(state: &RelaysState, relay: NodeId) -> Option<Transport> {
    match state.get(relay)?.state {
        RelayState::Up { transport, .. } => Some(transport),
        RelayState::Connecting { .. } => None,
    }
}

fn is_up(endpoint: &Endpoint, relay: &Fake) -> bool {
    endpoint.inner.relays.state().get(relay.id()).is_some_and(RelayStatus::is_up)
}

fn send(from: &Endpoint, through: &Fake, to: &Endpoint, packet: &[u8]) {
    from.inner.relays.send(Via { relay: through.id(), peer: to.id() }, packet, packet.len());
}

fn inbox(endpoint: &Endpoint) -> mpsc::UnboundedReceiver<(NodeId, NodeId, Bytes)> {
    let (tx, rx) = mpsc::unbounded_channel();
    endpoint.inner.relays.on_packet(move |relay, peer, packet| {
        tx.send((relay, peer, packet)).ok();
    });
    rx
}

#[tokio::test]
async fn a_leg_comes_up_over_either_transport_and_tells_what_the_relay_sees() {
    for only in [Transports::All, Transports::Only(Transport::Quic), Transports::Only(Transport::Tcp)] {
        let relay = Fake::start(only).await;
        let endpoint = client().relays([relay.addr()]).build().await.unwrap();
        timeout(SOON, endpoint.online()).await.unwrap();
        let has_udp = only.contains(Transport::Quic);
        let state =
            wait_for(&endpoint, |state| state.is_online() && (!has_udp || !state.observed_udp().is_empty()))
                .await;
        let expected = if only.contains(Transport::Tcp) { Transport::Tcp } else { Transport::Quic };
        assert_eq!(transport(&state, relay.id()), Some(expected), "{only:?}");
        if has_udp {
            let own: Vec<_> = endpoint.addr().udp().collect();
            assert_eq!(state.observed_udp(), own, "no NAT here");
        }
        assert_eq!(endpoint.addr().relays(), [relay.addr()]);
        endpoint.close().await;
    }
}

#[tokio::test]
async fn an_endpoint_of_one_transport_has_legs_over_that_alone() {
    let relay = Fake::start(Transports::All).await;
    for only in [Transport::Quic, Transport::Tcp] {
        let endpoint =
            client().relay_transports(Transports::Only(only)).relays([relay.addr()]).build().await.unwrap();
        let state = wait_for(&endpoint, RelaysState::is_online).await;
        assert_eq!(transport(&state, relay.id()), Some(only));
    }
}

#[tokio::test]
async fn the_relay_gets_the_token_and_nobody_else_does() {
    let relay = Fake::start_with(Transports::All, Some("sesame")).await;
    let token = |text: &str| Some(RelayToken::new(text).unwrap());
    let wrong = client().relays([relay.addr().with_token(token("open"))]).build().await.unwrap();
    wait_for(&wrong, |state| {
        matches!(
            state.relays.first().map(|status| &status.state),
            Some(RelayState::Connecting { last_error: Some(LegError::Closed(CloseCode::Refused)), .. })
        )
    })
    .await;
    let right = client().relays([relay.addr().with_token(token("sesame"))]).build().await.unwrap();
    timeout(SOON, right.online()).await.unwrap();
    assert_eq!(right.addr().relays(), [relay.addr()]);
    assert!(right.relays().iter().all(|status| status.addr.token().is_none()));
}

#[tokio::test]
async fn packets_pass_in_order_over_both_transports_and_long_ones_where_they_fit_whole() {
    for only in [Transport::Quic, Transport::Tcp] {
        let relay = Fake::start(Transports::Only(only)).await;
        let alice = client().relays([relay.addr()]).build().await.unwrap();
        let bob = client().relays([relay.addr()]).build().await.unwrap();
        let (mut at_alice, mut at_bob) = (inbox(&alice), inbox(&bob));
        alice.online().await;
        bob.online().await;
        let packet = |size: usize| -> Vec<u8> { (0..size).map(|n| (n % 251) as u8).collect() };
        let sizes = [1, 2, 100, 1199, 1200, 1201, 1252, 1472, 4000, 8951, 8952];
        // A leg over QUIC grows with what its path turns out to carry, but never to the longest packet: that is dropped.
        let must_pass = |size: &usize| only == Transport::Tcp || *size <= 1200;
        if only == Transport::Quic {
            send(&alice, &relay, &bob, &packet(8952));
        }
        for size in sizes.into_iter().filter(must_pass) {
            send(&alice, &relay, &bob, &packet(size));
            let (via, from, got) = timeout(SOON, at_bob.recv()).await.expect("in time").unwrap();
            assert_eq!((via, from, got.len()), (relay.id(), alice.id(), size));
            assert_eq!(got, packet(size));
            send(&bob, &relay, &alice, &got);
            let (_, from, got) = timeout(SOON, at_alice.recv()).await.expect("in time").unwrap();
            assert_eq!((from, got), (bob.id(), Bytes::from(packet(size))));
        }
        // A batch, of which the last is shorter; and what fits no leg, which is dropped.
        send(&alice, &relay, &bob, &packet(8953));
        send(&alice, &relay, &bob, &[]);
        let to = Via { relay: relay.id(), peer: bob.id() };
        alice.inner.relays.send(to, &packet(2900), 1200);
        for size in [1200, 1200, 500] {
            assert_eq!(timeout(SOON, at_bob.recv()).await.expect("in time").unwrap().2.len(), size);
        }
    }
}

#[tokio::test]
async fn a_relay_that_dies_and_comes_back_is_found_again() {
    let relay = Fake::start(Transports::All).await;
    let endpoint = client().relays([relay.addr()]).build().await.unwrap();
    timeout(SOON, endpoint.online()).await.unwrap();
    let again = relay.restart().await;
    wait_for(&endpoint, |state| !state.is_online()).await;
    timeout(SOON, endpoint.online()).await.unwrap();
    assert_eq!(endpoint.relays().len(), 1);
    drop(again);
}

#[tokio::test]
async fn a_joined_leg_ends_half_a_minute_after_its_last_use() {
    let relay = Fake::start(Transports::Only(Transport::Tcp)).await;
    let endpoint = client().build().await.unwrap();
    let relays = &endpoint.inner.relays;
    let joined = relays.join(&relay.addr()).unwrap();
    timeout(SOON, joined.up()).await.unwrap().unwrap();
    assert!(endpoint.relays().iter().all(|status| !status.home));
    assert!(endpoint.addr().relays().is_empty(), "others are not sent there");
    tokio::time::pause();
    let again = relays.join(&relay.addr()).unwrap();
    drop(joined);
    sleep(Duration::from_secs(40)).await;
    assert!(is_up(&endpoint, &relay), "somebody still needs it");
    drop(again);
    sleep(Duration::from_secs(20)).await;
    send(&endpoint, &relay, &endpoint, b"packet");
    sleep(Duration::from_secs(20)).await;
    assert!(is_up(&endpoint, &relay), "a packet was sent meanwhile");
    sleep(Duration::from_secs(45)).await;
    assert!(endpoint.relays().is_empty());
}

#[tokio::test]
async fn further_legs_are_bounded_and_unused_ones_give_way() {
    // UDP would take its time to fail.
    let endpoint = client().transports(Transports::Only(Transport::Tcp)).build().await.unwrap();
    let nowhere = |n: u8| {
        let id = SecretKey::from_bytes([n; 32]).node_id();
        RelayAddr::new(id, RelayHost::Ip([127, 0, 0, 1].into()), 1)
    };
    let relays = &endpoint.inner.relays;
    let mut joined: Vec<_> = (1..=4).map(|n| relays.join(&nowhere(n)).unwrap()).collect();
    assert!(relays.join(&nowhere(5)).is_none());
    assert!(relays.join(&nowhere(4)).is_some(), "that one is there already");
    let error = timeout(SOON, joined[0].up()).await.unwrap().unwrap_err();
    assert!(matches!(error, LegError::Connect(_)), "{error}");
    joined.remove(0);
    assert!(relays.join(&nowhere(5)).is_some());
    assert_eq!(endpoint.relays().len(), 4);
    let own = RelayAddr::new(endpoint.id(), nowhere(1).host().clone(), 1);
    assert!(relays.join(&own).is_none());
}

#[tokio::test]
async fn what_the_relay_says_of_limits_and_its_end_shows_in_the_state() {
    let relay = Fake::start(Transports::All).await;
    let endpoint = client().relays([relay.addr()]).build().await.unwrap();
    timeout(SOON, endpoint.online()).await.unwrap();
    for dropped in [3, 4] {
        relay.tell(endpoint.id(), Control::Limited { limit: Limit::Bytes, dropped });
    }
    relay.tell(endpoint.id(), Control::Draining { seconds: 30 });
    wait_for(&endpoint, |state| match state.relays[0].state {
        RelayState::Up { limited: Some(limited), draining, .. } => limited.dropped == 7 && draining,
        _ => false,
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_breaks_the_protocol_loses_the_leg() {
    let relay = Fake::start(Transports::All).await;
    let endpoint = client().relays([relay.addr()]).build().await.unwrap();
    timeout(SOON, endpoint.online()).await.unwrap();
    relay.tell(endpoint.id(), Control::Hello { role: LegRole::Traffic, token: None });
    wait_for(&endpoint, |state| {
        matches!(
            state.relays[0].state,
            RelayState::Connecting { last_error: Some(LegError::Protocol(_)), .. }
        )
    })
    .await;
    timeout(SOON, endpoint.online()).await.unwrap();
}

#[tokio::test]
async fn where_udp_is_blocked_the_leg_is_over_tcp_and_udp_is_asked_for_seldom() {
    // Its UDP port is somebody else's, who answers nothing.
    let relay = Fake::start(Transports::Only(Transport::Tcp)).await;
    let _silent = tokio::net::UdpSocket::bind(relay.socket_addr()).await.unwrap();
    let endpoint = client().relays([relay.addr()]).build().await.unwrap();
    let state = wait_for(&endpoint, RelaysState::is_online).await;
    assert_eq!(transport(&state, relay.id()), Some(Transport::Tcp));
    assert!(state.observed_udp().is_empty());
}

#[tokio::test]
async fn a_relay_that_falls_silent_is_given_up_within_twenty_seconds_and_found_again() {
    for transport in [Transport::Tcp, Transport::Quic] {
        let relay = Fake::start(Transports::Only(transport)).await;
        let proxy = Proxy::start(transport, relay.socket_addr()).await;
        let addr = RelayAddr::new(relay.id(), RelayHost::Ip(proxy.addr.ip()), proxy.addr.port());
        let endpoint =
            client().relay_transports(Transports::Only(transport)).relays([addr]).build().await.unwrap();
        timeout(SOON, endpoint.online()).await.unwrap();
        tokio::time::pause();
        // A healthy leg without traffic lives.
        sleep(Duration::from_secs(120)).await;
        assert!(endpoint.relays()[0].is_up(), "{transport}");
        proxy.swallow(true);
        let begun = Instant::now();
        let state = wait_for(&endpoint, |state| !state.is_online()).await;
        let took = begun.elapsed();
        assert!((Duration::from_secs(8)..Duration::from_secs(20)).contains(&took), "{transport}: {took:?}");
        assert!(
            matches!(
                state.relays[0].state,
                RelayState::Connecting { last_error: Some(LegError::Silent), .. }
            ),
            "{state:?}"
        );
        // However long it is away, it is asked for more often than every minute.
        sleep(Duration::from_secs(600)).await;
        proxy.swallow(false);
        let begun = Instant::now();
        timeout(Duration::from_secs(300), endpoint.online()).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60), "{transport}: {:?}", begun.elapsed());
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_leg_that_hangs_is_renewed_within_seconds_where_a_new_connection_comes_up() {
    let relay = Fake::start(Transports::Only(Transport::Tcp)).await;
    let proxy = Proxy::start(Transport::Tcp, relay.socket_addr()).await;
    let addr = RelayAddr::new(relay.id(), RelayHost::Ip(proxy.addr.ip()), proxy.addr.port());
    let only = || client().relay_transports(Transports::Only(Transport::Tcp));
    let alice = only().relays([addr]).build().await.unwrap();
    let bob = only().relays([relay.addr()]).build().await.unwrap();
    let mut at_bob = inbox(&bob);
    alice.online().await;
    bob.online().await;
    tokio::time::pause();
    proxy.hang();
    let begun = Instant::now();
    send(&alice, &relay, &bob, b"into the void");
    wait_for(&alice, |state| !state.relays[0].answers()).await;
    assert!(alice.relays()[0].is_up(), "it may still come to itself");
    wait_for(&alice, |state| state.relays[0].answers()).await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    tokio::time::resume();
    send(&alice, &relay, &bob, b"on the new leg");
    let (_, from, got) = timeout(SOON, at_bob.recv()).await.expect("in time").unwrap();
    assert_eq!((from, got), (alice.id(), Bytes::from_static(b"on the new leg")));
}

#[tokio::test]
async fn of_several_relays_two_are_homes_and_one_that_dies_is_replaced() {
    let mut relays = Vec::new();
    for _ in 0..3 {
        relays.push(Fake::start(Transports::Only(Transport::Tcp)).await);
    }
    // UDP would take its time to fail.
    let endpoint = client()
        .transports(Transports::Only(Transport::Tcp))
        .relays(relays.iter().map(Fake::addr))
        .build()
        .await
        .unwrap();
    let homes_up =
        |state: &RelaysState| state.relays.iter().filter(|relay| relay.home && relay.is_up()).count();
    wait_for(&endpoint, |state| homes_up(state) == 2).await;
    let dying = relays.remove(0);
    let id = dying.id();
    dying.endpoint.close().await;
    wait_for(&endpoint, |state| homes_up(state) == 2 && state.get(id).is_none_or(|relay| !relay.home)).await;
    let mut addr = endpoint.watch_addr();
    let moved =
        addr.wait_for(|addr| addr.relays().len() == 2 && addr.relays().iter().all(|relay| relay.id() != id));
    timeout(SOON, moved).await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_else_says_where_an_own_relay_is_but_of_others_every_address_is_tried() {
    let relay = Fake::start(Transports::Only(Transport::Tcp)).await;
    let stale = RelayAddr::new(relay.id(), relay.addr().host().clone(), 1);
    let only_tcp = || client().transports(Transports::Only(Transport::Tcp));

    let endpoint = only_tcp().relays([relay.addr()]).build().await.unwrap();
    let _joined = endpoint.inner.relays.join(&stale).unwrap();
    timeout(SOON, endpoint.online()).await.unwrap();
    assert_eq!(endpoint.addr().relays(), [relay.addr()]);

    let endpoint = only_tcp().build().await.unwrap();
    let _stale = endpoint.inner.relays.join(&stale).unwrap();
    let joined = endpoint.inner.relays.join(&relay.addr()).unwrap();
    wait_for(&endpoint, |state| state.relays[0].is_up()).await;
    joined.up().await.unwrap();
}

#[tokio::test]
async fn a_node_changes_its_own_relays_and_the_legs_to_those_before_end() {
    let mut relays = Vec::new();
    for _ in 0..4 {
        relays.push(Fake::start(Transports::Only(Transport::Tcp)).await);
    }
    let addrs: Vec<_> = relays.iter().map(Fake::addr).collect();
    // UDP would take its time to fail.
    let only_tcp = client().transports(Transports::Only(Transport::Tcp));
    let endpoint = only_tcp.relays(addrs[..3].to_vec()).build().await.unwrap();
    wait_for(&endpoint, RelaysState::is_online).await;
    let mut addr = endpoint.watch_addr();
    // From a choice to one alone, to none, and back to a choice.
    for now in [&addrs[3..], &[], &addrs[1..]] {
        endpoint.set_relays(now.to_vec());
        let told = addr.wait_for(|addr| {
            addr.relays().len() == now.len().min(2) && addr.relays().iter().all(|relay| now.contains(relay))
        });
        timeout(SOON, told).await.expect("in time").unwrap();
        if !now.is_empty() {
            timeout(SOON, endpoint.online()).await.unwrap();
        }
    }
    tokio::time::pause();
    sleep(Duration::from_secs(45)).await;
    assert!(endpoint.relays().iter().all(|status| status.home), "{:?}", endpoint.relays());
    assert_eq!(endpoint.relays().len(), 2);
    endpoint.close().await;
    endpoint.set_relays(addrs);
    assert!(endpoint.relays().is_empty());
}
