//! Spliced streams: bytes, ends, resets and stops in both directions.

use foctet_core::relay::{CloseCode, Control};
use foctet_net::{ReadError, RecvStream, SendStream, WriteError};

use crate::client::{BOTH, Client, id, relay, soon};

async fn splice(from: &Client, to: &Client, peer: u8) -> [(SendStream, RecvStream); 2] {
    let (mut send, recv) = from.connection.open_bi().await.unwrap();
    send.write_all(&Control::Splice { peer: id(peer) }.encode()).await.unwrap();
    let (back, mut there) = soon(to.connection.accept_bi()).await.unwrap();
    let expected = Control::Spliced { peer: from_id(from) }.encode();
    let mut head = vec![0; expected.len()];
    soon(there.read_exact(&mut head)).await.unwrap();
    assert_eq!(head, expected);
    [(send, recv), (back, there)]
}

/// All these tests have 1 open and 2 accept.
fn from_id(_: &Client) -> foctet_core::NodeId {
    id(1)
}

#[tokio::test]
async fn bytes_and_ends_pass_in_both_directions() {
    for one in BOTH {
        for other in BOTH {
            let relay = relay("").await;
            let alice = Client::join(&relay, 1, one).await;
            let bob = Client::join(&relay, 2, other).await;
            let [(mut send, mut recv), (mut back, mut there)] = splice(&alice, &bob, 2).await;
            let much: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
            let (heard, ()) = tokio::join!(soon(there.read_to_end(usize::MAX)), async {
                send.write_all(&much).await.unwrap();
                send.finish().unwrap();
            });
            assert!(heard.unwrap() == much);
            back.write_all(b"thanks").await.unwrap();
            back.finish().unwrap();
            assert_eq!(soon(recv.read_to_end(100)).await.unwrap(), b"thanks");
        }
    }
}

#[tokio::test]
async fn resets_and_stops_pass_also_while_nothing_moves() {
    for transport in BOTH {
        let relay = relay("").await;
        let alice = Client::join(&relay, 1, transport).await;
        let bob = Client::join(&relay, 2, transport).await;
        let [(mut send, mut recv), (back, mut there)] = splice(&alice, &bob, 2).await;
        send.reset(77).unwrap();
        assert_eq!(soon(there.read(&mut [0])).await.unwrap_err(), ReadError::Reset(77));
        recv.stop(78).unwrap();
        assert_eq!(soon(back.stopped()).await.unwrap(), Some(78));
    }
}

#[tokio::test]
async fn a_leg_that_ends_is_no_end_of_its_streams() {
    for transport in BOTH {
        for opener_goes in [true, false] {
            let relay = relay("").await;
            let alice = Client::join(&relay, 1, transport).await;
            let bob = Client::join(&relay, 2, transport).await;
            let [(mut send, mut recv), (mut back, mut there)] = splice(&alice, &bob, 2).await;
            send.write_all(b"cut").await.unwrap();
            soon(there.read_exact(&mut [0; 3])).await.unwrap();
            let (mine, left) = if opener_goes { (&alice, &mut there) } else { (&bob, &mut recv) };
            mine.connection.close(0, b"");
            let cut = soon(left.read(&mut [0])).await.unwrap_err();
            assert_eq!(cut, ReadError::Reset(CloseCode::Unreachable.code()), "{transport} {opener_goes}");
            let writes = if opener_goes { &mut back } else { &mut send };
            let stopped = soon(writes.stopped()).await.unwrap();
            assert_eq!(stopped, Some(CloseCode::Unreachable.code()), "{transport} {opener_goes}");
            assert!(matches!(writes.write(b"x").await, Err(WriteError::Stopped(_))));
        }
    }
}
