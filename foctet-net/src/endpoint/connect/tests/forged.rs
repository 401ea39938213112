//! Peers that name the addresses of others as their own (CASES.md, D 29). In virtual time.

use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{World, exchange, sockets};
use crate::Connection;
use crate::connection::Carrier;
use crate::path::DirectPolicy;
use crate::quic::Via;

/// What an address that never answered gets in any minute.
const MOST_PACKETS: usize = 40;

const MINUTE: Duration = Duration::from_secs(60);

/// How long it is tried.
const TRIED_FOR: Duration = Duration::from_secs(200);

/// Connections of one hostile peer at once.
const CONNECTIONS: usize = 6;

/// Somebody who never answers, and when each packet came.
struct Victim {
    socket: UdpSocket,
    came: Vec<Instant>,
}

impl Victim {
    fn new() -> Self {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, came: Vec::new() }
    }

    fn take(&mut self) {
        while self.socket.recv(&mut [0; 1500]).is_ok() {
            self.came.push(Instant::now());
        }
    }

    /// The most packets in any minute.
    fn most(&self) -> usize {
        let in_minute =
            |from: &Instant| self.came.iter().filter(|at| (*from..*from + MINUTE).contains(*at)).count();
        self.came.iter().map(in_minute).max().unwrap_or(0)
    }
}

fn raw(connection: &Connection) -> &noq::Connection {
    let Carrier::Quic { connection: raw } = &connection.inner.carrier else { panic!("not over QUIC") };
    raw
}

#[tokio::test(start_paused = true)]
async fn a_dialler_cannot_have_more_than_forty_packets_a_minute_sent_to_somebody() {
    let world = World::new().await;
    world.up.send_replace(true);
    let mut victim = Victim::new();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let (ours, theirs) = world.dial(&[]).await;
        raw(&ours).add_nat_traversal_address(victim.socket.local_addr().unwrap()).unwrap();
        connections.push((ours, theirs));
    }
    let started = Instant::now();
    while started.elapsed() < TRIED_FOR {
        for (ours, _) in &connections {
            raw(ours).initiate_nat_traversal_round().ok();
        }
        sleep(Duration::from_millis(500)).await;
        victim.take();
    }
    println!("{} packets in {TRIED_FOR:?}, {} in a minute", victim.came.len(), victim.most());
    // Without a limit it would be some nine for each of a connection's rounds.
    assert!(victim.most() >= 9, "it is not even tried");
    assert!(victim.most() <= MOST_PACKETS, "{}", victim.most());
    exchange(&connections[0].0, &connections[0].1).await;
}

#[tokio::test(start_paused = true)]
async fn an_acceptor_cannot_have_more_than_forty_packets_a_minute_sent_to_somebody() {
    let world = World::new().await;
    world.up.send_replace(true);
    let mut victim = Victim::new();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let (ours, theirs) = world.dial(&[]).await;
        ours.allow_direct();
        connections.push((ours, theirs));
    }
    let started = Instant::now();
    while started.elapsed() < TRIED_FOR {
        for (_, theirs) in &connections {
            // Again and again, so that it looks like something new.
            let victim = victim.socket.local_addr().unwrap();
            raw(theirs).remove_nat_traversal_address(victim).ok();
            raw(theirs).add_nat_traversal_address(victim).ok();
        }
        sleep(Duration::from_millis(500)).await;
        victim.take();
    }
    println!("{} packets in {TRIED_FOR:?}, {} in a minute", victim.came.len(), victim.most());
    assert!(victim.most() >= 9, "it is not even tried");
    assert!(victim.most() <= MOST_PACKETS, "{}", victim.most());
    exchange(&connections[0].0, &connections[0].1).await;
}

#[tokio::test(start_paused = true)]
async fn an_acceptor_s_addresses_are_not_used_before_the_dialler_allows_it() {
    let world = World::with(DirectPolicy::WhenAccepted).await;
    world.up.send_replace(true);
    let mut victim = Victim::new();
    let (ours, theirs) = world.dial(&[]).await;
    theirs.allow_direct();
    raw(&theirs).add_nat_traversal_address(victim.socket.local_addr().unwrap()).unwrap();
    sleep(Duration::from_secs(20)).await;
    victim.take();
    assert_eq!(victim.came.len(), 0);
    assert_eq!(ours.paths().len(), 1);
    ours.allow_direct();
    sleep(Duration::from_secs(20)).await;
    victim.take();
    assert!(!victim.came.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_peer_cannot_name_an_address_that_stands_for_somebody_behind_a_relay() {
    let world = World::new().await;
    world.up.send_replace(true);
    let third = foctet_core::SecretKey::from_bytes([77; 32]).node_id();
    // Both know a third one, at an address which nobody can guess.
    let [_, known] = [&world.alice, &world.bob].map(|endpoint| {
        sockets(endpoint).relayed().address(Via { relay: world.relay, peer: third }).unwrap()
    });
    let IpAddr::V6(known) = known.ip() else { panic!("{known}") };
    let prefix = known.to_bits() >> 64 << 64;
    let (ours, theirs) = world.dial(&[]).await;
    ours.allow_direct();
    for guess in [0, 1, u64::MAX] {
        let guess = (Ipv6Addr::from_bits(prefix | u128::from(guess)), 1).into();
        raw(&ours).add_nat_traversal_address(guess).unwrap();
        raw(&theirs).add_nat_traversal_address(guess).unwrap();
    }
    for _ in 0..4 {
        raw(&ours).initiate_nat_traversal_round().ok();
        sleep(Duration::from_secs(5)).await;
    }
    exchange(&ours, &theirs).await;
    let sent: Vec<_> = world.sent.lock().unwrap().iter().copied().collect();
    assert!(sent.contains(&world.bob.id()) && sent.contains(&world.alice.id()), "{sent:?}");
    assert_eq!(sent.len(), 2, "{sent:?}");
}
