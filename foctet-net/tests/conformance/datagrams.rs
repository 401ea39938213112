use bytes::Bytes;
use foctet_net::SendDatagramError;

use crate::pair::Pair;

pub async fn datagrams_go_both_ways(pair: Pair) {
    pair.dialler.send_datagram(Bytes::from_static(b"ping")).unwrap();
    assert_eq!(pair.acceptor.read_datagram().await.unwrap(), "ping");
    pair.acceptor.send_datagram(Bytes::from_static(b"pong")).unwrap();
    assert_eq!(pair.dialler.read_datagram().await.unwrap(), "pong");
}

pub async fn a_datagram_of_the_largest_size_is_taken_and_a_larger_one_refused(pair: Pair) {
    let size = pair.dialler.max_datagram_size().unwrap();
    assert!(size >= 1000, "{size}");
    // The limit may grow meanwhile, with what the path turns out to carry.
    let huge = Bytes::from(vec![1; 1 << 20]);
    assert_eq!(pair.dialler.send_datagram(huge), Err(SendDatagramError::TooLarge));
    pair.dialler.send_datagram(Bytes::from(vec![2; size])).unwrap();
    assert_eq!(pair.acceptor.read_datagram().await.unwrap(), vec![2; size]);
}

pub async fn an_empty_datagram_is_a_datagram(pair: Pair) {
    pair.acceptor.send_datagram(Bytes::new()).unwrap();
    assert_eq!(pair.dialler.read_datagram().await.unwrap(), "");
}

pub async fn datagrams_go_in_batches_and_keep_their_order(pair: Pair) {
    let mut batch: Vec<_> = (0..10_u8).map(|n| Bytes::from(vec![n; 100])).collect();
    pair.dialler.send_datagrams(&mut batch).unwrap();
    assert!(batch.is_empty());
    let (mut read, mut all) = (vec![Bytes::from_static(b"old")], Vec::new());
    while all.len() < 10 {
        pair.acceptor.read_datagrams(&mut read, 4).await.unwrap();
        assert!((1..=4).contains(&read.len()), "{}", read.len());
        all.append(&mut read);
    }
    assert!(all.iter().zip(0..).all(|(datagram, n)| *datagram == vec![n; 100]));
    batch.push(vec![1; 1 << 20].into());
    assert_eq!(pair.dialler.send_datagrams(&mut batch), Err(SendDatagramError::TooLarge));
    assert!(batch.is_empty());
    let code = 7;
    pair.dialler.close(code, b"");
    let lost = pair.acceptor.read_datagrams(&mut read, 4).await.unwrap_err();
    assert!(matches!(lost, foctet_net::ConnectionError::ApplicationClosed { code: 7, .. }), "{lost:?}");
}
