//! What an endpoint says of where it is.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

use std::net::SocketAddr;

use foctet_core::{SecretKey, TransportAddr};
use foctet_net::{ConnectOptions, Endpoint, Prefer, Transport, Transports};

const ALPN: &[u8] = b"addresses/1";

#[tokio::test]
async fn a_wildcard_endpoint_is_reached_at_every_address_that_it_names() {
    let accepting = Endpoint::builder().alpns([ALPN]).build().await.unwrap();
    let dialling = Endpoint::builder().build().await.unwrap();
    let addr = accepting.addr();
    assert!(!addr.is_empty(), "even a machine that has loopback alone is somewhere");
    assert!(addr.addrs().all(|addr| addr.is_dialable() && !addr.is_link_local_v6()));
    assert_eq!(addr.udp().collect::<Vec<_>>(), addr.tcp().collect::<Vec<_>>());
    let port = accepting.local_addrs()[0].socket_addr().port();
    assert!(addr.addrs().all(|addr| addr.socket_addr().port() == port));
    let (dialler, acceptor) = tokio::join!(dialling.connect(addr, ALPN), accepting.accept());
    assert_eq!(dialler.unwrap().remote_id(), accepting.id());
    assert_eq!(acceptor.unwrap().remote_id(), dialling.id());
}

#[tokio::test]
async fn an_endpoint_bound_to_loopback_names_that() {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let key = SecretKey::from_bytes([5; 32]);
    let id = key.node_id();
    let endpoint = Endpoint::builder().secret_key(key).alpns([ALPN]).bind(loopback).build().await.unwrap();
    assert_eq!(endpoint.id(), id);
    assert_eq!(endpoint.addr().id(), id);
    let local = endpoint.local_addrs();
    assert_eq!(endpoint.addr().addrs().collect::<Vec<_>>(), local);
    assert!(
        matches!(local[..], [TransportAddr::Udp(udp), TransportAddr::Tcp(tcp)] if udp == tcp),
        "{local:?}"
    );
}

#[tokio::test]
async fn only_the_transports_that_are_on_are_named() {
    for only in [Transport::Quic, Transport::Tcp] {
        let endpoint =
            Endpoint::builder().alpns([ALPN]).transports(Transports::Only(only)).build().await.unwrap();
        let addr = endpoint.addr();
        assert_eq!(addr.udp().count() > 0, only == Transport::Quic);
        assert_eq!(addr.tcp().count() > 0, only == Transport::Tcp);
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_change_is_not_published_again() {
    let endpoint = Endpoint::builder().alpns([ALPN]).build().await.unwrap();
    let mut addr = endpoint.watch_addr();
    assert_eq!(*addr.borrow_and_update(), endpoint.addr());
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(!addr.has_changed().unwrap());
    endpoint.close().await;
}

#[tokio::test]
async fn ipv6_is_spoken_where_the_machine_has_it() {
    let v6: SocketAddr = "[::1]:0".parse().unwrap();
    let Ok(accepting) = Endpoint::builder().alpns([ALPN]).bind(v6).build().await else {
        // The machine has none, which the other tests show to be no obstacle.
        return;
    };
    let both = Endpoint::builder().build().await.unwrap();
    for transport in [Transport::Quic, Transport::Tcp] {
        let options = ConnectOptions::default().prefer(Prefer::Only(transport));
        let (dialler, acceptor) =
            tokio::join!(both.connect_with(accepting.addr(), ALPN, options), accepting.accept());
        let (dialler, acceptor) = (dialler.unwrap(), acceptor.unwrap());
        assert!(dialler.remote_address().is_ipv6() && acceptor.remote_address().is_ipv6());
        assert_eq!(dialler.transport(), transport);
    }
}
