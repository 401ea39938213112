//! Frames and records that are none: CASES 10.

use foctet_mux::{Config, Dir, Frame, MAX_VARINT, TransportErrorCode};

use crate::carrier::closes;
use crate::ledger::{alone, frames};
use crate::raw::{client, encode, record, varint};
use crate::victim::{INPUT, OUTPUT, Victim};

const FRAME_ENCODING: TransportErrorCode = TransportErrorCode::FRAME_ENCODING_ERROR;
const PROTOCOL: TransportErrorCode = TransportErrorCode::PROTOCOL_VIOLATION;

/// Whether QMux knows the type.
fn is_known(frame_type: u64) -> bool {
    matches!(frame_type, 0 | 4 | 5 | 0x08..=0x17 | 0x1c | 0x1d | 0x30 | 0x31)
}

/// Numbers of every length that look random and are always the same.
fn random_varints() -> impl Iterator<Item = u64> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 2) >> (state & 0x3f)
    })
}

#[test]
fn every_unknown_type_ends_the_connection_at_its_first_frame() {
    let alone = alone();
    let types = (0..1 << 16).chain(random_varints()).filter(|frame_type| !is_known(*frame_type));
    let known = [0x348c_6752_9ef8_c7bd, 0x348c_6752_9ef8_c7be, 0x3f51_5330_0d0a_0d0a];
    let count = frames();
    let ledger = alone.measure();
    for frame_type in types.filter(|frame_type| !known.contains(frame_type)).take(count as usize) {
        let mut payload = varint(frame_type);
        payload.extend_from_slice(&[0; 20]);
        let mut victim = Victim::new(Config::default());
        victim.receive(&record(&payload));
        assert_eq!(victim.violation(), Some(FRAME_ENCODING), "{frame_type:#x}");
        victim.sent();
    }
    let cost = ledger.close();
    let closed = closes(&Config::default(), FRAME_ENCODING, |_, wire| wire.clone_from(&record(&[0x24; 9])));
    // Each costs a whole connection: what is counted is heap.
    let end = format_args!("{count} connections, {FRAME_ENCODING}, {closed}");
    cost.check_heap("10 unknown types", INPUT + OUTPUT, &end);
}

#[test]
fn records_of_any_forbidden_size_end_the_connection_before_they_arrive() {
    let alone = alone();
    let ledger = alone.measure();
    let mut ends = Vec::new();
    for (size, code) in [
        (0, PROTOCOL),
        (16_383, FRAME_ENCODING),
        (1 << 31, FRAME_ENCODING),
        ((1 << 32) - 1, FRAME_ENCODING),
        (MAX_VARINT, FRAME_ENCODING),
    ] {
        let mut victim = Victim::new(Config::default());
        victim.receive(&varint(size));
        assert_eq!(victim.violation(), Some(code), "{size}");
        // What follows is thrown away.
        victim.receive(&[0; 1_000]);
        ends.push((size, code));
    }
    let cost = ledger.close();
    for (size, code) in ends {
        let closed = closes(&Config::default(), code, |_, wire| wire.clone_from(&varint(size)));
        cost.check_heap(
            &format!("10 a record of {size} bytes"),
            INPUT + OUTPUT,
            &format_args!("{code}, {closed}"),
        );
    }
}

#[test]
fn the_honest_twin_sends_one_of_each_known_frame() {
    let _alone = alone();
    let mut victim = Victim::new(Config::default());
    let (bi, uni) = (client(Dir::Bi, 0), client(Dir::Uni, 0));
    victim.sent();
    let known = [
        Frame::Padding(3),
        Frame::Stream { id: bi, offset: 0, fin: false, data: b"data" },
        Frame::Stream { id: bi, offset: 4, fin: true, data: b"" },
        Frame::StopSending { id: bi, code: 1 },
        Frame::StreamDataBlocked { id: uni, limit: 0 },
        Frame::ResetStream { id: uni, code: 2, final_size: 9 },
        Frame::MaxData { limit: MAX_VARINT },
        Frame::MaxStreamData { id: bi, limit: MAX_VARINT },
        Frame::MaxStreams { dir: Dir::Bi, limit: 1 << 60 },
        Frame::MaxStreams { dir: Dir::Uni, limit: 1 << 60 },
        Frame::DataBlocked { limit: 0 },
        Frame::StreamsBlocked { dir: Dir::Bi, limit: 0 },
        Frame::StreamsBlocked { dir: Dir::Uni, limit: 0 },
        Frame::Datagram { data: b"datagram", frame_size: 0 },
        Frame::Ping { sequence: 0 },
        Frame::Pong { sequence: 0 },
    ];
    for frame in &known {
        victim.receive(&record(&encode(&[*frame])));
    }
    assert_eq!(victim.mux.error(), None);
    // All in one record, of which a last frame says no length.
    let mut together = Victim::new(Config::default());
    together.sent();
    let mut payload = encode(&known);
    payload.extend_from_slice(&[0x30, 1, 2, 3]);
    together.receive(&record(&payload));
    assert_eq!(together.mux.error(), None);
}
