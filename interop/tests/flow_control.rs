//! Readers that pause, windows that run out, limits that are reached. In virtual time: a writer is known to be
//! blocked because no task in the process can move.
#![forbid(unsafe_code)]

use foctet_interop::{Payload, Peer, Receiving, Sending, Settings, Way, every_way, when_nothing_moves};
use tokio::task::{JoinHandle, JoinSet};

const MEGABYTE: usize = 1_000_000;

/// A stream that both ends know of.
async fn open_and_accept(opener: &Peer, other: &Peer) -> (Sending, Receiving) {
    let mut send = opener.open_uni().await.unwrap();
    send.write_all(b"!").await.unwrap();
    let mut recv = other.accept_uni().await.unwrap();
    let mut first = [0];
    assert_eq!(recv.read(&mut first).await, Ok(Some(1)));
    (send, recv)
}

fn spawn_send(payload: Payload, mut stream: Sending) -> JoinHandle<()> {
    tokio::spawn(async move { payload.send(&mut stream).await })
}

every_way! {
    tokio::test(start_paused = true):
    a_writer_blocks_while_its_reader_pauses_and_goes_on_after,
    a_stalled_stream_leaves_its_siblings_running,
    an_exhausted_connection_window_blocks_until_something_is_read,
    both_sides_writing_at_once_with_small_windows_never_deadlock,
    the_stream_limit_blocks_opening_until_a_stream_ends,
    a_finish_behind_a_stall_arrives_after_the_last_byte,
}

async fn a_writer_blocks_while_its_reader_pauses_and_goes_on_after(way: Way) {
    let settings = Settings::default();
    let (opener, other, _wire) = way.over_memory(&settings).await;
    let payload = Payload::new(1, 10 * MEGABYTE);
    let (send, mut recv) = open_and_accept(&opener, &other).await;
    let writing = spawn_send(payload, send);

    when_nothing_moves().await;
    assert!(!writing.is_finished(), "10 MB don't fit into a window of 256 KiB");

    // Once more, with the window somewhere in the middle of the stream.
    let received = payload.expect_some(&mut recv, 0, 3 * MEGABYTE).await;
    when_nothing_moves().await;
    assert!(!writing.is_finished(), "nor do the remaining 7 MB");

    let received = payload.expect_some(&mut recv, received, usize::MAX).await;
    assert_eq!(received, 10 * MEGABYTE);
    writing.await.unwrap();
}

async fn a_stalled_stream_leaves_its_siblings_running(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    let stalled = Payload::new(1, MEGABYTE);
    let (send, mut unread) = open_and_accept(&opener, &other).await;
    let writing = spawn_send(stalled, send);
    when_nothing_moves().await;
    assert!(!writing.is_finished());

    for seed in 2..6 {
        let sibling = Payload::new(seed, 2 * MEGABYTE);
        let (mut send, mut recv) = open_and_accept(&opener, &other).await;
        tokio::join!(sibling.send(&mut send), sibling.expect(&mut recv));
    }
    assert!(!writing.is_finished(), "nobody has read the first stream yet");

    stalled.expect(&mut unread).await;
    writing.await.unwrap();
}

async fn an_exhausted_connection_window_blocks_until_something_is_read(way: Way) {
    // Two full streams exhaust the connection.
    let settings =
        Settings { stream_window: 128 * 1024, connection_window: 256 * 1024, ..Settings::default() };
    let (opener, other, _wire) = way.over_memory(&settings).await;
    let mut open = Vec::new();
    for seed in 0..3 {
        let (send, recv) = open_and_accept(&opener, &other).await;
        open.push((Payload::new(seed, MEGABYTE), send, recv));
    }
    let mut writers = Vec::new();
    let mut unread = Vec::new();
    for (payload, send, recv) in open {
        writers.push(spawn_send(payload, send));
        unread.push((payload, recv));
        when_nothing_moves().await;
    }
    assert!(writers.iter().all(|writer| !writer.is_finished()));

    // The third can only run on what reading the others gives back.
    let mut readers = JoinSet::new();
    for (payload, mut recv) in unread {
        readers.spawn(async move { payload.expect(&mut recv).await });
    }
    while let Some(read) = readers.join_next().await {
        read.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn both_sides_writing_at_once_with_small_windows_never_deadlock(way: Way) {
    let settings = Settings { stream_window: 4 * 1024, connection_window: 6 * 1024, ..Settings::default() };
    let (opener, other, _wire) = way.over_memory(&settings).await;
    let (there, back) = (Payload::new(1, MEGABYTE), Payload::new(2, MEGABYTE));
    let mut ends = Vec::new();
    for _ in 0..2 {
        let (mut send, mut recv) = opener.open_bi().await.unwrap();
        ends.push(tokio::spawn(async move {
            tokio::join!(there.send(&mut send), back.expect(&mut recv));
        }));
        let other = other.clone();
        ends.push(tokio::spawn(async move {
            let (mut send, mut recv) = other.accept_bi().await.unwrap();
            tokio::join!(back.send(&mut send), there.expect(&mut recv));
        }));
    }
    for end in ends {
        end.await.unwrap();
    }
}

async fn the_stream_limit_blocks_opening_until_a_stream_ends(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings { streams: 2, ..Settings::default() }).await;
    let mut first = opener.open_uni().await.unwrap();
    let mut second = opener.open_uni().await.unwrap();
    let waiting = opener.clone();
    let third = tokio::spawn(async move { waiting.open_uni().await.unwrap() });
    when_nothing_moves().await;
    assert!(!third.is_finished(), "the peer allows two streams");

    first.write_all(b"first").await.unwrap();
    first.finish();
    let mut recv = other.accept_uni().await.unwrap();
    assert_eq!(recv.read_to_end().await.unwrap(), b"first");
    drop(recv);
    let mut third = third.await.unwrap();

    second.write_all(b"second").await.unwrap();
    second.finish();
    third.write_all(b"third").await.unwrap();
    third.finish();
    for expected in [b"second".as_slice(), b"third"] {
        let content = other.accept_uni().await.unwrap().read_to_end().await.unwrap();
        assert_eq!(content, expected);
    }
}

async fn a_finish_behind_a_stall_arrives_after_the_last_byte(way: Way) {
    let settings = Settings { stream_window: 16 * 1024, ..Settings::default() };
    let (opener, other, _wire) = way.over_memory(&settings).await;
    // Exactly the window, then exactly the window and one byte.
    for len in [16 * 1024, 16 * 1024 + 1] {
        let payload = Payload::new(7, len);
        let writing = spawn_send(payload, opener.open_uni().await.unwrap());
        let mut recv = other.accept_uni().await.unwrap();
        when_nothing_moves().await;
        payload.expect(&mut recv).await;
        writing.await.unwrap();
    }
}
