//! Streams that end early, from either side, and the credit that comes back from them.
#![forbid(unsafe_code)]

use foctet_interop::{Payload, Settings, StreamEnded, Way, every_way, when_nothing_moves};

every_way! {
    tokio::test(start_paused = true):
    a_reset_arrives_with_its_code,
    a_reset_in_one_direction_leaves_the_other,
    a_stop_sending_arrives_with_its_code,
    a_stop_sending_wakes_a_blocked_writer,
    a_dropped_receiver_stops_its_sender,
    resets_give_back_the_connection_window_they_used,
    a_thousand_resets_leave_the_connection_usable,
    a_thousand_stops_leave_the_connection_usable,
}

/// Fits no 32-bit signed number and no 30-bit varint: the widest code that both libraries can carry.
const CODE: u32 = u32::MAX - 1;

async fn a_reset_arrives_with_its_code(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    let mut send = opener.open_uni().await.unwrap();
    send.write_all(b"half of it").await.unwrap();
    let mut recv = other.accept_uni().await.unwrap();
    let mut buffer = [0; 10];
    assert_eq!(recv.read(&mut buffer).await, Ok(Some(10)));
    send.reset(CODE);
    assert_eq!(recv.read(&mut buffer).await, Err(StreamEnded::Reset(CODE.into())));
}

async fn a_reset_in_one_direction_leaves_the_other(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    let (mut send, mut recv) = opener.open_bi().await.unwrap();
    send.write_all(b"?").await.unwrap();
    let (mut back, mut there) = other.accept_bi().await.unwrap();
    assert_eq!(there.read(&mut [0]).await, Ok(Some(1)));
    send.reset(7);
    assert_eq!(there.read_to_end().await, Err(StreamEnded::Reset(7)));
    let answer = Payload::new(1, 1_000_000);
    tokio::join!(answer.send(&mut back), answer.expect(&mut recv));
}

async fn a_stop_sending_arrives_with_its_code(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    let mut send = opener.open_uni().await.unwrap();
    send.write_all(b"too much").await.unwrap();
    let mut recv = other.accept_uni().await.unwrap();
    assert_eq!(recv.read(&mut [0; 8]).await, Ok(Some(8)));
    recv.stop(CODE);
    assert_eq!(send.stopped().await, Some(CODE.into()));
    assert_eq!(send.write_all(b"more").await, Err(StreamEnded::Stopped(CODE.into())));
}

async fn a_stop_sending_wakes_a_blocked_writer(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    let mut send = opener.open_uni().await.unwrap();
    let writing = tokio::spawn(async move { Payload::new(1, 10_000_000).write(&mut send).await });
    let mut recv = other.accept_uni().await.unwrap();
    when_nothing_moves().await;
    assert!(!writing.is_finished());
    recv.stop(9);
    assert_eq!(writing.await.unwrap(), Err(StreamEnded::Stopped(9)));
}

async fn a_dropped_receiver_stops_its_sender(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    let mut send = opener.open_uni().await.unwrap();
    send.write_all(b"unwanted").await.unwrap();
    drop(other.accept_uni().await.unwrap());
    assert_eq!(send.stopped().await, Some(0));
}

async fn resets_give_back_the_connection_window_they_used(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    // In total ten times the connection's window.
    for seed in 0..50 {
        let mut send = opener.open_uni().await.unwrap();
        let partial = Payload::new(seed, 200_000);
        let mut recv = tokio::join!(partial.write(&mut send), async {
            let mut recv = other.accept_uni().await.unwrap();
            assert_eq!(partial.expect_some(&mut recv, 0, 200_000).await, 200_000);
            recv
        })
        .1;
        send.reset(1);
        assert_eq!(recv.read(&mut [0]).await, Err(StreamEnded::Reset(1)));
    }
    let whole = Payload::new(99, 2_000_000);
    tokio::join!(async { whole.send(&mut opener.open_uni().await.unwrap()).await }, async {
        whole.expect(&mut other.accept_uni().await.unwrap()).await;
    });
}

async fn a_thousand_resets_leave_the_connection_usable(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    let accepting = tokio::spawn(async move {
        loop {
            // A stream of which nothing but its reset was sent need not be shown.
            match other.accept_uni().await.unwrap().read_to_end().await {
                Ok(content) => return content,
                Err(ended) => assert_eq!(ended, StreamEnded::Reset(2)),
            }
        }
    });
    for _ in 0..1_000 {
        let mut send = opener.open_uni().await.unwrap();
        send.write_all(b"never mind").await.unwrap();
        send.reset(2);
    }
    let mut send = opener.open_uni().await.unwrap();
    send.write_all(b"this one").await.unwrap();
    send.finish();
    assert_eq!(accepting.await.unwrap(), b"this one");
}

async fn a_thousand_stops_leave_the_connection_usable(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    for _ in 0..1_000 {
        let (mut send, recv) = opener.open_bi().await.unwrap();
        send.write_all(b"?").await.unwrap();
        let (back, mut there) = other.accept_bi().await.unwrap();
        assert_eq!(there.read(&mut [0]).await, Ok(Some(1)));
        there.stop(3);
        assert_eq!(send.stopped().await, Some(3));
        drop((back, recv));
    }
    opener.open_uni().await.unwrap().finish();
    assert_eq!(other.accept_uni().await.unwrap().read_to_end().await, Ok(Vec::new()));
}
