//! Each limit, and what the client that hits it is told.

use foctet_core::relay::packet::Address;
use foctet_core::relay::{CloseCode, Control, LegRole, Limit};

use crate::client::{BOTH, Client, end, id, key, relay, soon};

/// Waits until the client is told of `limit`, past what else it is told.
async fn told(client: &mut Client, limit: Limit) {
    loop {
        match client.frame().await {
            Some(Control::Limited { limit: hit, dropped }) if hit == limit => {
                assert!(dropped > 0);
                return;
            }
            Some(_) => {}
            None => panic!("the leg ended before {limit:?} was told"),
        }
    }
}

#[tokio::test]
async fn who_sends_too_much_is_told_what_limit_that_was() {
    for transport in BOTH {
        for (toml, limit) in [
            ("bytes_per_second = 10000\nbytes_burst = 2000", Limit::Bytes),
            ("packets_per_second = 2\npackets_burst = 2", Limit::Packets),
            ("pair_bytes_per_second = 10000", Limit::Pair),
            ("total_bytes_per_second = 10000", Limit::Total),
        ] {
            let relay = relay(&format!("[limits]\n{toml}\n")).await;
            let mut alice = Client::join(&relay, 1, transport).await;
            let _bob = Client::join(&relay, 2, transport).await;
            soon(async {
                // Datagrams may be lost before the relay sees them, so more than the burst are sent until it has told.
                loop {
                    alice.packet(Address::Peer(id(2)), &[0; 1000]);
                    tokio::select! {
                        biased;
                        () = told(&mut alice, limit) => break,
                        () = tokio::task::yield_now() => {}
                    }
                }
            })
            .await;
        }
    }
}

#[tokio::test]
async fn signals_and_splices_are_limited_and_told() {
    for transport in BOTH {
        let relay = relay("[limits]\nsignals_per_second = 1\nsplices = 1\n").await;
        let mut alice = Client::join(&relay, 1, transport).await;
        let bob = Client::join(&relay, 2, transport).await;
        for _ in 0..4 {
            alice.signal(id(2), b"x").await;
        }
        told(&mut alice, Limit::Signals).await;
        let splice = Control::Splice { peer: id(2) }.encode();
        let (mut first, _kept) = alice.connection.open_bi().await.unwrap();
        first.write_all(&splice).await.unwrap();
        let _taken = soon(bob.connection.accept_bi()).await.unwrap();
        let (mut second, mut recv) = alice.connection.open_bi().await.unwrap();
        second.write_all(&splice).await.ok();
        let refused = soon(recv.read(&mut [0])).await.unwrap_err();
        assert_eq!(refused, foctet_net::ReadError::Reset(CloseCode::Unreachable.code()));
        told(&mut alice, Limit::Splices).await;
    }
}

#[tokio::test]
async fn connections_are_limited_in_total_and_from_one_address() {
    for transport in BOTH {
        for toml in ["connections = 1", "connections_per_address = 1"] {
            let relay = relay(&format!("[limits]\n{toml}\n")).await;
            let first = Client::join(&relay, 1, transport).await;
            let full = Client::hello(&relay.addr(), key(2), transport, LegRole::Traffic, None).await;
            assert_eq!(full.err(), Some(CloseCode::Full), "{toml}");
            assert!(first.connection.close_reason().is_none());
        }
    }
}

#[tokio::test]
async fn channels_are_as_many_as_granted() {
    for transport in BOTH {
        let relay = relay("[limits]\nchannels = 2\n").await;
        let client = Client::join(&relay, 1, transport).await;
        assert_eq!(client.welcome.unwrap().max_channels, 2);
        client.packet(Address::Bind(2, id(2)), b"x");
        assert_eq!(end(&client.connection).await, CloseCode::Protocol);
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_bounded_and_then_closed() {
    for transport in BOTH {
        let relay = relay("").await;
        let mut alice = Client::join(&relay, 1, transport).await;
        let addr = relay.addr();
        // On a thread of its own, whose network stands still while it waits for the end of the test.
        let (joined_tx, joined) = tokio::sync::oneshot::channel();
        let (over, until_over) = std::sync::mpsc::channel::<()>();
        let stuck = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let _bob = Client::hello(&addr, key(2), transport, LegRole::Traffic, None).await.unwrap();
                joined_tx.send(()).unwrap();
                until_over.recv().ok();
            });
        });
        soon(joined).await.unwrap();
        let mut was_told = false;
        println!("{transport}");
        soon(async {
            while !relay.metrics().to_text().contains("foctet_relay_stalled_total 1\n") {
                alice.packet(Address::Peer(id(2)), &[0; 1100]);
                tokio::select! {
                    biased;
                    () = told(&mut alice, Limit::Queue), if !was_told => was_told = true,
                    () = tokio::task::yield_now() => {}
                }
            }
        })
        .await;
        assert!(was_told, "{transport}");
        assert!(alice.connection.close_reason().is_none(), "who sends to it is not to blame");
        over.send(()).ok();
        stuck.join().unwrap();
    }
}

#[tokio::test]
async fn limits_that_are_reloaded_hold_for_those_who_are_here() {
    for transport in BOTH {
        for (toml, limit) in [
            ("bytes_per_second = 10000\nbytes_burst = 2000", Limit::Bytes),
            ("packets_per_second = 2\npackets_burst = 2", Limit::Packets),
            ("pair_bytes_per_second = 10000", Limit::Pair),
            ("total_bytes_per_second = 10000", Limit::Total),
        ] {
            let relay = relay("").await;
            let mut alice = Client::join(&relay, 1, transport).await;
            let _bob = Client::join(&relay, 2, transport).await;
            let stricter = foctet_relay::Config::parse(&format!("[limits]\n{toml}\n")).unwrap();
            relay.reload(&stricter).unwrap();
            soon(async {
                loop {
                    alice.packet(Address::Peer(id(2)), &[0; 1000]);
                    tokio::select! {
                        biased;
                        () = told(&mut alice, limit) => break,
                        () = tokio::task::yield_now() => {}
                    }
                }
            })
            .await;
        }
    }
}
