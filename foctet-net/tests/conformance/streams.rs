use std::collections::HashSet;

use bytes::Bytes;
use foctet_net::{ReadExactError, ReadToEndError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::pair::{Pair, pattern};

pub async fn bytes_come_back_as_they_went(pair: Pair) {
    let echo = tokio::spawn({
        let acceptor = pair.acceptor.clone();
        async move {
            let (mut send, mut recv) = acceptor.accept_bi().await.unwrap();
            while let Some(chunk) = recv.read_chunk(usize::MAX).await.unwrap() {
                send.write_chunk(chunk).await.unwrap();
            }
            send.finish().unwrap();
            send.delivered().await.unwrap();
        }
    });
    let (mut send, mut recv) = pair.dialler.open_bi().await.unwrap();
    let sent = pattern(300_000);
    let (written, received) = tokio::join!(
        async {
            send.write_all(&sent).await.unwrap();
            send.finish().unwrap();
        },
        recv.read_to_end(usize::MAX)
    );
    let () = written;
    assert!(received.unwrap() == sent);
    echo.await.unwrap();
}

pub async fn a_finished_half_leaves_the_other_open(pair: Pair) {
    let ((mut send, mut recv), (mut peer_send, mut peer_recv)) = pair.stream().await;
    send.finish().unwrap();
    assert_eq!(peer_recv.read_to_end(10).await.unwrap(), b"");
    for word in [&b"still"[..], b"here"] {
        peer_send.write_all(word).await.unwrap();
        let mut buffer = vec![0; word.len()];
        recv.read_exact(&mut buffer).await.unwrap();
        assert_eq!(buffer, word);
    }
    peer_send.finish().unwrap();
    assert_eq!(recv.read(&mut [0; 8]).await.unwrap(), None);
}

pub async fn an_empty_stream_arrives_and_ends(pair: Pair) {
    let (mut send, mut recv) = pair.dialler.open_bi().await.unwrap();
    send.finish().unwrap();
    let (mut peer_send, mut peer_recv) = pair.acceptor.accept_bi().await.unwrap();
    assert_eq!(peer_recv.read(&mut [0; 8]).await.unwrap(), None);
    peer_send.finish().unwrap();
    assert_eq!(recv.read_to_end(0).await.unwrap(), b"");
    let mut uni = pair.dialler.open_uni().await.unwrap();
    uni.finish().unwrap();
    assert_eq!(pair.acceptor.accept_uni().await.unwrap().read_chunk(9).await.unwrap(), None);
}

pub async fn one_byte_arrives_alone(pair: Pair) {
    let mut send = pair.dialler.open_uni().await.unwrap();
    send.write_all(&[42]).await.unwrap();
    // Before the end of the stream, and with nothing after it.
    let mut recv = pair.acceptor.accept_uni().await.unwrap();
    let mut buffer = [0; 16];
    assert_eq!(recv.read(&mut buffer).await.unwrap(), Some(1));
    assert_eq!(buffer[0], 42);
    send.finish().unwrap();
    assert_eq!(recv.read(&mut buffer).await.unwrap(), None);
}

pub async fn ten_mebibytes_go_both_ways_at_once(pair: Pair) {
    const SIZE: usize = 10 << 20;
    let ((mut send, mut recv), (mut peer_send, mut peer_recv)) = pair.stream().await;
    let there = Bytes::from(pattern(SIZE));
    let back: Bytes = there.iter().rev().copied().collect();
    let (expected_there, expected_back) = (there.clone(), back.clone());
    let writing = tokio::spawn(async move {
        send.write_chunk(there).await.unwrap();
        send.finish().unwrap();
        send.delivered().await.unwrap();
    });
    let answering = tokio::spawn(async move {
        peer_send.write_all(&back).await.unwrap();
        peer_send.finish().unwrap();
        peer_send.delivered().await.unwrap();
    });
    let (there, back) = tokio::join!(peer_recv.read_to_end(SIZE), recv.read_to_end(SIZE));
    assert!(there.unwrap() == expected_there);
    assert!(back.unwrap() == expected_back);
    writing.await.unwrap();
    answering.await.unwrap();
}

pub async fn a_thousand_streams_run_in_parallel(pair: Pair) {
    const STREAMS: u32 = 1000;
    // All of them are open before one is answered.
    let mut open = Vec::new();
    for n in 0..STREAMS {
        let (mut send, recv) = pair.dialler.open_bi().await.unwrap();
        send.write_all(&n.to_be_bytes()).await.unwrap();
        open.push((n, send, recv));
    }
    let mut accepted = Vec::new();
    for _ in 0..STREAMS {
        accepted.push(pair.acceptor.accept_bi().await.unwrap());
    }
    let mut answering = JoinSet::new();
    for (mut send, mut recv) in accepted {
        answering.spawn(async move {
            let question = recv.read_to_end(100).await.unwrap();
            send.write_all(&question.repeat(1000)).await.unwrap();
            send.finish().unwrap();
        });
    }
    for (_, send, _) in &mut open {
        send.finish().unwrap();
    }
    let mut reading = JoinSet::new();
    for (n, _send, mut recv) in open {
        reading.spawn(async move {
            let answer = recv.read_to_end(10_000).await.unwrap();
            assert!(answer == n.to_be_bytes().repeat(1000));
            n
        });
    }
    let answered: HashSet<u32> = reading.join_all().await.into_iter().collect();
    assert_eq!(answered.len(), STREAMS as usize);
    answering.join_all().await;
}

pub async fn unidirectional_streams_go_from_either_side(pair: Pair) {
    for (from, to) in [(&pair.dialler, &pair.acceptor), (&pair.acceptor, &pair.dialler)] {
        let mut send = from.open_uni().await.unwrap();
        send.write_all(b"one way").await.unwrap();
        send.finish().unwrap();
        assert_eq!(to.accept_uni().await.unwrap().read_to_end(100).await.unwrap(), b"one way");
    }
    // And streams in both directions are opened from either side, too.
    let (mut send, mut recv) = pair.acceptor.open_bi().await.unwrap();
    send.write_all(b"?").await.unwrap();
    let (mut peer_send, _peer_recv) = pair.dialler.accept_bi().await.unwrap();
    peer_send.write_all(b"!").await.unwrap();
    peer_send.finish().unwrap();
    assert_eq!(recv.read_to_end(100).await.unwrap(), b"!");
}

pub async fn streams_are_accepted_in_the_order_of_their_opening(pair: Pair) {
    let mut streams = Vec::new();
    for _ in 0..20_u8 {
        streams.push(pair.dialler.open_uni().await.unwrap());
    }
    // The last one speaks first; opening it opens those before it (RFC 9000, section 2.1).
    for (n, send) in streams.iter_mut().enumerate().rev() {
        send.write_all(&[n as u8]).await.unwrap();
        send.finish().unwrap();
    }
    for n in 0..20_u8 {
        let mut recv = pair.acceptor.accept_uni().await.unwrap();
        assert_eq!(recv.read_to_end(10).await.unwrap(), [n]);
    }
}

pub async fn stream_ids_agree_on_both_sides(pair: Pair) {
    let ((send, recv), (peer_send, peer_recv)) = pair.stream().await;
    let id = send.id();
    assert_eq!((id, id, id), (recv.id(), peer_send.id(), peer_recv.id()));
    assert!(id.is_dialler_initiated() && id.is_bidirectional());
    assert_eq!(id.index(), 0);
    let (mut send, _recv) = pair.acceptor.open_bi().await.unwrap();
    send.write_all(b"!").await.unwrap();
    let (_send, recv) = pair.dialler.accept_bi().await.unwrap();
    assert_eq!(send.id(), recv.id());
    assert!(!recv.id().is_dialler_initiated());
    let mut send = pair.dialler.open_uni().await.unwrap();
    send.finish().unwrap();
    let recv = pair.acceptor.accept_uni().await.unwrap();
    assert_eq!(send.id(), recv.id());
    assert!(!recv.id().is_bidirectional());
    // The hello was the first.
    assert_eq!(recv.id().index(), 1);
}

pub async fn reading_after_the_end_gives_the_end_again(pair: Pair) {
    let mut send = pair.dialler.open_uni().await.unwrap();
    send.write_all(b"x").await.unwrap();
    send.finish().unwrap();
    let mut recv = pair.acceptor.accept_uni().await.unwrap();
    assert_eq!(recv.read_to_end(10).await.unwrap(), b"x");
    for _ in 0..2 {
        assert_eq!(recv.read(&mut [0; 4]).await.unwrap(), None);
        assert_eq!(recv.read_chunk(4).await.unwrap(), None);
        assert_eq!(AsyncReadExt::read(&mut recv, &mut [0; 4]).await.unwrap(), 0);
        assert_eq!(recv.received_reset().await.unwrap(), None);
    }
    assert!(recv.stop(1).is_err());
}

pub async fn chunks_are_no_longer_than_asked(pair: Pair) {
    let sent = Bytes::from(pattern(50_000));
    let mut send = pair.dialler.open_uni().await.unwrap();
    send.write_chunk(sent.clone()).await.unwrap();
    send.finish().unwrap();
    let mut recv = pair.acceptor.accept_uni().await.unwrap();
    let mut received = Vec::new();
    while let Some(chunk) = recv.read_chunk(777).await.unwrap() {
        assert!((1..=777).contains(&chunk.len()));
        received.extend_from_slice(&chunk);
    }
    assert!(received == sent);
}

pub async fn read_exact_tells_how_much_there_was(pair: Pair) {
    let mut send = pair.dialler.open_uni().await.unwrap();
    send.write_all(b"abc").await.unwrap();
    send.finish().unwrap();
    let mut recv = pair.acceptor.accept_uni().await.unwrap();
    assert_eq!(recv.read_exact(&mut [0; 4]).await, Err(ReadExactError::FinishedEarly(3)));
    assert_eq!(recv.read_exact(&mut []).await, Ok(()));
}

pub async fn read_to_end_keeps_to_its_limit(pair: Pair) {
    for (limit, fits) in [(999, false), (1000, true), (1001, true)] {
        let mut send = pair.dialler.open_uni().await.unwrap();
        send.write_all(&[7; 1000]).await.unwrap();
        send.finish().unwrap();
        let mut recv = pair.acceptor.accept_uni().await.unwrap();
        let read = recv.read_to_end(limit).await;
        if fits {
            assert_eq!(read.unwrap().len(), 1000);
        } else {
            assert_eq!(read, Err(ReadToEndError::TooLong { limit }));
        }
    }
}

pub async fn a_stream_works_as_async_read_and_async_write(pair: Pair) {
    let ((mut send, mut recv), (mut peer_send, mut peer_recv)) = pair.stream().await;
    let sent = pattern(200_000);
    let echo = tokio::spawn(async move {
        tokio::io::copy(&mut peer_recv, &mut peer_send).await.unwrap();
        peer_send.shutdown().await.unwrap();
        peer_send.delivered().await.unwrap();
    });
    let writing = {
        let sent = sent.clone();
        tokio::spawn(async move {
            AsyncWriteExt::write_all(&mut send, &sent).await.unwrap();
            send.flush().await.unwrap();
            send.shutdown().await.unwrap();
            // As often as one likes.
            send.shutdown().await.unwrap();
            let error = AsyncWriteExt::write(&mut send, b"more").await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::NotConnected);
        })
    };
    let mut received = Vec::new();
    AsyncReadExt::read_to_end(&mut recv, &mut received).await.unwrap();
    assert!(received == sent);
    writing.await.unwrap();
    echo.await.unwrap();
}

pub async fn priorities_are_accepted(pair: Pair) {
    for priority in [i32::MIN, -1, 0, 1, i32::MAX] {
        let mut send = pair.dialler.open_uni().await.unwrap();
        send.set_priority(priority).unwrap();
        send.write_all(&priority.to_be_bytes()).await.unwrap();
        send.finish().unwrap();
        assert!(send.set_priority(0).is_err(), "the stream is finished");
        let mut recv = pair.acceptor.accept_uni().await.unwrap();
        assert_eq!(recv.read_to_end(10).await.unwrap(), priority.to_be_bytes());
    }
}
