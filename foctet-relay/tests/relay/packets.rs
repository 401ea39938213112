//! Packets: who gets them, and whom they are from.

use foctet_core::relay::packet::Address;
use foctet_core::relay::{CloseCode, Control};

use crate::client::{BOTH, Client, end, id, relay};

#[tokio::test]
async fn packets_pass_between_every_pair_of_transports_with_their_source_stamped() {
    for one in BOTH {
        for other in BOTH {
            let relay = relay("").await;
            let mut alice = Client::join(&relay, 1, one).await;
            let mut bob = Client::join(&relay, 2, other).await;
            alice.packet(Address::Bind(0, id(2)), b"hello");
            let (from, payload) = bob.heard().await;
            assert_eq!((from, payload.as_slice()), (Address::Bind(0, id(1)), &b"hello"[..]));
            assert_eq!(alice.frame().await, Some(Control::Bound { channel: 0 }));
            bob.say(&Control::Bound { channel: 0 }).await;
            // That confirmation and what follows it on the datagrams' own way may overtake each other.
            loop {
                alice.packet(Address::Channel(0), b"again");
                match bob.heard().await.0 {
                    Address::Channel(0) => break,
                    from => assert_eq!(from, Address::Bind(0, id(1))),
                }
            }
            // As long as any that must pass: two halves where a datagram has no room for it.
            let long: Vec<u8> = (0..1200_u32).map(|n| n as u8).collect();
            bob.packet(Address::Peer(id(1)), &long);
            assert_eq!(alice.heard().await, (Address::Bind(0, id(2)), long));
        }
    }
}

#[tokio::test]
async fn unknown_absent_and_refused_peers_look_the_same() {
    for transport in BOTH {
        let relay = relay("[access]\ntokens = [\"t\"]\n").await;
        let mut guest = Client::join(&relay, 1, transport).await;
        let other = Client::join(&relay, 2, transport).await;
        assert!(guest.welcome.unwrap().guest && other.welcome.unwrap().guest);
        let gone = Client::join(&relay, 3, transport).await;
        gone.connection.close(0, b"");
        drop(gone);
        for (peer, channel) in [(2, 0), (3, 1), (4, 2)] {
            guest.packet(Address::Bind(channel, id(peer)), b"x");
            assert_eq!(guest.frame().await, Some(Control::Bound { channel }));
            guest.signal(id(peer), b"x").await;
            let (mut send, mut recv) = guest.connection.open_bi().await.unwrap();
            send.write_all(&Control::Splice { peer: id(peer) }.encode()).await.unwrap();
            let error = recv.read(&mut [0]).await.unwrap_err();
            assert_eq!(error, foctet_net::ReadError::Reset(CloseCode::Unreachable.code()), "{peer}");
        }
    }
}

#[tokio::test]
async fn a_forged_source_cannot_be_expressed() {
    for transport in BOTH {
        let relay = relay("[limits]\nsignals_per_second = 0\n").await;
        let mut mallory = Client::join(&relay, 1, transport).await;
        let mut bob = Client::join(&relay, 2, transport).await;
        // SPLICED is what a relay says: from a client it is no protocol.
        let spliced = Control::Spliced { peer: id(3) }.encode();
        let (mut send, mut recv) = mallory.connection.open_bi().await.unwrap();
        send.write_all(&spliced).await.unwrap();
        assert!(recv.read(&mut [0]).await.is_err());
        // Whatever it names, itself included, Bob hears of Mallory or of nobody.
        for n in 0..5_000_u32 {
            let named = id((n % 3 + 1) as u8);
            mallory.signal(named, &n.to_be_bytes()).await;
            if named == id(2) {
                let Some(Control::Signal { peer, .. }) = bob.frame().await else { panic!("a signal") };
                assert_eq!(peer, id(1));
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_protocol_ends_the_leg() {
    let oversize: &[u8] = &[6, 0xff, 0xff];
    let second_hello = Control::Hello { role: foctet_core::relay::LegRole::Traffic, token: None }.encode();
    let truncated_body: &[u8] = &[3, 0, 1, 0];
    for transport in BOTH {
        for bytes in [oversize, &second_hello, truncated_body] {
            let relay = relay("").await;
            let mut client = Client::join(&relay, 1, transport).await;
            client.send.write_all(bytes).await.unwrap();
            assert_eq!(end(&client.connection).await, CloseCode::Protocol, "{bytes:?}");
        }
        for datagram in [&b""[..], &[3, 0], &[0x80, 0, 1], &[0xff; 40]] {
            let relay = relay("").await;
            let client = Client::join(&relay, 1, transport).await;
            client.connection.send_datagram(bytes::Bytes::copy_from_slice(datagram)).unwrap();
            assert_eq!(end(&client.connection).await, CloseCode::Protocol, "{datagram:?}");
        }
        // A frame that is cut short waits; one of a type that is unknown is skipped.
        let relay = relay("").await;
        let mut client = Client::join(&relay, 1, transport).await;
        client.send.write_all(&[99, 0, 2, 1, 2]).await.unwrap();
        client.packet(Address::Bind(0, id(9)), b"x");
        assert_eq!(client.frame().await, Some(Control::Bound { channel: 0 }));
        // A channel beyond those granted, or bound twice.
        client.packet(Address::Bind(0, id(8)), b"x");
        assert_eq!(end(&client.connection).await, CloseCode::Protocol);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_that_comes_with_the_end_of_a_leg_is_carried() {
    for transport in BOTH {
        let relay = relay("").await;
        let bob = Client::join(&relay, 2, transport).await;
        for n in 10..30 {
            let alice = Client::join(&relay, n, transport).await;
            let room = alice.connection.datagram_send_space();
            alice.packet(Address::Peer(id(2)), &[n]);
            while alice.connection.datagram_send_space() < room {
                tokio::task::yield_now().await;
            }
            alice.connection.close(0, b"");
            assert_eq!(bob.heard().await.1, [n], "{transport}");
        }
    }
}
