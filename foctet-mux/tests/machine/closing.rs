//! Timeouts, closes, and what is left after them.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use foctet_mux::{
    CodeTooLarge, Config, ConnectionError, Dir, Event, Frame, MAX_VARINT, ReadError, StoppedError, WriteError,
};

use crate::pair::{Pair, ready};
use crate::raw::{Raw, frames};

const SECOND: Duration = Duration::from_secs(1);

fn idle(seconds: u64) -> Config {
    Config::default().max_idle_timeout(Some(Duration::from_secs(seconds)))
}

#[test]
fn the_smaller_idle_timeout_holds_on_both_sides() {
    for (a, b) in
        [(idle(10), idle(30)), (idle(30), idle(10)), (idle(10), Config::default().max_idle_timeout(None))]
    {
        let mut pair = Pair::new(a, b);
        pair.drive();
        pair.pass(9 * SECOND);
        pair.assert_alive();
        pair.pass(2 * SECOND);
        for side in [&pair.client, &pair.server] {
            assert_eq!(side.mux.error(), Some(&ConnectionError::TimedOut));
            assert!(!side.mux.has_output());
        }
    }
}

#[test]
fn without_an_idle_timeout_silence_may_last() {
    let forever = Config::default().max_idle_timeout(None);
    let mut pair = Pair::both(forever);
    assert_eq!(pair.client.mux.poll_timeout(), None);
    pair.pass(1_000_000 * SECOND);
    pair.assert_alive();
}

#[test]
fn what_is_received_keeps_a_connection_and_an_idle_one_stays_silent() {
    let mut pair = Pair::both(idle(10));
    let id = pair.stream(Dir::Uni);
    for _ in 0..20 {
        pair.pass(8 * SECOND);
        pair.client.write(id, b"x");
    }
    pair.assert_alive();
    pair.pass(5 * SECOND);
    let bytes = pair.bytes;
    pair.pass(4 * SECOND);
    assert_eq!(pair.bytes, bytes);
}

#[test]
fn a_carrier_that_swallows_everything_is_noticed_although_it_takes_what_is_sent() {
    let mut pair = Pair::both(idle(60));
    let id = pair.stream(Dir::Uni);
    let begun = pair.now;
    while pair.client.mux.error().is_none() {
        pair.client.write(id, b"data");
        pair.transmit();
        pair.cut();
        pair.now += SECOND;
        pair.client.mux.handle_timeout(pair.now);
        let stats = pair.client.mux.stats(pair.now);
        if pair.now - begun >= 10 * SECOND && pair.client.mux.error().is_none() {
            assert!(stats.unanswered.unwrap() >= 5 * SECOND, "{stats:?}");
        }
        assert!(pair.now - begun < 70 * SECOND);
    }
    assert_eq!(pair.client.mux.error(), Some(&ConnectionError::TimedOut));
    assert!(pair.now - begun >= 59 * SECOND);
}

#[test]
fn keep_alive_asks_as_often_as_told_and_not_more() {
    let mut pair = Pair::new(idle(60).keep_alive(Some(10 * SECOND)), idle(60));
    pair.drive();
    pair.pass(SECOND);
    let records = pair.client.mux.stats(pair.now).records_sent;
    pair.pass(1_000 * SECOND);
    pair.assert_alive();
    let sent = pair.client.mux.stats(pair.now).records_sent - records;
    assert!((90..=110).contains(&sent), "{sent}");
}

#[test]
fn a_close_drops_what_is_queued_and_says_why() {
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Bi);
    pair.client.write(id, &vec![0; 1 << 20]);
    assert_eq!(pair.client.mux.close(MAX_VARINT + 1, b""), Err(CodeTooLarge));
    pair.assert_alive();
    let bytes = pair.bytes;
    pair.client.mux.close(MAX_VARINT, b"bye").unwrap();
    pair.client.mux.close(1, b"again").unwrap();
    pair.drive();
    assert!(pair.bytes - bytes < 100);
    let reason = Bytes::from_static(b"bye");
    let told = ConnectionError::ApplicationClosed { code: MAX_VARINT, reason };
    assert_eq!(pair.server.mux.error(), Some(&told));
    assert_eq!(pair.client.mux.error(), Some(&ConnectionError::LocallyClosed));
    assert!(pair.server.events.contains(&Event::Lost));
    assert_eq!(pair.client.mux.poll_timeout(), None);
}

#[test]
fn a_long_reason_is_cut() {
    let mut raw = Raw::new();
    raw.mux.close(0, &[b'x'; 100_000]).unwrap();
    let records = raw.output();
    assert_eq!(frames(&records), [Frame::ApplicationClose { code: 0, reason: &[b'x'; 1_024] }]);
}

#[test]
fn a_close_before_anything_else_still_starts_with_the_parameters() {
    let mut raw = Raw::fresh(Config::default());
    raw.mux.close(5, b"").unwrap();
    let records = raw.output();
    let frames = frames(&records);
    assert!(
        matches!(frames[..], [Frame::TransportParameters { .. }, Frame::ApplicationClose { code: 5, .. }]),
        "{frames:?}"
    );
}

#[test]
fn after_the_peer_closed_what_it_had_sent_can_be_read() {
    let mut pair = Pair::established();
    let (whole, cut) = (pair.stream(Dir::Uni), pair.stream(Dir::Uni));
    pair.client.write(whole, b"whole");
    pair.client.mux.finish(whole).unwrap();
    pair.client.write(cut, b"cut");
    let unseen = pair.client.open(Dir::Uni);
    pair.client.write(unseen, b"unseen");
    pair.client.mux.send_datagram(Bytes::from_static(b"datagram")).unwrap();
    pair.drive();
    pair.client.mux.close(3, b"").unwrap();
    pair.drive();
    let server = &mut pair.server;
    let lost = server.mux.error().unwrap().clone();
    assert_eq!(server.read(whole), (b"whole".to_vec(), true));
    assert_eq!(ready(server.mux.read(cut, 10)), Ok(Some(Bytes::from_static(b"cut"))));
    assert_eq!(ready(server.mux.read(cut, 10)), Err(ReadError::ConnectionLost(lost.clone())));
    assert_eq!(server.accept(Dir::Uni), unseen);
    assert_eq!(ready(server.mux.accept(Dir::Uni)), Err(lost.clone()));
    assert_eq!(ready(server.mux.read_datagram()).unwrap(), "datagram");
    assert_eq!(ready(server.mux.read_datagram()), Err(lost.clone()));
    assert_eq!(ready(server.mux.open(Dir::Bi)), Err(lost));
    server.mux.release_recv(whole);
    server.mux.release_recv(cut);
    server.mux.release_recv(unseen);
    let stats = pair.server.mux.stats(pair.now);
    assert_eq!((stats.streams, stats.bytes_unread, pair.server.mux.has_output()), (0, 0, false));
}

#[test]
fn after_a_loss_every_call_reports_the_same() {
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Bi);
    let broken = io::Error::new(io::ErrorKind::ConnectionReset, "pulled");
    pair.client.mux.carrier_lost(&broken);
    let mux = &mut pair.client.mux;
    let lost = mux.error().unwrap().clone();
    assert!(matches!(lost, ConnectionError::Carrier { kind: io::ErrorKind::ConnectionReset, .. }));
    assert_eq!(ready(mux.write(id, b"x")), Err(WriteError::ConnectionLost(lost.clone())));
    assert_eq!(ready(mux.read(id, 1)), Err(ReadError::ConnectionLost(lost.clone())));
    assert_eq!(ready(mux.delivered(id)), Err(WriteError::ConnectionLost(lost.clone())));
    assert_eq!(ready(mux.stopped(id)), Err(StoppedError::ConnectionLost(lost.clone())));
    assert_eq!(ready(mux.received_reset(id)), Err(ReadError::ConnectionLost(lost.clone())));
    let question = mux.ping();
    assert_eq!(ready(mux.ping_answer(question)), Err(lost.clone()));
    mux.close(1, b"").unwrap();
    assert_eq!(mux.error(), Some(&lost));
    assert!(!mux.has_output());
}
