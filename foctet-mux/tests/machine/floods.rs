//! What pointless work leaves behind: one answer, one reset, a few pieces. What it costs, and what ends it, is in
//! `tests/attacks`.

use std::time::Duration;

use foctet_mux::{Dir, Frame};

use crate::pair::ready;
use crate::raw::{Raw, client, frames};

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
