//! Streams from their opening to their end.

use std::task::Poll;

use bytes::Bytes;
use foctet_mux::{ClosedStream, Config, Dir, Event, Frame, ReadError, ResetError, Role, WriteError};

use crate::pair::{Pair, ready};
use crate::raw::{Raw, client, frames, server};

#[test]
fn bytes_arrive_whatever_the_carrier_makes_of_them() {
    for chunk in [1, 2, 3, 7, 100, 16_383, 16_384, 16_385, usize::MAX] {
        let mut pair = Pair::established();
        pair.chunk = chunk;
        let id = pair.client.open(Dir::Bi);
        let data: Vec<u8> = (0..50_000_u32).map(|i| (i % 251) as u8).collect();
        assert_eq!(pair.client.write(id, &data), data.len());
        pair.client.mux.finish(id).unwrap();
        pair.drive();
        assert_eq!(pair.server.accept(Dir::Bi), id);
        assert_eq!(pair.server.read(id), (data, true));
        pair.assert_alive();
    }
}

#[test]
fn a_stream_that_ended_both_ways_leaves_nothing_behind() {
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Bi);
    pair.client.mux.finish(id).unwrap();
    pair.drive();
    assert_eq!(pair.server.read(id), (vec![], true));
    pair.server.write(id, b"answer");
    pair.server.mux.finish(id).unwrap();
    pair.drive();
    assert_eq!(pair.client.read(id), (b"answer".to_vec(), true));
    for side in [&mut pair.client, &mut pair.server] {
        side.mux.release_send(id);
        side.mux.release_recv(id);
        assert_eq!(side.mux.stats(pair.now).streams, 0);
    }
}

#[test]
fn opening_a_stream_opens_all_before_it_and_they_are_accepted_in_order() {
    let mut pair = Pair::established();
    let ids: Vec<_> = (0..5).map(|_| pair.client.open(Dir::Uni)).collect();
    pair.client.write(ids[3], b"x");
    pair.drive();
    for id in &ids[..4] {
        assert_eq!(pair.server.accept(Dir::Uni), *id);
    }
    assert!(pair.server.mux.accept(Dir::Uni).is_pending());
    assert!(pair.server.mux.accept(Dir::Bi).is_pending());
}

#[test]
fn a_stream_finished_without_data_still_arrives() {
    let mut pair = Pair::established();
    let id = pair.client.open(Dir::Uni);
    pair.client.mux.release_send(id);
    pair.drive();
    assert_eq!(pair.server.accept(Dir::Uni), id);
    assert_eq!(pair.server.read(id), (vec![], true));
}

#[test]
fn a_stream_reset_before_it_was_accepted_still_arrives() {
    let mut pair = Pair::established();
    let id = pair.client.open(Dir::Uni);
    pair.client.write(id, b"never read");
    pair.client.mux.reset(id, 3).unwrap();
    pair.drive();
    assert_eq!(pair.server.accept(Dir::Uni), id);
    assert_eq!(ready(pair.server.mux.read(id, 10)), Err(ReadError::Reset(3)));
}

#[test]
fn a_reset_drops_what_was_not_sent_and_says_how_much_was() {
    let mut raw = Raw::new();
    let id = ready(raw.mux.open(Dir::Bi)).unwrap();
    // Its credit is 1,000 bytes.
    assert_eq!(ready(raw.mux.write(id, &[1; 5_000])), Ok(5_000));
    raw.output();
    raw.mux.finish(id).unwrap();
    raw.mux.reset(id, 9).unwrap();
    assert_eq!(frames(&raw.output()), [Frame::ResetStream { id, code: 9, final_size: 1_000 }]);
    assert_eq!(raw.mux.stats(raw.now).bytes_unsent, 0);
    assert_eq!(raw.mux.reset(id, 10), Err(ResetError::ClosedStream));
    assert_eq!(ready(raw.mux.write(id, b"x")), Err(WriteError::ClosedStream));
}

#[test]
fn once_the_end_is_sent_there_is_nothing_left_to_reset() {
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Uni);
    pair.client.mux.finish(id).unwrap();
    assert_eq!(pair.client.mux.finish(id), Err(ClosedStream));
    pair.drive();
    assert_eq!(pair.client.mux.reset(id, 0), Err(ResetError::ClosedStream));
}

#[test]
fn stop_sending_is_answered_with_one_reset_of_the_same_code() {
    let mut raw = Raw::new();
    let id = ready(raw.mux.open(Dir::Uni)).unwrap();
    raw.mux.write(id, b"abc").is_ready();
    raw.output();
    for code in [4, 5, 6] {
        raw.send(&[Frame::StopSending { id, code }]);
    }
    assert_eq!(frames(&raw.output()), [Frame::ResetStream { id, code: 4, final_size: 3 }]);
    assert_eq!(ready(raw.mux.write(id, b"x")), Err(WriteError::Stopped(4)));
    assert_eq!(ready(raw.mux.stopped(id)), Ok(Some(4)));
}

#[test]
fn stop_sending_after_the_end_resets_nothing_but_is_told() {
    let mut raw = Raw::new();
    let id = ready(raw.mux.open(Dir::Uni)).unwrap();
    raw.mux.finish(id).unwrap();
    raw.output();
    assert!(raw.mux.delivered(id).is_pending());
    raw.output();
    raw.send(&[Frame::StopSending { id, code: 4 }]);
    assert!(raw.output().is_empty());
    assert_eq!(ready(raw.mux.delivered(id)), Err(WriteError::Stopped(4)));
}

#[test]
fn stopping_drops_what_is_unread_and_gives_its_credit_back() {
    let window = 1_000;
    let mut pair = Pair::both(Config::default().stream_receive_window(window).receive_window(window));
    for _ in 0..50 {
        let id = pair.client.open(Dir::Uni);
        pair.client.write(id, &[0; 5_000]);
        pair.drive();
        assert_eq!(pair.server.accept(Dir::Uni), id);
        pair.server.mux.release_recv(id);
        pair.drive();
        assert_eq!(ready(pair.client.mux.write(id, b"x")), Err(WriteError::Stopped(0)));
        pair.client.mux.release_send(id);
        assert_eq!(pair.server.mux.stats(pair.now).bytes_unread, 0);
    }
    for side in [&pair.client, &pair.server] {
        assert_eq!(side.mux.stats(pair.now).streams, 0);
    }
    pair.assert_alive();
}

#[test]
fn a_stream_read_to_its_end_is_not_stopped() {
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Uni);
    pair.client.mux.finish(id).unwrap();
    pair.drive();
    assert_eq!(pair.server.read(id), (vec![], true));
    pair.server.mux.release_recv(id);
    assert!(!pair.server.mux.has_output());
}

#[test]
fn delivered_means_that_a_question_sent_after_the_end_was_answered() {
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Uni);
    assert_eq!(ready(pair.client.mux.delivered(id)), Err(WriteError::ClosedStream));
    pair.client.write(id, &[0; 100_000]);
    pair.client.mux.finish(id).unwrap();
    assert!(pair.client.mux.delivered(id).is_pending());
    let begun = pair.now;
    pair.client.events.clear();
    pair.drive();
    assert_eq!(ready(pair.client.mux.delivered(id)), Ok(()));
    assert_eq!(ready(pair.client.mux.stopped(id)), Ok(None));
    assert_eq!(pair.now - begun, 2 * pair.latency);
    let told = |event: &Event| matches!(event, Event::Stream { id: of, settled: true, .. } if *of == id);
    assert!(pair.client.events.iter().any(told));
}

#[test]
fn delivery_can_be_asked_for_long_after_the_end() {
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Uni);
    pair.client.mux.finish(id).unwrap();
    pair.drive();
    assert!(pair.client.mux.delivered(id).is_pending());
    pair.drive();
    assert_eq!(ready(pair.client.mux.delivered(id)), Ok(()));
}

#[test]
fn the_deliveries_of_many_streams_share_few_questions() {
    let mut raw = Raw::new();
    let ids: Vec<_> = (0..100).map(|_| ready(raw.mux.open(Dir::Uni)).unwrap()).collect();
    for id in &ids {
        raw.mux.finish(*id).unwrap();
        assert!(raw.mux.delivered(*id).is_pending());
    }
    let records = [raw.output(), raw.output()].concat();
    let asked: Vec<_> =
        frames(&records).into_iter().filter(|frame| matches!(frame, Frame::Ping { .. })).collect();
    let [Frame::Ping { sequence }] = asked[..] else { panic!("{asked:?}") };
    raw.send(&[Frame::Pong { sequence }]);
    for id in ids {
        assert_eq!(ready(raw.mux.delivered(id)), Ok(()));
    }
}

#[test]
fn stream_limits_follow_the_streams_that_end() {
    let mut pair = Pair::new(Config::default(), Config::default().max_streams_uni(2));
    pair.drive();
    for _ in 0..20 {
        let id = pair.client.open(Dir::Uni);
        pair.client.mux.release_send(id);
        pair.drive();
        assert_eq!(pair.server.accept(Dir::Uni), id);
        assert_eq!(pair.server.read(id), (vec![], true));
        pair.server.mux.release_recv(id);
        pair.drive();
    }
    for _ in 0..2 {
        let id = pair.client.open(Dir::Uni);
        pair.client.write(id, b"x");
    }
    assert!(pair.client.mux.open(Dir::Uni).is_pending());
    pair.drive();
    assert!(pair.client.mux.open(Dir::Uni).is_pending());
    let id = pair.server.accept(Dir::Uni);
    pair.server.mux.release_recv(id);
    pair.client.events.clear();
    pair.drive();
    assert!(pair.client.events.contains(&Event::Available(Dir::Uni)));
    pair.client.open(Dir::Uni);
}

#[test]
fn being_stuck_is_told_once() {
    let mut raw = Raw::new();
    let id = ready(raw.mux.open(Dir::Uni)).unwrap();
    assert_eq!(id, server(Dir::Uni, 0));
    assert!(raw.mux.write(id, &[0; 2_000]).is_ready());
    for _ in 1..100 {
        raw.mux.open(Dir::Uni).is_ready();
    }
    for _ in 0..5 {
        assert!(raw.mux.open(Dir::Uni).is_pending());
    }
    let records = raw.output();
    let told: Vec<_> =
        frames(&records).into_iter().filter(|frame| !matches!(frame, Frame::Stream { .. })).collect();
    assert_eq!(
        told,
        [Frame::StreamsBlocked { dir: Dir::Uni, limit: 100 }, Frame::StreamDataBlocked { id, limit: 1_000 }]
    );
    assert!(raw.mux.open(Dir::Uni).is_pending());
    assert!(raw.output().is_empty());
}

#[test]
fn nothing_is_complained_of_before_the_peer_has_said_what_it_allows() {
    let mut raw = Raw::fresh(Config::default());
    assert!(raw.mux.open(Dir::Bi).is_pending());
    let records = raw.output();
    assert!(matches!(frames(&records)[..], [Frame::TransportParameters { .. }]));
    raw.send(&[Frame::TransportParameters { encoded: &[] }]);
    let records = raw.output();
    assert!(frames(&records).contains(&Frame::StreamsBlocked { dir: Dir::Bi, limit: 0 }));
}

#[test]
fn large_pieces_are_kept_as_slices_and_small_ones_do_not_pin_the_read_buffer() {
    let mut raw = Raw::new();
    let id = client(Dir::Uni, 0);
    let large = vec![1; 16_300];
    raw.send(&[Frame::Stream { id, offset: 0, fin: false, data: &large }]);
    raw.send(&[Frame::Stream { id, offset: 16_300, fin: false, data: b"small" }]);
    assert_eq!(ready(raw.mux.accept(Dir::Uni)), Ok(id));
    assert_eq!(ready(raw.mux.read(id, usize::MAX)), Ok(Some(Bytes::from(large))));
    let small = ready(raw.mux.read(id, usize::MAX)).unwrap().unwrap();
    // Alone in its memory, it can be taken without a copy.
    assert!(small.is_unique());
    assert_eq!(small, "small");
}

#[test]
fn reading_nothing_and_writing_nothing_is_possible_and_harmless() {
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Bi);
    assert_eq!(ready(pair.client.mux.write(id, b"")), Ok(0));
    assert_eq!(ready(pair.server.mux.read(id, 0)), Ok(Some(Bytes::new())));
    assert!(!pair.client.mux.has_output());
    assert_eq!(id.initiator(), Role::Client);
    assert!(matches!(pair.server.mux.read(id, 1), Poll::Pending));
}
