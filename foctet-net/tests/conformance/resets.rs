use foctet_net::{ClosedStream, MAX_CODE, ReadError, WriteError};
use tokio::io::AsyncWriteExt;

use crate::pair::{Pair, fill};

pub async fn a_reset_carries_its_code_either_way(pair: Pair) {
    let ((mut send, mut recv), (mut peer_send, mut peer_recv)) = pair.stream().await;
    send.reset(17).unwrap();
    assert_eq!(peer_recv.read(&mut [0; 4]).await, Err(ReadError::Reset(17)));
    peer_send.reset(18).unwrap();
    assert_eq!(recv.read_chunk(4).await, Err(ReadError::Reset(18)));
}

pub async fn the_largest_code_survives_and_larger_ones_are_cut_to_it(pair: Pair) {
    for (code, expected) in [(0, 0), (MAX_CODE, MAX_CODE), (u64::MAX, MAX_CODE)] {
        let ((mut send, mut recv), (peer_send, mut peer_recv)) = pair.stream().await;
        send.reset(code).unwrap();
        assert_eq!(peer_recv.read(&mut [0; 4]).await, Err(ReadError::Reset(expected)));
        recv.stop(code).unwrap();
        assert_eq!(peer_send.stopped().await.unwrap(), Some(expected));
    }
    pair.dialler.close(u64::MAX, b"");
    let error = pair.acceptor.closed().await;
    assert!(
        matches!(error, foctet_net::ConnectionError::ApplicationClosed { code: MAX_CODE, .. }),
        "{error:?}"
    );
}

pub async fn a_stop_carries_its_code_either_way(pair: Pair) {
    let ((mut send, mut recv), (mut peer_send, mut peer_recv)) = pair.stream().await;
    peer_recv.stop(27).unwrap();
    assert_eq!(send.stopped().await.unwrap(), Some(27));
    assert_eq!(send.write(b"more").await, Err(WriteError::Stopped(27)));
    let error = AsyncWriteExt::write(&mut send, b"more").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    assert_eq!(peer_recv.read(&mut [0; 4]).await, Err(ReadError::ClosedStream));
    recv.stop(28).unwrap();
    assert_eq!(peer_send.stopped().await.unwrap(), Some(28));
    assert_eq!(peer_send.write_all(b"more").await, Err(WriteError::Stopped(28)));
}

pub async fn a_reset_of_one_half_leaves_the_other_open(pair: Pair) {
    let ((mut send, mut recv), (mut peer_send, mut peer_recv)) = pair.stream().await;
    send.reset(1).unwrap();
    assert_eq!(peer_recv.read(&mut [0; 4]).await, Err(ReadError::Reset(1)));
    peer_send.write_all(b"still here").await.unwrap();
    peer_send.finish().unwrap();
    assert_eq!(recv.read_to_end(100).await.unwrap(), b"still here");
}

pub async fn a_reset_after_finish_still_abandons_what_is_on_its_way(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    // More than the peer's window takes, so that the end cannot have been sent.
    fill(&mut send).await;
    send.finish().unwrap();
    send.reset(5).unwrap();
    assert_eq!(send.reset(6), Err(ClosedStream));
    let error = loop {
        match peer_recv.read_chunk(usize::MAX).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the end of an abandoned stream"),
            Err(error) => break error,
        }
    };
    assert_eq!(error, ReadError::Reset(5));
}

pub async fn a_stop_after_finish_hangs_nobody(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    send.write_all(b"unwanted").await.unwrap();
    send.finish().unwrap();
    peer_recv.stop(4).unwrap();
    // Whether the data or the stop was faster is open.
    match send.delivered().await {
        Ok(()) | Err(WriteError::Stopped(4)) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(peer_recv.read(&mut [0; 8]).await, Err(ReadError::ClosedStream));
}

pub async fn a_closed_half_stays_closed(pair: Pair) {
    let ((mut send, _recv), (mut peer_send, mut peer_recv)) = pair.stream().await;
    send.finish().unwrap();
    assert_eq!(send.finish(), Err(ClosedStream));
    assert_eq!(send.write(b"x").await, Err(WriteError::ClosedStream));
    assert_eq!(send.write_chunk("x".into()).await, Err(WriteError::ClosedStream));
    peer_send.reset(1).unwrap();
    assert_eq!(peer_send.reset(1), Err(ClosedStream));
    assert_eq!(peer_send.finish(), Err(ClosedStream));
    assert_eq!(peer_send.write(b"x").await, Err(WriteError::ClosedStream));
    peer_recv.stop(1).unwrap();
    assert_eq!(peer_recv.stop(1), Err(ClosedStream));
    assert_eq!(peer_recv.read_chunk(1).await, Err(ReadError::ClosedStream));
    assert_eq!(peer_recv.received_reset().await, Ok(None));
}

pub async fn a_reset_is_seen_without_reading(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    send.write_all(&[1; 100]).await.unwrap();
    send.reset(9).unwrap();
    assert_eq!(peer_recv.received_reset().await, Ok(Some(9)));
    assert_eq!(peer_recv.received_reset().await, Ok(Some(9)));
    assert_eq!(peer_recv.read(&mut [0; 4]).await, Err(ReadError::Reset(9)));
}

pub async fn a_reset_stays_once_it_was_read(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    send.reset(9).unwrap();
    for _ in 0..3 {
        assert_eq!(peer_recv.read(&mut [0; 4]).await, Err(ReadError::Reset(9)));
        assert_eq!(peer_recv.read_chunk(4).await, Err(ReadError::Reset(9)));
    }
    assert_eq!(peer_recv.stop(1), Err(ClosedStream));
}

pub async fn a_dropped_sender_finishes_its_stream(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    send.write_all(b"last words").await.unwrap();
    drop(send);
    assert_eq!(peer_recv.read_to_end(100).await.unwrap(), b"last words");
}

pub async fn a_dropped_receiver_stops_its_stream_with_code_0(pair: Pair) {
    let ((mut send, _recv), (_peer_send, peer_recv)) = pair.stream().await;
    drop(peer_recv);
    assert_eq!(send.stopped().await.unwrap(), Some(0));
    assert_eq!(send.write(b"x").await, Err(WriteError::Stopped(0)));
}
