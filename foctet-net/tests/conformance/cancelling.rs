use std::time::Duration;

use foctet_net::ConnectionError;
use tokio::time::timeout;

use crate::pair::{ALPN, Pair, STUCK, cancel, connect, fill};

pub async fn a_cancelled_read_loses_nothing(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    let mut buffer = [0; 8];
    for round in 0..100_u8 {
        cancel(peer_recv.read(&mut buffer)).await;
        cancel(peer_recv.read_chunk(8)).await;
        cancel(peer_recv.received_reset()).await;
        send.write_all(&[round]).await.unwrap();
        let chunk = peer_recv.read_chunk(8).await.unwrap().unwrap();
        assert_eq!(chunk, [round][..]);
    }
}

pub async fn a_cancelled_write_writes_nothing(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    let written = fill(&mut send).await;
    for _ in 0..10 {
        cancel(send.write(&[2; 100])).await;
    }
    let reading = tokio::spawn(async move {
        let read = peer_recv.read_to_end(usize::MAX).await.unwrap();
        (read.len(), read.contains(&2))
    });
    send.write_all(&[3; 10]).await.unwrap();
    send.finish().unwrap();
    assert_eq!(reading.await.unwrap(), (written + 10, false));
}

pub async fn a_cancelled_accept_loses_no_stream(pair: Pair) {
    for round in 0..20_u8 {
        cancel(pair.acceptor.accept_bi()).await;
        cancel(pair.acceptor.accept_uni()).await;
        let (mut send, _recv) = pair.dialler.open_bi().await.unwrap();
        send.write_all(&[round]).await.unwrap();
        send.finish().unwrap();
        let mut uni = pair.dialler.open_uni().await.unwrap();
        uni.write_all(&[round]).await.unwrap();
        uni.finish().unwrap();
        let (_send, mut recv) = pair.acceptor.accept_bi().await.unwrap();
        assert_eq!(recv.read_to_end(10).await.unwrap(), [round]);
        assert_eq!(pair.acceptor.accept_uni().await.unwrap().read_to_end(10).await.unwrap(), [round]);
    }
}

pub async fn a_cancelled_open_opens_nothing(pair: Pair) {
    let mut open = Vec::new();
    while let Ok(stream) = timeout(STUCK, pair.dialler.open_bi()).await {
        open.push(stream.unwrap());
        assert!(open.len() < 100_000, "nothing limits the streams");
    }
    for _ in 0..10 {
        cancel(pair.dialler.open_bi()).await;
    }
    let last = open.last().unwrap().0.id();
    // They all end, and the next is the next.
    let count = open.len();
    let ending = tokio::spawn({
        let acceptor = pair.acceptor.clone();
        async move {
            for _ in 0..count {
                let (mut send, mut recv) = acceptor.accept_bi().await.unwrap();
                recv.read_to_end(10).await.unwrap();
                send.finish().unwrap();
            }
        }
    });
    for (mut send, mut recv) in open {
        send.finish().unwrap();
        recv.read_to_end(10).await.unwrap();
    }
    ending.await.unwrap();
    let (next, _recv) = pair.dialler.open_bi().await.unwrap();
    assert_eq!(next.id().index(), last.index() + 1);
}

pub async fn a_cancelled_wait_for_datagrams_loses_none(pair: Pair) {
    for round in 0..100_u8 {
        cancel(pair.acceptor.read_datagram()).await;
        pair.dialler.send_datagram(vec![round].into()).unwrap();
        assert_eq!(pair.acceptor.read_datagram().await.unwrap(), vec![round]);
    }
}

pub async fn cancelled_waits_for_the_end_can_be_repeated(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    for _ in 0..10 {
        cancel(send.stopped()).await;
        cancel(pair.dialler.closed()).await;
        cancel(pair.acceptor.closed()).await;
    }
    peer_recv.stop(3).unwrap();
    assert_eq!(send.stopped().await.unwrap(), Some(3));
    let ((mut second, _recv), _peer) = pair.stream().await;
    second.finish().unwrap();
    let _ = timeout(Duration::ZERO, second.delivered()).await;
    second.delivered().await.unwrap();
    send.finish().ok();
    pair.acceptor.close(1, b"");
    let expected = ConnectionError::ApplicationClosed { code: 1, reason: "".into() };
    assert_eq!(pair.dialler.closed().await, expected);
}

pub async fn a_cancelled_accept_of_the_endpoint_loses_no_connection(pair: Pair) {
    for _ in 0..3 {
        cancel(pair.accepting.accept()).await;
        let (dialler, acceptor) = connect(&pair.dialling, &pair.accepting, pair.transport, ALPN).await;
        dialler.close(5, b"");
        let expected = ConnectionError::ApplicationClosed { code: 5, reason: "".into() };
        assert_eq!(acceptor.closed().await, expected);
    }
}
