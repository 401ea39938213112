//! Pointless work, each kind with the budget that ends it, and its honest twin that never meets it: CASES 12 to 14.

use std::task::Poll;
use std::time::Duration;

use foctet_mux::{Config, Dir, Frame, TransportErrorCode};

use crate::pair::{Pair, ready};
use crate::raw::{Raw, client, encode, frames, record};

const PROTOCOL: TransportErrorCode = TransportErrorCode::PROTOCOL_VIOLATION;

/// How many pointless frames a peer may send at once, as the specification states.
const BURST: usize = 10_000;

/// Sends `frame` until it is too much; how many were taken.
fn flood<'a>(raw: &mut Raw, mut frame: impl FnMut(u64) -> Frame<'a>) -> usize {
    for count in 0..10_000_000 {
        raw.send(&[frame(count)]);
        if raw.mux.error().is_some() {
            raw.assert_violated(PROTOCOL);
            return count as usize;
        }
    }
    panic!("never too much");
}

#[test]
fn floods_of_frames_that_change_nothing_end_at_the_budget() {
    let id = client(Dir::Bi, 0);
    let floods: [fn(u64) -> Frame<'static>; 9] = [
        |_| Frame::Padding(1),
        |_| Frame::Stream { id: client(Dir::Bi, 0), offset: 0, fin: false, data: b"" },
        |n| Frame::MaxData { limit: 20_000 + n },
        |n| Frame::MaxStreamData { id: client(Dir::Bi, 0), limit: 2_000 + n },
        |n| Frame::MaxStreams { dir: Dir::Bi, limit: 200 + n },
        |n| Frame::DataBlocked { limit: n },
        |n| Frame::StreamDataBlocked { id: client(Dir::Bi, 0), limit: n },
        |n| Frame::StreamsBlocked { dir: Dir::Uni, limit: n },
        |n| Frame::Ping { sequence: n },
    ];
    for frame in floods {
        let mut raw = Raw::new();
        raw.send(&[Frame::Stream { id, offset: 0, fin: false, data: b"" }]);
        let taken = flood(&mut raw, frame);
        assert!((BURST - 10..=BURST + 10).contains(&taken), "{:?} {taken}", frame(0));
    }
}

#[test]
fn padding_is_counted_by_length_too() {
    let mut raw = Raw::new();
    let taken = flood(&mut raw, |_| Frame::Padding(16_382));
    assert!(taken <= BURST * 64 / 16_382 + 1, "{taken}");
}

#[test]
fn repeated_stops_and_resets_end_at_the_budget() {
    let mut raw = Raw::new();
    let id = client(Dir::Bi, 0);
    raw.send(&[Frame::StopSending { id, code: 0 }]);
    assert!(flood(&mut raw, |_| Frame::StopSending { id, code: 1 }) <= BURST);
    let mut raw = Raw::new();
    raw.send(&[Frame::ResetStream { id, code: 0, final_size: 0 }]);
    assert!(flood(&mut raw, |_| Frame::ResetStream { id, code: 1, final_size: 0 }) <= BURST);
}

#[test]
fn a_ping_flood_is_answered_once_for_each_time_we_can_write() {
    let mut raw = Raw::new();
    for sequence in 0..5_000 {
        raw.send(&[Frame::Ping { sequence }]);
    }
    assert_eq!(frames(&raw.output()), [Frame::Pong { sequence: 4_999 }]);
}

#[test]
fn the_budget_refills_with_time_so_that_chatter_may_go_on_for_ever() {
    let mut raw = Raw::new();
    let mut sequence = 0;
    for _ in 0..100 {
        raw.pass(Duration::from_secs(1));
        for _ in 0..990 {
            sequence += 1;
            raw.send(&[Frame::Ping { sequence }]);
        }
        raw.output();
    }
    raw.assert_alive();
}

#[test]
fn opening_and_resetting_a_million_streams_leaves_a_bounded_table() {
    let mut raw = Raw::new();
    for first in (0..1_000_000).step_by(500) {
        let resets: Vec<_> = (first..first + 500)
            .map(|index| Frame::ResetStream { id: client(Dir::Uni, index), code: 0, final_size: 0 })
            .collect();
        raw.send(&resets);
        assert!(raw.mux.stats(raw.now).streams <= 1_024);
        while let Poll::Ready(id) = raw.mux.accept(Dir::Uni) {
            raw.mux.release_recv(id.unwrap());
        }
        raw.output();
    }
    raw.assert_alive();
}

#[test]
fn opening_and_resetting_beyond_what_is_accepted_is_refused() {
    let mut raw = Raw::new();
    for index in 0..1_024 {
        let id = client(Dir::Uni, index);
        raw.send(&[Frame::ResetStream { id, code: 0, final_size: 0 }]);
    }
    raw.assert_alive();
    raw.violates(
        &[Frame::ResetStream { id: client(Dir::Uni, 1_024), code: 0, final_size: 0 }],
        TransportErrorCode::STREAM_LIMIT_ERROR,
    );
}

#[test]
fn stopping_every_stream_makes_us_send_one_reset_each_and_queue_no_more() {
    let mut raw = Raw::new();
    for round in 0..5 {
        for index in 0..1_024 {
            raw.send(&[Frame::StopSending { id: client(Dir::Bi, index), code: round }]);
        }
    }
    raw.assert_alive();
    let records = raw.output();
    let resets = frames(&records);
    assert_eq!(resets.len(), 1_024);
    assert!(resets.iter().all(|frame| matches!(frame, Frame::ResetStream { code: 0, final_size: 0, .. })));
}

#[test]
fn a_peer_that_reads_nothing_costs_a_bounded_amount_of_output() {
    // Everything that makes us answer, for as long as the limits allow, without ever writing a byte.
    let mut raw = Raw::new();
    for index in 0..1_024 {
        let id = client(Dir::Bi, index);
        raw.send(&[
            Frame::Stream { id, offset: 0, fin: false, data: &[0; 500] },
            Frame::StopSending { id, code: 0 },
            Frame::Ping { sequence: index },
            Frame::DataBlocked { limit: 0 },
        ]);
        let accepted = ready(raw.mux.accept(Dir::Bi)).unwrap();
        assert_eq!(accepted, id);
        while raw.mux.read(id, usize::MAX).is_ready() {}
        raw.mux.release_recv(id);
    }
    raw.assert_alive();
    let records = raw.output();
    let total: usize = records.iter().map(Vec::len).sum();
    assert!(total < 1_024 * 80, "{total}");
}

#[test]
fn single_bytes_in_records_of_their_own_cost_their_own_size() {
    let mut raw = Raw::new();
    let id = client(Dir::Uni, 0);
    for offset in 0..100_000 {
        raw.send(&[Frame::Stream { id, offset, fin: false, data: b"x" }]);
    }
    raw.assert_alive();
    assert_eq!(ready(raw.mux.accept(Dir::Uni)), Ok(id));
    let mut pieces = 0;
    while raw.mux.read(id, usize::MAX).is_ready() {
        pieces += 1;
    }
    assert!(pieces <= 10, "{pieces}");
}

#[test]
fn unread_datagrams_are_bounded_even_if_empty() {
    let mut raw = Raw::new();
    for _ in 0..100_000 {
        raw.send(&[Frame::Datagram { data: b"", frame_size: 2 }]);
    }
    raw.assert_alive();
    let mut kept = 0;
    while raw.mux.read_datagram().is_ready() && raw.mux.error().is_none() {
        kept += 1;
    }
    assert!(kept <= (1 << 20) / 64, "{kept}");
}

#[test]
fn a_record_that_never_ends_costs_no_more_than_itself() {
    let mut raw = Raw::new();
    let whole = record(&encode(&[Frame::Stream {
        id: client(Dir::Uni, 0),
        offset: 0,
        fin: false,
        data: &[0; 16_000],
    }]));
    for byte in &whole[..whole.len() - 1] {
        raw.bytes(&[*byte]);
    }
    raw.assert_alive();
    assert!(raw.mux.accept(Dir::Uni).is_pending());
    // Half a record is no sign of life.
    raw.pass(Duration::from_secs(61));
    assert!(raw.mux.error().is_some());
}

#[test]
fn the_honest_twin_of_many_short_streams_trips_nothing() {
    let mut pair = Pair::established();
    let mut open = Vec::new();
    let mut served = 0;
    for index in 0..10_000 {
        while pair.client.mux.open(Dir::Bi).map(|id| open.push((index, id.unwrap()))).is_pending() {
            pair.drive();
            serve(&mut pair, &mut served);
            finish(&mut pair, &mut open);
        }
        let (_, id) = open[open.len() - 1];
        pair.client.write(id, b"x");
        if index % 10 == 0 {
            // A tenth is cancelled: both halves, at once.
            pair.client.mux.reset(id, 1).unwrap();
            pair.client.mux.stop(id, 1).unwrap();
        } else {
            pair.client.mux.finish(id).unwrap();
        }
        if index % 100 == 0 {
            pair.drive();
        }
    }
    while served < 10_000 {
        pair.drive();
        serve(&mut pair, &mut served);
    }
    pair.drive();
    finish(&mut pair, &mut open);
    pair.drive();
    pair.assert_alive();
    for side in [&pair.client, &pair.server] {
        assert_eq!(side.mux.stats(pair.now).streams, 0);
    }

    fn serve(pair: &mut Pair, served: &mut usize) {
        while let Poll::Ready(Ok(id)) = pair.server.mux.accept(Dir::Bi) {
            *served += 1;
            let mux = &mut pair.server.mux;
            while let Poll::Ready(Ok(Some(_))) = mux.read(id, 100) {}
            let _ = mux.write(id, b"y");
            mux.release_send(id);
            mux.release_recv(id);
        }
    }

    fn finish(pair: &mut Pair, open: &mut Vec<(u64, foctet_mux::StreamId)>) {
        for (_, id) in open.drain(..) {
            pair.client.mux.release_send(id);
            pair.client.mux.release_recv(id);
        }
    }
}

#[test]
fn the_honest_twin_of_one_byte_messages_trips_nothing() {
    // One byte a record, each answered with a credit update by a peer that knows no better.
    let mut raw = Raw::with(Config::default());
    let id = ready(raw.mux.open(Dir::Uni)).unwrap();
    for limit in 1_000..50_000 {
        assert!(raw.mux.write(id, b"x").is_ready());
        raw.output();
        raw.send(&[Frame::MaxData { limit: limit + 10_000 }, Frame::MaxStreamData { id, limit }]);
    }
    raw.assert_alive();
}
