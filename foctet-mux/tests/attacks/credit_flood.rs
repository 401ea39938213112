//! Credit in the smallest pieces: CASES 12.

use foctet_mux::{Config, Dir, Frame, MIN_SEND_BUFFER, TransportErrorCode};

use crate::ledger::alone;
use crate::pair::ready;
use crate::raw::{Raw, client, server};
use crate::victim::{Attack, INPUT, Numbered, OUTPUT, STREAM, endure, flood};

const PROTOCOL: TransportErrorCode = TransportErrorCode::PROTOCOL_VIOLATION;

#[test]
fn credit_that_nobody_waits_for_ends_the_connection_at_the_budget() {
    let alone = alone();
    let kinds: [(&str, Numbered); 3] = [
        ("MAX_DATA", |n| Frame::MaxData { limit: 20_000 + n }),
        ("MAX_STREAM_DATA", |n| Frame::MaxStreamData { id: client(Dir::Bi, 0), limit: 2_000 + n }),
        ("MAX_STREAMS", |n| Frame::MaxStreams { dir: Dir::Bi, limit: 200 + n }),
    ];
    for (name, frame) in kinds {
        let most = flood(
            &alone,
            &Attack {
                name: &format!("12 tiny credits: {name}"),
                config: &Config::default(),
                bound: INPUT + OUTPUT + STREAM,
                each: 1,
            },
            PROTOCOL,
            |n, payload| {
                if n == 0 {
                    Frame::Stream { id: client(Dir::Bi, 0), offset: 0, fin: false, data: b"" }
                        .encode(payload);
                }
                frame(n).encode(payload);
            },
            |_| {},
        );
        assert!(most <= 10_010, "{name}: {most}");
    }
}

#[test]
fn data_let_go_one_byte_at_a_time_costs_its_buffer() {
    let alone = alone();
    let id = server(Dir::Uni, 0);
    let mut opened = false;
    endure(
        &alone,
        &Attack {
            name: "12 tiny credits: one byte each",
            config: &Config::default(),
            bound: INPUT + OUTPUT + STREAM + MIN_SEND_BUFFER as usize,
            each: 2,
        },
        |n, payload| {
            Frame::MaxData { limit: 10_001 + n }.encode(payload);
            if n > 0 {
                Frame::MaxStreamData { id, limit: 1_000 + n }.encode(payload);
            }
        },
        |victim| {
            if !std::mem::replace(&mut opened, true) {
                assert_eq!(ready(victim.mux.open(Dir::Uni)), Ok(id));
            }
            while victim.mux.write(id, &[0; 1_000]).is_ready() {}
            victim.sent();
        },
    );
}

#[test]
fn the_honest_twin_grants_credit_for_each_byte_that_it_reads() {
    let _alone = alone();
    let mut raw = Raw::with(Config::default());
    let id = ready(raw.mux.open(Dir::Uni)).unwrap();
    for limit in 1_000..50_000 {
        assert!(raw.mux.write(id, b"x").is_ready());
        raw.output();
        raw.send(&[Frame::MaxData { limit: limit + 10_000 }, Frame::MaxStreamData { id, limit }]);
    }
    raw.assert_alive();
}
