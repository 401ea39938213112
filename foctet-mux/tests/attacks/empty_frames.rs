//! Frames that cost the sender nothing and change nothing: CASES 12.

use foctet_mux::{Config, Dir, Frame, TransportErrorCode};

use crate::ledger::alone;
use crate::pair::Pair;
use crate::raw::client;
use crate::victim::{Attack, INPUT, Numbered, OUTPUT, STREAM, flood};

const PROTOCOL: TransportErrorCode = TransportErrorCode::PROTOCOL_VIOLATION;

/// How many pointless frames may come at once, as the specification states.
const BURST: u64 = 10_000;

#[test]
fn each_kind_of_empty_frame_ends_the_connection_at_the_budget() {
    let alone = alone();
    let id = client(Dir::Bi, 0);
    let kinds: [(&str, Numbered); 7] = [
        ("padding", |_| Frame::Padding(1)),
        ("empty STREAM", |_| Frame::Stream { id: client(Dir::Bi, 0), offset: 0, fin: false, data: b"" }),
        ("DATA_BLOCKED", |n| Frame::DataBlocked { limit: n }),
        ("STREAM_DATA_BLOCKED", |n| Frame::StreamDataBlocked { id: client(Dir::Bi, 0), limit: n }),
        ("STREAMS_BLOCKED", |n| Frame::StreamsBlocked { dir: Dir::Uni, limit: n }),
        ("STOP_SENDING again", |n| Frame::StopSending { id: client(Dir::Bi, 0), code: n }),
        ("RESET_STREAM again", |n| Frame::ResetStream { id: client(Dir::Bi, 0), code: n, final_size: 0 }),
    ];
    for (name, frame) in kinds {
        let most = flood(
            &alone,
            &Attack {
                name: &format!("12 empty frames: {name}"),
                config: &Config::default(),
                bound: INPUT + OUTPUT + STREAM,
                each: 1,
            },
            PROTOCOL,
            |n, payload| {
                if n == 0 {
                    Frame::Stream { id, offset: 0, fin: false, data: b"" }.encode(payload);
                }
                frame(n).encode(payload);
            },
            |_| {},
        );
        assert!(most <= BURST + 10, "{name}: {most}");
    }
}

#[test]
fn many_empty_frames_in_one_record_are_no_cheaper_a_way() {
    let alone = alone();
    let most = flood(
        &alone,
        &Attack {
            name: "12 empty frames: whole records of padding",
            config: &Config::default(),
            bound: INPUT + OUTPUT,
            each: 16_382,
        },
        PROTOCOL,
        |_, payload| Frame::Padding(16_382).encode(payload),
        |_| {},
    );
    assert!(most <= BURST * 64 / 16_382 + 1, "{most}");
}

#[test]
fn the_honest_twin_ends_ten_thousand_streams_with_an_empty_frame_each() {
    let _alone = alone();
    let mut pair = Pair::established();
    for _ in 0..10_000 {
        let id = pair.client.open(Dir::Uni);
        pair.client.write(id, b"x");
        pair.drive();
        // The end alone, when the data has long gone out.
        pair.client.mux.release_send(id);
        pair.drive();
        assert_eq!(pair.server.accept(Dir::Uni), id);
        assert_eq!(pair.server.read(id), (b"x".to_vec(), true));
        pair.server.mux.release_recv(id);
    }
    pair.drive();
    pair.assert_alive();
}
