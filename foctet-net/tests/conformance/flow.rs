use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::pair::{ENOUGH, Pair, STUCK, fill, pattern};

pub async fn a_reader_that_stops_holds_up_its_writer(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    let written = fill(&mut send).await;
    // The reader goes on, and so does the writer.
    let reading = tokio::spawn(async move { peer_recv.read_to_end(ENOUGH).await.unwrap().len() });
    send.write_all(&[4; 1000]).await.unwrap();
    send.finish().unwrap();
    send.delivered().await.unwrap();
    assert_eq!(reading.await.unwrap(), written + 1000);
}

pub async fn a_stalled_stream_does_not_stall_its_siblings(pair: Pair) {
    let ((mut stalled, _recv), (_peer_send, _peer_recv)) = pair.stream().await;
    fill(&mut stalled).await;
    let ((mut send, mut recv), (mut peer_send, mut peer_recv)) = pair.stream().await;
    let sent = pattern(3 << 20);
    let expected = sent.clone();
    let writing = tokio::spawn(async move {
        send.write_all(&sent).await.unwrap();
        send.finish().unwrap();
    });
    assert!(peer_recv.read_to_end(4 << 20).await.unwrap() == expected);
    writing.await.unwrap();
    peer_send.write_all(b"and back").await.unwrap();
    peer_send.finish().unwrap();
    assert_eq!(recv.read_to_end(100).await.unwrap(), b"and back");
}

pub async fn opening_waits_at_the_limit_and_goes_on(pair: Pair) {
    let mut open = Vec::new();
    // Each says something, so that the peer knows of it; none ends.
    while let Ok(stream) = timeout(STUCK, pair.dialler.open_uni()).await {
        let mut stream = stream.unwrap();
        stream.write_all(b"x").await.unwrap();
        open.push(stream);
        assert!(open.len() < 100_000, "nothing limits the streams");
    }
    assert!(open.len() >= 1000, "honest use is not limited");
    let waiting = tokio::spawn({
        let dialler = pair.dialler.clone();
        async move { dialler.open_uni().await.unwrap() }
    });
    // One ends, and is read to its end: there is room for another.
    open.remove(0).finish().unwrap();
    let mut first = pair.acceptor.accept_uni().await.unwrap();
    assert_eq!(first.read_to_end(10).await.unwrap(), b"x");
    // Limits may be raised in steps, so more may have to end first.
    let mut ending = JoinSet::new();
    ending.spawn(async move {
        let mut accepted = Vec::new();
        for mut stream in open {
            stream.finish().unwrap();
            let mut peer = pair.acceptor.accept_uni().await.unwrap();
            assert_eq!(peer.read_to_end(10).await.unwrap(), b"x");
            accepted.push(peer);
        }
    });
    waiting.await.unwrap();
    ending.join_all().await;
}

pub async fn two_writers_with_full_windows_do_not_deadlock(pair: Pair) {
    const SIZE: usize = 32 << 20;
    let ((mut send, mut recv), (mut peer_send, mut peer_recv)) = pair.stream().await;
    // Both write far more than fits, on one stream each way, and read only what comes meanwhile.
    let near = tokio::spawn(async move {
        let writing = async {
            for _ in 0..SIZE / 65_536 {
                send.write_all(&[1; 65_536]).await.unwrap();
            }
            send.finish().unwrap();
        };
        let (read, ()) = tokio::join!(recv.read_to_end(SIZE), writing);
        assert_eq!(read.unwrap().len(), SIZE);
    });
    let far = tokio::spawn(async move {
        let writing = async {
            for _ in 0..SIZE / 65_536 {
                peer_send.write_all(&[2; 65_536]).await.unwrap();
            }
            peer_send.finish().unwrap();
        };
        let (read, ()) = tokio::join!(peer_recv.read_to_end(SIZE), writing);
        assert_eq!(read.unwrap().len(), SIZE);
        peer_send.delivered().await.unwrap();
    });
    near.await.unwrap();
    far.await.unwrap();
}
