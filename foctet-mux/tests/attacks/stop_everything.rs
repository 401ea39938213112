//! Streams that are stopped so that we must send a reset for each: CASES 12 (CVE-2025-8671).

use std::task::Poll;

use foctet_mux::{Config, Dir, Frame, TransportErrorCode};

use crate::ledger::alone;
use crate::pair::Pair;
use crate::raw::client;
use crate::victim::{Attack, INPUT, OUTPUT, STREAM, Victim, endure, flood};

/// How many streams of one direction the default configuration allows at once.
const STREAMS: usize = 1_024;

/// What the application answers on each stream, in bytes: it waits in the stream until it goes out or is dropped.
const ANSWER: usize = 1_000;

/// Answers each new stream, and is done with it.
fn answer(victim: &mut Victim) {
    while let Poll::Ready(Ok(id)) = victim.mux.accept(Dir::Bi) {
        // Fails on those that are stopped already.
        let _ = victim.mux.write(id, &[1; ANSWER]);
        victim.mux.release_send(id);
        victim.mux.release_recv(id);
    }
}

#[test]
fn streams_stopped_at_once_make_us_send_one_reset_each_and_free_the_table() {
    let alone = alone();
    const EACH: u64 = 250;
    let victim = endure(
        &alone,
        &Attack {
            name: "12 stop everything: resets read",
            config: &Config::default(),
            bound: INPUT + OUTPUT + STREAM * STREAMS,
            each: 2 * EACH,
        },
        |n, payload| {
            for index in n * EACH..(n + 1) * EACH {
                let id = client(Dir::Bi, index);
                Frame::Stream { id, offset: 0, fin: true, data: b"" }.encode(payload);
                Frame::StopSending { id, code: 0 }.encode(payload);
            }
        },
        |victim| {
            answer(victim);
            victim.sent();
        },
    );
    assert_eq!(victim.mux.stats(victim.now).streams, 0);
}

#[test]
fn resets_that_are_never_read_hold_the_streams_and_so_end_the_connection() {
    let alone = alone();
    let most = flood(
        &alone,
        &Attack {
            name: "12 stop everything: resets not read",
            config: &Config::default(),
            bound: INPUT + OUTPUT + STREAM * STREAMS,
            each: 2,
        },
        TransportErrorCode::STREAM_LIMIT_ERROR,
        |n, payload| {
            let id = client(Dir::Bi, n);
            Frame::Stream { id, offset: 0, fin: true, data: b"" }.encode(payload);
            Frame::StopSending { id, code: 0 }.encode(payload);
        },
        |victim| {
            answer(victim);
            victim.stuck();
        },
    );
    // Those whose resets the driver has in hand count as sent.
    assert!(most <= 2 * STREAMS as u64, "{most}");
}

#[test]
fn answers_stopped_while_no_credit_lets_them_go_leave_nothing_behind() {
    let config = Config::default().max_streams_bidi(16);
    let victim = endure(
        &alone(),
        &Attack {
            name: "12 stop everything: answers without credit",
            config: &config,
            bound: INPUT + OUTPUT + STREAM * 16 + 2 * ANSWER,
            each: 1,
        },
        |n, payload| {
            // A question, and when it is being answered, no interest in the answer.
            let id = client(Dir::Bi, n / 2);
            if n % 2 == 0 {
                Frame::Stream { id, offset: 0, fin: true, data: b"?" }.encode(payload);
            } else {
                Frame::StopSending { id, code: 0 }.encode(payload);
            }
        },
        |victim| {
            // The peer grants no more credit than its parameters do, which the first answers use up.
            answer(victim);
            victim.sent();
        },
    );
    assert_eq!(victim.mux.stats(victim.now).streams, 0);
}

#[test]
fn the_honest_twin_stops_ten_thousand_downloads_after_their_first_bytes() {
    let _alone = alone();
    let mut pair = Pair::established();
    for _ in 0..10_000 {
        let id = pair.client.open(Dir::Bi);
        pair.client.write(id, b"get");
        pair.client.mux.release_send(id);
        pair.drive();
        assert_eq!(pair.server.accept(Dir::Bi), id);
        pair.server.mux.release_recv(id);
        pair.server.write(id, &[7; 3_000]);
        pair.drive();
        assert_eq!(pair.client.read(id).0.len(), 3_000);
        pair.client.mux.stop(id, 9).unwrap();
        pair.client.mux.release_recv(id);
        // It writes on until it hears of the stop.
        pair.server.write(id, &[7; 3_000]);
        pair.drive();
        pair.server.mux.release_send(id);
        pair.drive();
    }
    pair.assert_alive();
    for side in [&pair.client, &pair.server] {
        assert_eq!(side.mux.stats(pair.now).streams, 0);
    }
}
