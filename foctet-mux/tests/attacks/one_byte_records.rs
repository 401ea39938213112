//! Data one byte a record: CASES 12.

use std::task::Poll;

use foctet_mux::{Config, Dir, Frame, TransportErrorCode};

use crate::ledger::alone;
use crate::pair::Pair;
use crate::raw::client;
use crate::victim::{Attack, INPUT, OUTPUT, STREAM, endure, flood};

/// The window in which the attacks work, in bytes.
const WINDOW: u64 = 1 << 16;

fn config() -> Config {
    Config::default().stream_receive_window(WINDOW).receive_window(WINDOW)
}

#[test]
fn bytes_that_nobody_reads_cost_the_window_and_end_at_it() {
    let alone = alone();
    let most = flood(
        &alone,
        &Attack {
            name: "12 one-byte records: unread",
            config: &config(),
            // Gathered, so that at most twice the bytes are held.
            bound: INPUT + OUTPUT + STREAM + 2 * WINDOW as usize,
            each: 1,
        },
        TransportErrorCode::FLOW_CONTROL_ERROR,
        |n, payload| {
            Frame::Stream { id: client(Dir::Uni, 0), offset: n, fin: false, data: b"x" }.encode(payload);
        },
        |_| {},
    );
    assert_eq!(most, WINDOW);
}

#[test]
fn bytes_read_as_they_come_cost_next_to_nothing() {
    let alone = alone();
    let id = client(Dir::Uni, 0);
    endure(
        &alone,
        &Attack {
            name: "12 one-byte records: read",
            config: &config(),
            bound: INPUT + OUTPUT + STREAM + 2 * WINDOW as usize,
            each: 1,
        },
        |n, payload| Frame::Stream { id, offset: n, fin: false, data: b"x" }.encode(payload),
        |victim| {
            let _ = victim.mux.accept(Dir::Uni);
            while let Poll::Ready(Ok(Some(_))) = victim.mux.read(id, usize::MAX) {}
            victim.sent();
        },
    );
}

#[test]
fn the_honest_twin_sends_fifty_thousand_messages_of_one_byte_each_way() {
    let _alone = alone();
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Bi);
    for _ in 0..50_000 {
        assert_eq!(pair.client.write(id, b"q"), 1);
        pair.drive();
        assert_eq!(pair.server.read(id).0, b"q");
        assert_eq!(pair.server.write(id, b"a"), 1);
        pair.drive();
        assert_eq!(pair.client.read(id).0, b"a");
    }
    pair.assert_alive();
}
