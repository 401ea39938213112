use foctet_net::{Connection, ConnectionError, ReadError, SendDatagramError, WriteError};
use tokio::time::timeout;

use crate::pair::{Pair, STUCK, fill};

fn closed_by_peer(code: u64, reason: &'static str) -> ConnectionError {
    ConnectionError::ApplicationClosed { code, reason: reason.into() }
}

async fn close_carries_code_and_reason(from: &Connection, to: &Connection) {
    assert_eq!(from.close_reason(), None);
    from.close(4242, b"so long");
    assert_eq!(from.closed().await, ConnectionError::LocallyClosed);
    assert_eq!(from.close_reason(), Some(ConnectionError::LocallyClosed));
    assert_eq!(to.closed().await, closed_by_peer(4242, "so long"));
    assert_eq!(to.close_reason(), Some(closed_by_peer(4242, "so long")));
}

pub async fn a_close_carries_code_and_reason_from_the_dialler(pair: Pair) {
    close_carries_code_and_reason(&pair.dialler, &pair.acceptor).await;
}

pub async fn a_close_carries_code_and_reason_from_the_acceptor(pair: Pair) {
    close_carries_code_and_reason(&pair.acceptor, &pair.dialler).await;
}

pub async fn a_close_ends_a_read(pair: Pair) {
    let ((_send, mut recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    let (mut buffer, mut peer_buffer) = ([0; 8], [0; 8]);
    let (near, far, ()) = tokio::join!(recv.read(&mut buffer), peer_recv.read(&mut peer_buffer), async {
        pair.dialler.close(1, b"x");
    });
    assert_eq!(near, Err(ReadError::ConnectionLost(ConnectionError::LocallyClosed)));
    assert_eq!(far, Err(ReadError::ConnectionLost(closed_by_peer(1, "x"))));
}

pub async fn a_close_ends_a_write(pair: Pair) {
    let ((mut send, _recv), (mut peer_send, _peer_recv)) = pair.stream().await;
    tokio::join!(fill(&mut send), fill(&mut peer_send));
    let (near, far, ()) = tokio::join!(send.write(b"x"), peer_send.write(b"x"), async {
        pair.dialler.close(1, b"x");
    });
    assert_eq!(near, Err(WriteError::ConnectionLost(ConnectionError::LocallyClosed)));
    assert_eq!(far, Err(WriteError::ConnectionLost(closed_by_peer(1, "x"))));
}

pub async fn a_close_ends_an_accept_and_a_wait_for_datagrams(pair: Pair) {
    let Pair { dialler, acceptor, .. } = &pair;
    let (near, far, uni, datagram, far_datagram, ()) = tokio::join!(
        async { dialler.accept_bi().await.map(|_| ()) },
        async { acceptor.accept_bi().await.map(|_| ()) },
        async { acceptor.accept_uni().await.map(|_| ()) },
        dialler.read_datagram(),
        acceptor.read_datagram(),
        async { acceptor.close(9, b"") }
    );
    assert_eq!(near, Err(closed_by_peer(9, "")));
    assert_eq!(far, Err(ConnectionError::LocallyClosed));
    assert_eq!(uni, Err(ConnectionError::LocallyClosed));
    assert_eq!(datagram, Err(closed_by_peer(9, "")));
    assert_eq!(far_datagram, Err(ConnectionError::LocallyClosed));
}

pub async fn a_close_ends_an_open_that_waits(pair: Pair) {
    let mut open = Vec::new();
    while let Ok(stream) = timeout(STUCK, pair.dialler.open_uni()).await {
        open.push(stream.unwrap());
        assert!(open.len() < 100_000, "nothing limits the streams");
    }
    let (opened, ()) = tokio::join!(async { pair.dialler.open_uni().await.map(|_| ()) }, async {
        pair.acceptor.close(2, b"enough");
    });
    assert_eq!(opened, Err(closed_by_peer(2, "enough")));
}

pub async fn what_had_arrived_is_read_after_the_peers_close(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    send.write_all(b"not finished").await.unwrap();
    let mut unseen = pair.dialler.open_uni().await.unwrap();
    unseen.write_all(b"finished, not accepted").await.unwrap();
    unseen.finish().unwrap();
    // It comes after the others, so that they have arrived when it has.
    unseen.delivered().await.unwrap();
    pair.dialler.send_datagram("datagram".into()).unwrap();
    let mut marker = pair.dialler.open_uni().await.unwrap();
    marker.finish().unwrap();
    marker.delivered().await.unwrap();
    pair.dialler.close(8, b"");
    pair.acceptor.closed().await;

    let mut buffer = [0; 100];
    let length = peer_recv.read(&mut buffer).await.unwrap().unwrap();
    assert_eq!(&buffer[..length], b"not finished");
    assert_eq!(peer_recv.read(&mut buffer).await, Err(ReadError::ConnectionLost(closed_by_peer(8, ""))));
    let mut accepted = pair.acceptor.accept_uni().await.unwrap();
    assert_eq!(accepted.read_to_end(100).await.unwrap(), b"finished, not accepted");
    assert_eq!(pair.acceptor.read_datagram().await.unwrap(), "datagram");
    assert_eq!(pair.acceptor.read_datagram().await, Err(closed_by_peer(8, "")));
}

pub async fn nothing_is_read_after_our_own_close(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    send.write_all(b"too late").await.unwrap();
    send.finish().unwrap();
    send.delivered().await.unwrap();
    let mut unseen = pair.dialler.open_uni().await.unwrap();
    unseen.finish().unwrap();
    unseen.delivered().await.unwrap();
    pair.acceptor.close(0, b"");
    let error = ConnectionError::LocallyClosed;
    assert_eq!(peer_recv.read(&mut [0; 8]).await, Err(ReadError::ConnectionLost(error.clone())));
    assert_eq!(peer_recv.read_chunk(8).await, Err(ReadError::ConnectionLost(error.clone())));
    assert_eq!(pair.acceptor.accept_uni().await.map(|_| ()), Err(error));
}

pub async fn nothing_works_after_a_close(pair: Pair) {
    let ((mut send, _recv), (mut peer_send, _peer_recv)) = pair.stream().await;
    pair.dialler.close(5, b"over");
    pair.acceptor.closed().await;
    for (connection, send, error) in [
        (&pair.dialler, &mut send, ConnectionError::LocallyClosed),
        (&pair.acceptor, &mut peer_send, closed_by_peer(5, "over")),
    ] {
        assert_eq!(connection.open_bi().await.map(|_| ()), Err(error.clone()));
        assert_eq!(connection.open_uni().await.map(|_| ()), Err(error.clone()));
        assert_eq!(
            connection.send_datagram("x".into()),
            Err(SendDatagramError::ConnectionLost(error.clone()))
        );
        assert_eq!(send.write(b"x").await, Err(WriteError::ConnectionLost(error.clone())));
        assert_eq!(send.stopped().await, Err(error.clone()));
        // Without a panic, that is all.
        send.finish().ok();
        send.reset(1).ok();
    }
}

pub async fn only_the_first_close_counts(pair: Pair) {
    pair.dialler.close(1, b"first");
    pair.dialler.close(2, b"second");
    assert_eq!(pair.acceptor.closed().await, closed_by_peer(1, "first"));
    pair.acceptor.close(3, b"late");
    assert_eq!(pair.acceptor.close_reason(), Some(closed_by_peer(1, "first")));
    assert_eq!(pair.dialler.close_reason(), Some(ConnectionError::LocallyClosed));
}

pub async fn dropping_every_handle_closes_with_code_0(pair: Pair) {
    let Pair { dialler, acceptor, dialling: _dialling, accepting: _accepting, .. } = pair;
    let another = dialler.clone();
    drop(dialler);
    assert!(timeout(STUCK, acceptor.closed()).await.is_err(), "a handle is left");
    drop(another);
    assert_eq!(acceptor.closed().await, closed_by_peer(0, ""));
}

pub async fn a_stream_keeps_its_connection_alive(pair: Pair) {
    let ((mut send, recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    let Pair { dialler, acceptor, dialling: _dialling, accepting: _accepting, .. } = pair;
    drop((dialler, recv));
    send.write_all(b"still").await.unwrap();
    peer_recv.read_exact(&mut [0; 5]).await.unwrap();
    assert_eq!(acceptor.close_reason(), None);
    send.finish().unwrap();
    send.delivered().await.unwrap();
    drop(send);
    assert_eq!(acceptor.closed().await, closed_by_peer(0, ""));
}
