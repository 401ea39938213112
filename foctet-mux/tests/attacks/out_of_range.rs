//! Offsets, sizes and credit at the ends of their range, and data where none may be: CASES 11 (yamux CVE-2026-32314,
//! CVE-2026-31814).

use foctet_mux::{Config, Dir, Frame, MAX_VARINT, StreamId, TransportErrorCode};

use crate::carrier::closes;
use crate::ledger::alone;
use crate::pair::Pair;
use crate::raw::{client, encode, record, server};
use crate::victim::{INPUT, OUTPUT, STREAM, Victim};

const FLOW_CONTROL: TransportErrorCode = TransportErrorCode::FLOW_CONTROL_ERROR;
const FINAL_SIZE: TransportErrorCode = TransportErrorCode::FINAL_SIZE_ERROR;
const FRAME_ENCODING: TransportErrorCode = TransportErrorCode::FRAME_ENCODING_ERROR;
const PROTOCOL: TransportErrorCode = TransportErrorCode::PROTOCOL_VIOLATION;
const STREAM_LIMIT: TransportErrorCode = TransportErrorCode::STREAM_LIMIT_ERROR;
const STREAM_STATE: TransportErrorCode = TransportErrorCode::STREAM_STATE_ERROR;

/// The numbers at which 32 and 62 bits end.
const NOTABLE: [u64; 5] = [1, 1 << 31, (1 << 32) - 1, 1 << 32, MAX_VARINT];

fn data(id: StreamId, offset: u64, fin: bool) -> Frame<'static> {
    Frame::Stream { id, offset, fin, data: b"data" }
}

/// What breaks a rule, and which.
fn attacks() -> Vec<(String, Vec<Frame<'static>>, TransportErrorCode)> {
    let (bi, uni) = (client(Dir::Bi, 0), client(Dir::Uni, 0));
    let mut attacks = Vec::new();
    for value in NOTABLE {
        let code = if value > MAX_VARINT - 4 { FRAME_ENCODING } else { PROTOCOL };
        attacks.push((format!("data at {value}"), vec![data(uni, value, false)], code));
        if value > 1 << 20 {
            let reset = Frame::ResetStream { id: uni, code: 0, final_size: value };
            attacks.push((format!("a final size of {value}"), vec![reset], FLOW_CONTROL));
        }
    }
    let changed = [
        ("a final size that shrinks", Frame::ResetStream { id: bi, code: 0, final_size: 3 }),
        ("a final size that grows", Frame::ResetStream { id: bi, code: 0, final_size: 5 }),
        ("data after the end", data(bi, 4, false)),
    ];
    for (name, frame) in changed {
        attacks.push((name.to_owned(), vec![data(bi, 0, true), frame], FINAL_SIZE));
    }
    let reset = Frame::ResetStream { id: bi, code: 0, final_size: 0 };
    attacks.push(("data after a reset".to_owned(), vec![reset, data(bi, 0, false)], STREAM_STATE));
    for (name, frame) in [
        ("data on our own stream that is not open", data(server(Dir::Bi, 0), 0, false)),
        ("data in the wrong direction", data(server(Dir::Uni, 0), 0, false)),
        ("credit in the wrong direction", Frame::MaxStreamData { id: uni, limit: 9 }),
        ("a stop in the wrong direction", Frame::StopSending { id: uni, code: 9 }),
    ] {
        attacks.push((name.to_owned(), vec![frame], STREAM_STATE));
    }
    for index in [1_024, 1 << 31, MAX_VARINT >> 2] {
        let frame = data(client(Dir::Uni, index), 0, false);
        attacks.push((format!("stream {index}"), vec![frame], STREAM_LIMIT));
    }
    let many = Frame::MaxStreams { dir: Dir::Bi, limit: (1 << 60) + 1 };
    attacks.push(("more than 2^60 streams".to_owned(), vec![many], FRAME_ENCODING));
    attacks
}

#[test]
fn each_ends_the_connection_with_the_error_of_its_rule() {
    let alone = alone();
    for (name, frames, code) in attacks() {
        let wire = record(&encode(&frames));
        let ledger = alone.measure();
        let mut victim = Victim::new(Config::default());
        victim.receive(&wire);
        assert_eq!(victim.violation(), Some(code), "{name}");
        victim.sent();
        let cost = ledger.close();
        let closed = closes(&Config::default(), code, |_, out| out.clone_from(&wire));
        let end = format_args!("{code}, {closed}");
        cost.check_heap(&format!("11 {name}"), INPUT + OUTPUT + STREAM, &end);
    }
}

#[test]
fn credit_at_the_end_of_its_range_adds_up_to_no_more_than_that() {
    let alone = alone();
    let id = server(Dir::Uni, 0);
    let mut wire = Vec::new();
    let ledger = alone.measure();
    let mut victim = Victim::new(Config::default());
    assert_eq!(crate::pair::ready(victim.mux.open(Dir::Uni)), Ok(id));
    for limit in NOTABLE.into_iter().chain(NOTABLE.into_iter().rev()) {
        wire.clear();
        Frame::MaxData { limit }.encode(&mut wire);
        Frame::MaxStreamData { id, limit }.encode(&mut wire);
        Frame::MaxStreams { dir: Dir::Uni, limit: limit.min(1 << 60) }.encode(&mut wire);
        victim.receive(&record(&wire));
        assert!(victim.mux.write(id, &[0; 100]).is_ready());
        victim.sent();
    }
    let cost = ledger.close();
    assert_eq!(victim.mux.error(), None);
    assert_eq!(victim.mux.stats(victim.now).stream_bytes_sent, 1_000);
    cost.check_heap("11 credit of 2^62 - 1", INPUT + OUTPUT + STREAM, &"goes on, as it is allowed");
}

#[test]
fn the_honest_twin_uses_every_credit_to_its_last_byte() {
    let _alone = alone();
    let config = Config::default().stream_receive_window(1_000).receive_window(3_000);
    let mut pair = Pair::both(config);
    let ids: Vec<_> = (0..5).map(|_| pair.client.open(Dir::Uni)).collect();
    for id in &ids {
        pair.client.write(*id, &[1; 1_000]);
    }
    pair.drive();
    // Three are full, and with them the connection.
    assert_eq!(pair.server.mux.stats(pair.now).bytes_unread, 3_000);
    let mut read = 0;
    for id in &ids {
        assert_eq!(pair.server.accept(Dir::Uni), *id);
        read += pair.server.read(*id).0.len();
        pair.drive();
    }
    for id in &ids {
        read += pair.server.read(*id).0.len();
    }
    assert_eq!(read, 5_000);
    pair.assert_alive();
}
