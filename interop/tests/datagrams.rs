//! Datagrams (RFC 9221) in records.
#![forbid(unsafe_code)]

use bytes::Bytes;
use foctet_interop::{Settings, Way, every_way};

every_way! {
    tokio::test(start_paused = true):
    datagrams_arrive_whole_and_in_order_both_ways,
    the_largest_datagram_fits_and_one_byte_more_is_refused,
    an_empty_datagram_arrives,
    datagrams_that_the_peer_does_not_take_are_refused,
}

async fn datagrams_arrive_whole_and_in_order_both_ways(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    for (from, to) in [(&opener, &other), (&other, &opener)] {
        for number in 0..100_u8 {
            assert!(from.send_datagram(Bytes::from(vec![number; usize::from(number) + 1])));
            let received = to.read_datagram().await.unwrap();
            assert_eq!(received, vec![number; usize::from(number) + 1]);
        }
    }
}

async fn the_largest_datagram_fits_and_one_byte_more_is_refused(way: Way) {
    for datagram_frame in [100, 1_200, 16_382] {
        let settings = Settings { datagram_frame, ..Settings::default() };
        let (opener, other, _wire) = way.over_memory(&settings).await;
        for (from, to) in [(&opener, &other), (&other, &opener)] {
            let largest = from.max_datagram_size().expect("datagrams are on");
            assert!(largest + 8 >= usize::try_from(datagram_frame).unwrap(), "{largest} of {datagram_frame}");
            assert!(from.send_datagram(Bytes::from(vec![0x5a; largest])));
            assert_eq!(to.read_datagram().await.unwrap(), vec![0x5a; largest]);
            assert!(!from.send_datagram(Bytes::from(vec![0x5a; largest + 1])));
        }
    }
}

async fn an_empty_datagram_arrives(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    assert!(opener.send_datagram(Bytes::new()));
    assert_eq!(other.read_datagram().await.unwrap(), Bytes::new());
}

async fn datagrams_that_the_peer_does_not_take_are_refused(way: Way) {
    let settings = Settings { datagram_frame: 0, ..Settings::default() };
    let (opener, other, _wire) = way.over_memory(&settings).await;
    for peer in [&opener, &other] {
        assert_eq!(peer.max_datagram_size(), None);
        assert!(!peer.send_datagram(Bytes::from_static(b"?")));
    }
}
