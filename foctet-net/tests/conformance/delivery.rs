use foctet_net::{ConnectionError, WriteError};

use crate::pair::{Pair, fill, pattern};

/// Less than any window, so that it can be delivered without being read.
const SIZE: usize = 1 << 19;

pub async fn delivered_means_that_the_peer_can_still_read_it_all(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    let sent = pattern(SIZE);
    send.write_all(&sent).await.unwrap();
    send.finish().unwrap();
    send.delivered().await.unwrap();
    // Again is no harm.
    send.delivered().await.unwrap();
    assert_eq!(send.stopped().await.unwrap(), None);
    pair.dialler.close(3, b"done");
    // Once the close has arrived, everything is still there, the end of the stream included.
    pair.acceptor.closed().await;
    assert!(peer_recv.read_to_end(SIZE).await.unwrap() == sent);
}

pub async fn delivered_needs_a_finished_stream(pair: Pair) {
    let ((mut send, _recv), _peer) = pair.stream().await;
    assert_eq!(send.delivered().await, Err(WriteError::NotFinished));
    send.reset(0).unwrap();
    assert_eq!(send.delivered().await, Err(WriteError::ClosedStream));
}

pub async fn delivered_fails_when_the_peer_stops_or_is_gone(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    peer_recv.stop(6).unwrap();
    assert_eq!(send.stopped().await.unwrap(), Some(6));
    send.finish().unwrap();
    assert_eq!(send.delivered().await, Err(WriteError::Stopped(6)));

    let ((mut send, _recv), _peer) = pair.stream().await;
    // More than is taken without a reader, so that it cannot have been delivered.
    fill(&mut send).await;
    send.finish().unwrap();
    let gone = async {
        pair.acceptor.close(7, b"bye");
    };
    let (delivered, ()) = tokio::join!(send.delivered(), gone);
    let expected = ConnectionError::ApplicationClosed { code: 7, reason: "bye".into() };
    assert_eq!(delivered, Err(WriteError::ConnectionLost(expected.clone())));
    assert_eq!(send.stopped().await, Err(expected));
}

pub async fn closing_an_endpoint_delivers_what_was_finished(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    let sent = pattern(SIZE);
    send.write_all(&sent).await.unwrap();
    send.finish().unwrap();
    let mut empty = pair.dialler.open_uni().await.unwrap();
    empty.finish().unwrap();
    pair.dialling.close().await;
    assert_eq!(pair.dialler.close_reason(), Some(ConnectionError::LocallyClosed));
    assert!(peer_recv.read_to_end(SIZE).await.unwrap() == sent);
    assert_eq!(pair.acceptor.accept_uni().await.unwrap().read_to_end(0).await.unwrap(), b"");
    let reason = pair.acceptor.closed().await;
    assert_eq!(reason, ConnectionError::ApplicationClosed { code: 0, reason: "endpoint closed".into() });
}

pub async fn closing_an_endpoint_delivers_what_dropped_streams_had(pair: Pair) {
    let sent = pattern(SIZE);
    for _ in 0..100 {
        let mut send = pair.acceptor.open_uni().await.unwrap();
        send.write_all(&sent[..10_000]).await.unwrap();
    }
    pair.accepting.close().await;
    for _ in 0..100 {
        let mut recv = pair.dialler.accept_uni().await.unwrap();
        assert!(recv.read_to_end(SIZE).await.unwrap() == sent[..10_000]);
    }
}
