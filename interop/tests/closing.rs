//! How a connection ends: with a close, with the carrier, or in silence.
#![forbid(unsafe_code)]

use std::time::Duration;

use foctet_interop::{Ended, Settings, StreamEnded, Way, every_way, when_nothing_moves};

every_way! {
    tokio::test(start_paused = true):
    a_close_arrives_with_its_code_and_reason,
    a_close_ends_everything_that_waits_at_the_peer,
    what_was_delivered_before_a_close_stays_readable,
    a_carrier_that_ends_without_a_close_is_reported_on_both_sides,
    a_silent_carrier_is_given_up_after_the_idle_timeout,
    the_shorter_idle_timeout_of_the_two_applies,
}

/// As the peer of the one that closed.
fn close_of(code: u64, reason: &str) -> Ended {
    Ended::ByPeer(code, reason.as_bytes().to_vec())
}

async fn a_close_arrives_with_its_code_and_reason(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    opener.close(u32::MAX, "that was all, ünd nothing more");
    assert_eq!(other.closed().await, close_of(u32::MAX.into(), "that was all, ünd nothing more"));
}

async fn a_close_ends_everything_that_waits_at_the_peer(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings { streams: 1, ..Settings::default() }).await;
    let (mut send, mut recv) = other.open_bi().await.unwrap();
    send.write_all(b"!").await.unwrap();
    let _open = opener.accept_bi().await.unwrap();

    let peer = || other.clone();
    let (a, b, c, d) = (peer(), peer(), peer(), peer());
    let waiting = [
        tokio::spawn(async move { a.accept_bi().await.err() }),
        tokio::spawn(async move { b.accept_uni().await.err() }),
        tokio::spawn(async move { c.read_datagram().await.err() }),
        // The only stream that the peer allows is taken.
        tokio::spawn(async move { d.open_bi().await.err() }),
    ];
    let reading = tokio::spawn(async move { recv.read(&mut [0]).await });
    when_nothing_moves().await;
    assert!(waiting.iter().all(|task| !task.is_finished()) && !reading.is_finished());

    opener.close(5, "enough");
    for task in waiting {
        assert_eq!(task.await.unwrap(), Some(close_of(5, "enough")));
    }
    assert!(matches!(reading.await.unwrap(), Err(StreamEnded::Otherwise(_))));
    assert!(matches!(send.write_all(&[0; 1024]).await, Err(StreamEnded::Otherwise(_))));
}

async fn what_was_delivered_before_a_close_stays_readable(way: Way) {
    let (opener, other, _wire) = way.over_memory(&Settings::default()).await;
    let mut send = opener.open_uni().await.unwrap();
    send.write_all(b"last words").await.unwrap();
    send.finish();
    let mut recv = other.accept_uni().await.unwrap();
    when_nothing_moves().await;
    opener.close(0, "");
    other.closed().await;
    assert_eq!(recv.read_to_end().await.unwrap(), b"last words");
}

async fn a_carrier_that_ends_without_a_close_is_reported_on_both_sides(way: Way) {
    let (opener, other, wire) = way.over_memory(&Settings::default()).await;
    wire.cut().await;
    assert_eq!(opener.closed().await, Ended::Carrier);
    assert_eq!(other.closed().await, Ended::Carrier);
}

async fn a_silent_carrier_is_given_up_after_the_idle_timeout(way: Way) {
    let settings = Settings { idle: Duration::from_secs(10), ..Settings::default() };
    let (opener, other, wire) = way.over_memory(&settings).await;
    let silent_from = tokio::time::Instant::now();
    let _held = wire.silence().await;
    assert_eq!(opener.closed().await, Ended::Idle);
    assert_eq!(other.closed().await, Ended::Idle);
    let took = silent_from.elapsed();
    // The other library allows itself a second window where it cannot write.
    assert!((Duration::from_secs(9)..=Duration::from_secs(25)).contains(&took), "after {took:?}");
}

async fn the_shorter_idle_timeout_of_the_two_applies(way: Way) {
    let long = Settings { idle: Duration::from_secs(3_600), ..Settings::default() };
    let short = Settings { idle: Duration::from_secs(10), ..Settings::default() };
    for (opener, other) in [(&long, &short), (&short, &long)] {
        let (opener, other, wire) = way.over_memory_between(opener, other).await;
        let _held = wire.silence().await;
        // The test's own patience is shorter than the longer timeout.
        assert_eq!(opener.closed().await, Ended::Idle);
        assert_eq!(other.closed().await, Ended::Idle);
    }
}
