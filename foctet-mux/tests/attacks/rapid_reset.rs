//! Streams opened and reset at once: CASES 12 (CVE-2023-44487).

use std::task::Poll;

use foctet_mux::{Config, Dir, Frame, MAX_CONCURRENT_STREAMS, StreamId, TransportErrorCode};

use crate::ledger::alone;
use crate::pair::Pair;
use crate::raw::{client, encode, record};
use crate::victim::{Attack, INPUT, OUTPUT, STREAM, Victim, endure, flood};

/// How many streams of one direction the default configuration allows at once.
const STREAMS: usize = 1_024;

/// Takes each new stream and lets go of it.
fn accept_and_drop(victim: &mut Victim) {
    for dir in [Dir::Bi, Dir::Uni] {
        while let Poll::Ready(id) = victim.mux.accept(dir) {
            let id = id.unwrap();
            victim.mux.release_send(id);
            victim.mux.release_recv(id);
        }
    }
    victim.sent();
}

#[test]
fn streams_opened_and_reset_fill_a_bounded_table_and_no_more() {
    let alone = alone();
    // As many as fit between two grants of new streams.
    const EACH: u64 = 250;
    for dir in [Dir::Uni, Dir::Bi] {
        let mut most = 0;
        let victim = endure(
            &alone,
            &Attack {
                name: &format!("12 open and reset: {dir:?}"),
                config: &Config::default(),
                bound: INPUT + OUTPUT + STREAM * STREAMS,
                each: EACH,
            },
            |n, payload| {
                for index in n * EACH..(n + 1) * EACH {
                    Frame::ResetStream { id: client(dir, index), code: 0, final_size: 0 }.encode(payload);
                }
            },
            |victim| {
                most = most.max(victim.mux.stats(victim.now).streams);
                accept_and_drop(victim);
            },
        );
        assert!(most <= STREAMS as u64, "{most}");
        assert_eq!(victim.mux.stats(victim.now).streams, 0);
    }
}

#[test]
fn streams_reset_faster_than_they_are_accepted_end_the_connection() {
    let alone = alone();
    let most = flood(
        &alone,
        &Attack {
            name: "12 open and reset: nobody accepts",
            config: &Config::default(),
            bound: INPUT + OUTPUT + STREAM * STREAMS,
            each: 1,
        },
        TransportErrorCode::STREAM_LIMIT_ERROR,
        |n, payload| {
            Frame::ResetStream { id: client(Dir::Bi, n), code: 0, final_size: 0 }.encode(payload);
        },
        |_| {},
    );
    assert_eq!(most, STREAMS as u64);
}

#[test]
fn one_frame_that_opens_all_streams_costs_the_table() {
    let alone = alone();
    for streams in [STREAMS, MAX_CONCURRENT_STREAMS as usize] {
        let config = Config::default().max_streams_bidi(streams as u64);
        let last = |count: usize| {
            let id = client(Dir::Bi, count as u64 - 1);
            record(&encode(&[Frame::Stream { id, offset: 0, fin: true, data: b"" }]))
        };
        let ledger = alone.measure();
        let mut victim = Victim::new(config);
        victim.receive(&last(streams));
        assert_eq!(victim.mux.error(), None);
        let cost = ledger.close();
        victim.receive(&last(streams + 1));
        assert_eq!(victim.violation(), Some(TransportErrorCode::STREAM_LIMIT_ERROR));
        // A million such frames would be a million connections.
        cost.check_heap(
            &format!("12 open: {streams} streams by one frame"),
            INPUT + OUTPUT + STREAM * streams,
            &"goes on, as its bounds hold",
        );
    }
}

/// What an honest client has open, and whether it is done with it.
fn finish(pair: &mut Pair, open: &mut Vec<StreamId>) {
    for id in open.drain(..) {
        pair.client.mux.release_send(id);
        pair.client.mux.release_recv(id);
    }
}

/// An honest server: reads what there is, answers, ends. How many it served.
fn serve(pair: &mut Pair) -> usize {
    let mut served = 0;
    while let Poll::Ready(Ok(id)) = pair.server.mux.accept(Dir::Bi) {
        served += 1;
        let mux = &mut pair.server.mux;
        while let Poll::Ready(Ok(Some(_))) = mux.read(id, 100) {}
        // Fails where the client has cancelled.
        let _ = mux.write(id, b"y");
        mux.release_send(id);
        mux.release_recv(id);
    }
    served
}

#[test]
fn the_honest_twin_opens_ten_thousand_streams_a_thousand_at_once_and_cancels_a_tenth() {
    let _alone = alone();
    let mut pair = Pair::established();
    let (mut open, mut served) = (Vec::new(), 0);
    for index in 0..10_000 {
        if open.len() == 1_000 {
            pair.drive();
            served += serve(&mut pair);
            pair.drive();
            finish(&mut pair, &mut open);
            pair.drive();
        }
        let id = pair.client.open(Dir::Bi);
        open.push(id);
        pair.client.write(id, b"x");
        if index % 10 == 0 {
            pair.client.mux.reset(id, 1).unwrap();
            pair.client.mux.stop(id, 1).unwrap();
        } else {
            pair.client.mux.finish(id).unwrap();
        }
        if index % 100 == 0 {
            pair.drive();
        }
    }
    pair.drive();
    served += serve(&mut pair);
    pair.drive();
    finish(&mut pair, &mut open);
    pair.drive();
    pair.assert_alive();
    assert_eq!(served, 10_000);
    for side in [&pair.client, &pair.server] {
        assert_eq!(side.mux.stats(pair.now).streams, 0);
    }
}
