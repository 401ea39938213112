//! The relay's own comings and goings, and what it keeps to itself.

use std::net::SocketAddr;
use std::time::Duration;

use foctet_core::relay::packet::Address;
use foctet_core::relay::{CloseCode, Control, LegRole};
use foctet_relay::{Config, Relay};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{BOTH, Client, end, id, key, relay, soon};

#[tokio::test]
async fn a_relay_that_drains_tells_its_clients_and_takes_nobody_new() {
    for transport in BOTH {
        let relay = relay("").await;
        let mut stays = Client::join(&relay, 1, transport).await;
        let addr = relay.addr();
        let watch = async {
            assert_eq!(stays.frame().await, Some(Control::Draining { seconds: 1 }));
            let late = Client::hello(&addr, key(2), transport, LegRole::Traffic, None).await;
            assert_eq!(late.err(), Some(CloseCode::Draining));
            assert_eq!(end(&stays.connection).await, CloseCode::Draining);
        };
        let ((), ()) = tokio::join!(soon(relay.shutdown(Duration::from_secs(1))), watch);
    }
}

#[tokio::test]
async fn a_relay_that_was_killed_comes_back_at_its_address() {
    for transport in BOTH {
        let first = relay("").await;
        let addr = first.addr();
        let client = Client::join(&first, 1, transport).await;
        first.shutdown(Duration::ZERO).await;
        drop(first);
        assert_eq!(end(&client.connection).await, CloseCode::Draining);
        let bind = vec![SocketAddr::from(([127, 0, 0, 1], addr.port()))];
        let config = Config { bind, ..Config::default() };
        let second = Relay::start(key(255), config).await.unwrap();
        assert_eq!(second.addr(), addr);
        Client::hello(&addr, key(1), transport, LegRole::Traffic, None).await.unwrap();
    }
}

#[tokio::test]
async fn metrics_and_health_are_served_and_name_nobody() {
    const MARKER: &[u8] = b"MARKER-that-nobody-may-see";
    let relay = relay("metrics = \"127.0.0.1:0\"\n").await;
    let alice = Client::join(&relay, 1, BOTH[1]).await;
    let bob = Client::join(&relay, 2, BOTH[1]).await;
    alice.packet(Address::Peer(id(2)), MARKER);
    assert_eq!(bob.heard().await.1, MARKER);
    let addr = relay.metrics_addr().unwrap();
    let get = |request: &'static str| async move {
        let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        answer
    };
    let metrics = get("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(metrics.contains("foctet_relay_packets_total 1\n") && metrics.contains("foctet_relay_legs 2\n"));
    assert!(!metrics.contains("MARKER") && !metrics.contains(&id(1).to_string()));
    assert!(!metrics.contains("127.0.0.1"));
    assert!(get("GET /healthz HTTP/1.1\r\n\r\n").await.ends_with("ok\n"));
    assert!(get("GET /else HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 404"));
    assert!(get("POST /metrics HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 405"));
}
