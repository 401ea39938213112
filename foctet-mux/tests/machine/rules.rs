//! What a peer must not say: CASES 10 and 11.

use foctet_mux::{Config, ConnectionError, Dir, Frame, MAX_VARINT, TransportErrorCode};

use crate::raw::{Raw, client, encode, frames, params, record, server, varint};

const FRAME_ENCODING: TransportErrorCode = TransportErrorCode::FRAME_ENCODING_ERROR;
const PROTOCOL: TransportErrorCode = TransportErrorCode::PROTOCOL_VIOLATION;
const STREAM_STATE: TransportErrorCode = TransportErrorCode::STREAM_STATE_ERROR;
const FLOW_CONTROL: TransportErrorCode = TransportErrorCode::FLOW_CONTROL_ERROR;
const FINAL_SIZE: TransportErrorCode = TransportErrorCode::FINAL_SIZE_ERROR;
const STREAM_LIMIT: TransportErrorCode = TransportErrorCode::STREAM_LIMIT_ERROR;

/// Values at which something could break.
const NOTABLE: [u64; 8] = [0, 1, 63, 64, 1 << 31, (1 << 32) - 1, 1 << 60, MAX_VARINT];

fn data(dir: Dir, index: u64, offset: u64, data: &[u8]) -> Frame<'_> {
    Frame::Stream { id: client(dir, index), offset, fin: false, data }
}

fn end(dir: Dir, index: u64, offset: u64, data: &[u8]) -> Frame<'_> {
    Frame::Stream { id: client(dir, index), offset, fin: true, data }
}

fn reset(dir: Dir, index: u64, final_size: u64) -> Frame<'static> {
    Frame::ResetStream { id: client(dir, index), code: 0, final_size }
}

/// One of each frame that a client may send to a server with streams open; none is a violation on its own.
fn one_of_each(params: &[u8]) -> Vec<Frame<'_>> {
    let id = client(Dir::Bi, 0);
    vec![
        Frame::TransportParameters { encoded: params },
        Frame::Padding(1),
        Frame::Padding(300),
        Frame::Stream { id, offset: 0, fin: false, data: b"some data" },
        Frame::Stream { id, offset: 9, fin: true, data: b"more" },
        Frame::ResetStream { id, code: 7, final_size: 13 },
        Frame::StopSending { id, code: 99_999 },
        Frame::MaxData { limit: 1 << 40 },
        Frame::MaxStreamData { id, limit: 70_000 },
        Frame::MaxStreams { dir: Dir::Bi, limit: 1 << 60 },
        Frame::MaxStreams { dir: Dir::Uni, limit: 20_000 },
        Frame::DataBlocked { limit: 5 },
        Frame::StreamDataBlocked { id, limit: 5 },
        Frame::StreamsBlocked { dir: Dir::Bi, limit: 5 },
        Frame::StreamsBlocked { dir: Dir::Uni, limit: 5 },
        Frame::Datagram { data: b"datagram", frame_size: 10 },
        Frame::Ping { sequence: 3 },
        Frame::Pong { sequence: 0 },
        Frame::ApplicationClose { code: 3, reason: b"reason" },
        Frame::ConnectionClose { code: 3, frame_type: 0x31, reason: b"reason" },
    ]
}

#[test]
fn anything_before_the_transport_parameters_is_a_violation() {
    for frame in one_of_each(&params()).into_iter().skip(1) {
        Raw::fresh(Config::default()).violates(&[frame], PROTOCOL);
    }
}

#[test]
fn transport_parameters_twice_are_a_violation() {
    Raw::new().violates(&[Frame::TransportParameters { encoded: &params() }], PROTOCOL);
}

#[test]
fn bad_transport_parameters_are_told_as_such() {
    let code = TransportErrorCode::TRANSPORT_PARAMETER_ERROR;
    for encoded in [&[0, 0][..], &[4, 1], &[4, 1, 1, 4, 1, 1], &[0x10, 1, 1]] {
        Raw::fresh(Config::default()).violates(&[Frame::TransportParameters { encoded }], code);
    }
}

#[test]
fn each_frame_alone_is_understood_and_again_as_it_was_written() {
    let params = params();
    for frame in one_of_each(&params) {
        let wire = encode(&[frame]);
        let mut rest = &wire[..];
        assert_eq!(Frame::decode(&mut rest), Ok(frame));
        assert!(rest.is_empty());
    }
}

#[test]
fn a_frame_cut_short_at_any_byte_is_an_encoding_error() {
    let params = params();
    for frame in one_of_each(&params).into_iter().filter(|frame| !matches!(frame, Frame::Padding(_))) {
        let wire = encode(&[frame]);
        for cut in 1..wire.len() {
            let code = Frame::decode(&mut &wire[..cut]).unwrap_err().code;
            assert_eq!(code, FRAME_ENCODING, "{frame:?} cut at {cut}");
            let mut raw = if matches!(frame, Frame::TransportParameters { .. }) {
                Raw::fresh(Config::default())
            } else {
                Raw::new()
            };
            raw.bytes_violate(&record(&wire[..cut]), FRAME_ENCODING);
        }
    }
}

#[test]
fn every_unknown_and_forbidden_type_is_an_encoding_error() {
    let known = |frame_type| matches!(frame_type, 0 | 4 | 5 | 0x08..=0x17 | 0x1c | 0x1d | 0x30 | 0x31);
    let types = (0..1 << 16).chain([1 << 30, 0x348c_6752_9ef8_c7bc, 0x348c_6752_9ef8_c7bf, MAX_VARINT]);
    for frame_type in types.filter(|frame_type| !known(*frame_type)) {
        let mut payload = varint(frame_type);
        payload.extend([0; 20]);
        assert_eq!(Frame::decode(&mut &payload[..]).unwrap_err().code, FRAME_ENCODING, "{frame_type:#x}");
    }
    // PING, ACK, CRYPTO, NEW_TOKEN, NEW_CONNECTION_ID, RETIRE_CONNECTION_ID, PATH_CHALLENGE, PATH_RESPONSE,
    // HANDSHAKE_DONE, RESET_STREAM_AT.
    for frame_type in [1, 2, 3, 6, 7, 0x18, 0x19, 0x1a, 0x1b, 0x1e, 0x24] {
        Raw::new().bytes_violate(&record(&[frame_type, 0, 0, 0, 0, 0, 0, 0, 0]), FRAME_ENCODING);
    }
}

#[test]
fn records_of_size_0_and_beyond_the_maximum_are_refused_and_the_largest_is_taken() {
    Raw::new().bytes_violate(&[0], PROTOCOL);
    for size in [16_383, 1 << 20, MAX_VARINT] {
        Raw::new().bytes_violate(&varint(size), FRAME_ENCODING);
    }
    let mut raw = Raw::new();
    raw.bytes(&record(&[0; 16_382]));
    raw.assert_alive();
    let mut larger = Raw::with(Config::default().max_record_size(20_000));
    larger.bytes(&record(&[0; 20_000]));
    larger.assert_alive();
    larger.bytes_violate(&varint(20_001), FRAME_ENCODING);
}

#[test]
fn a_record_may_arrive_one_byte_at_a_time() {
    let mut raw = Raw::new();
    for byte in record(&encode(&[data(Dir::Uni, 0, 0, &[7; 500]), end(Dir::Uni, 1, 0, b"")])) {
        raw.bytes(&[byte]);
    }
    raw.assert_alive();
    assert!(raw.mux.accept(Dir::Uni).is_ready() && raw.mux.accept(Dir::Uni).is_ready());
}

#[test]
fn data_must_follow_on_what_came_before() {
    for offset in [1, 2, 4, 100, 1 << 40] {
        let mut raw = Raw::new();
        raw.send(&[data(Dir::Bi, 0, 0, b"abc")]);
        raw.violates(&[data(Dir::Bi, 0, offset, b"d")], PROTOCOL);
    }
    Raw::new().violates(&[data(Dir::Bi, 0, 1, b"")], PROTOCOL);
}

#[test]
fn data_beyond_2_to_the_62_is_an_encoding_error() {
    Raw::new().violates(&[data(Dir::Bi, 0, MAX_VARINT, b"x")], FRAME_ENCODING);
    Raw::new().violates(&[data(Dir::Bi, 0, MAX_VARINT, b"")], PROTOCOL);
}

#[test]
fn a_streams_credit_is_usable_to_the_last_byte_and_no_further() {
    let config = Config::default().stream_receive_window(1_000);
    let mut raw = Raw::with(config.clone());
    raw.send(&[data(Dir::Bi, 0, 0, &[0; 1_000])]);
    raw.assert_alive();
    raw.violates(&[data(Dir::Bi, 0, 1_000, b"x")], FLOW_CONTROL);
    Raw::with(config).violates(&[data(Dir::Uni, 0, 0, &[0; 1_001])], FLOW_CONTROL);
}

#[test]
fn the_connections_credit_is_usable_to_the_last_byte_and_no_further() {
    let config = Config::default().receive_window(1_000);
    let mut raw = Raw::with(config.clone());
    raw.send(&[data(Dir::Bi, 0, 0, &[0; 600]), data(Dir::Uni, 0, 0, &[0; 400])]);
    raw.assert_alive();
    raw.violates(&[data(Dir::Uni, 1, 0, b"x")], FLOW_CONTROL);
    let mut raw = Raw::with(config);
    raw.send(&[data(Dir::Bi, 0, 0, &[0; 600])]);
    raw.violates(&[reset(Dir::Bi, 0, 1_001)], FLOW_CONTROL);
}

#[test]
fn a_reset_counts_up_to_its_final_size() {
    let config = Config::default().stream_receive_window(1_000).receive_window(1_500);
    Raw::with(config.clone()).violates(&[reset(Dir::Bi, 0, 1_001)], FLOW_CONTROL);
    Raw::with(config.clone()).violates(&[reset(Dir::Bi, 0, MAX_VARINT)], FLOW_CONTROL);
    let mut raw = Raw::with(config);
    // What nobody will read is credited again, so this can go on for ever.
    let mut limit = 1_500;
    for index in 0..100 {
        raw.send(&[reset(Dir::Bi, index, 1_000)]);
        raw.assert_alive();
        let records = raw.output();
        for frame in frames(&records) {
            if let Frame::MaxData { limit: raised } = frame {
                assert!(raised > limit);
                limit = raised;
            }
        }
    }
    assert!(limit >= 100_000);
}

#[test]
fn nothing_may_follow_the_end() {
    let ended = || {
        let mut raw = Raw::new();
        raw.send(&[end(Dir::Bi, 0, 0, b"abc")]);
        raw
    };
    ended().violates(&[data(Dir::Bi, 0, 3, b"d")], FINAL_SIZE);
    ended().violates(&[data(Dir::Bi, 0, 2, b"c")], FINAL_SIZE);
    ended().violates(&[reset(Dir::Bi, 0, 2)], FINAL_SIZE);
    ended().violates(&[reset(Dir::Bi, 0, 4)], FINAL_SIZE);
    let mut raw = ended();
    raw.send(&[reset(Dir::Bi, 0, 3), end(Dir::Bi, 0, 3, b"")]);
    raw.assert_alive();
}

#[test]
fn nothing_may_follow_a_reset() {
    let reset_at_5 = || {
        let mut raw = Raw::new();
        raw.send(&[data(Dir::Bi, 0, 0, b"abc"), reset(Dir::Bi, 0, 5)]);
        raw
    };
    reset_at_5().violates(&[data(Dir::Bi, 0, 5, b"x")], STREAM_STATE);
    reset_at_5().violates(&[reset(Dir::Bi, 0, 6)], FINAL_SIZE);
    reset_at_5().violates(&[reset(Dir::Bi, 0, 4)], FINAL_SIZE);
    let mut raw = reset_at_5();
    raw.send(&[reset(Dir::Bi, 0, 5)]);
    raw.assert_alive();
}

#[test]
fn a_reset_may_not_take_back_what_was_sent() {
    let mut raw = Raw::new();
    raw.send(&[data(Dir::Uni, 0, 0, b"abc")]);
    raw.violates(&[reset(Dir::Uni, 0, 2)], FINAL_SIZE);
}

#[test]
fn data_on_a_stream_that_is_over_and_forgotten_is_a_violation() {
    let mut raw = Raw::new();
    raw.send(&[end(Dir::Uni, 0, 0, b"abc")]);
    let id = client(Dir::Uni, 0);
    assert_eq!(raw.mux.accept(Dir::Uni), std::task::Poll::Ready(Ok(id)));
    raw.mux.release_recv(id);
    assert_eq!(raw.mux.stats(raw.now).streams, 0);
    // What may have crossed our end of it is no violation.
    raw.send(&[reset(Dir::Uni, 0, 3), Frame::StreamDataBlocked { id, limit: 3 }]);
    raw.assert_alive();
    raw.violates(&[data(Dir::Uni, 0, 3, b"d")], STREAM_STATE);
}

#[test]
fn streams_beyond_the_limit_are_refused_and_the_last_allowed_is_not() {
    let config = Config::default().max_streams_bidi(10).max_streams_uni(0);
    let mut raw = Raw::with(config.clone());
    raw.send(&[data(Dir::Bi, 9, 0, b"x")]);
    raw.assert_alive();
    assert_eq!(raw.mux.stats(raw.now).streams, 10);
    raw.violates(&[data(Dir::Bi, 10, 0, b"x")], STREAM_LIMIT);
    let far = |dir| client(dir, (1 << 60) - 1);
    for (frame, code) in [
        (data(Dir::Uni, 0, 0, b"x"), STREAM_LIMIT),
        (reset(Dir::Uni, 0, 0), STREAM_LIMIT),
        (data(Dir::Bi, (1 << 60) - 1, 0, b""), STREAM_LIMIT),
        (Frame::StopSending { id: far(Dir::Bi), code: 0 }, STREAM_LIMIT),
        (Frame::MaxStreamData { id: far(Dir::Bi), limit: 0 }, STREAM_LIMIT),
        (Frame::StreamDataBlocked { id: far(Dir::Uni), limit: 0 }, STREAM_LIMIT),
    ] {
        Raw::with(config.clone()).violates(&[frame], code);
    }
}

#[test]
fn frames_for_the_half_that_a_stream_lacks_are_refused() {
    let (theirs, ours) = (client(Dir::Uni, 0), server(Dir::Uni, 0));
    for frame in [
        Frame::StopSending { id: theirs, code: 0 },
        Frame::MaxStreamData { id: theirs, limit: 5 },
        Frame::Stream { id: ours, offset: 0, fin: false, data: b"x" },
        Frame::ResetStream { id: ours, code: 0, final_size: 0 },
        Frame::StreamDataBlocked { id: ours, limit: 0 },
    ] {
        let mut raw = Raw::new();
        assert!(raw.mux.open(Dir::Uni).is_ready());
        raw.violates(&[frame], STREAM_STATE);
    }
}

#[test]
fn frames_for_streams_that_we_have_not_opened_are_refused() {
    let (bi, uni) = (server(Dir::Bi, 0), server(Dir::Uni, 0));
    for frame in [
        Frame::Stream { id: bi, offset: 0, fin: false, data: b"x" },
        Frame::ResetStream { id: bi, code: 0, final_size: 0 },
        Frame::StopSending { id: bi, code: 0 },
        Frame::StopSending { id: uni, code: 0 },
        Frame::MaxStreamData { id: bi, limit: 1 },
        Frame::MaxStreamData { id: uni, limit: 1 },
        Frame::StreamDataBlocked { id: bi, limit: 1 },
    ] {
        Raw::new().violates(&[frame], STREAM_STATE);
    }
}

#[test]
fn credit_of_any_size_in_any_order_is_taken_without_overflow() {
    let mut raw = Raw::new();
    let id = match raw.mux.open(Dir::Bi) {
        std::task::Poll::Ready(Ok(id)) => id,
        other => panic!("{other:?}"),
    };
    for limit in NOTABLE.into_iter().chain(NOTABLE.into_iter().rev()) {
        raw.send(&[Frame::MaxData { limit }, Frame::MaxStreamData { id, limit }]);
        let count = limit.min(1 << 60);
        raw.send(&[
            Frame::MaxStreams { dir: Dir::Bi, limit: count },
            Frame::MaxStreams { dir: Dir::Uni, limit: count },
            Frame::DataBlocked { limit },
            Frame::StreamDataBlocked { id, limit },
            Frame::StreamsBlocked { dir: Dir::Uni, limit: count },
        ]);
        raw.assert_alive();
        assert!(raw.mux.write(id, &[0; 100]).is_ready());
        raw.output();
    }
}

#[test]
fn more_than_2_to_the_60_streams_are_an_encoding_error() {
    let limit = (1 << 60) + 1;
    for dir in [Dir::Bi, Dir::Uni] {
        Raw::new().violates(&[Frame::MaxStreams { dir, limit }], FRAME_ENCODING);
        Raw::new().violates(&[Frame::StreamsBlocked { dir, limit }], FRAME_ENCODING);
    }
}

#[test]
fn questions_must_rise_and_answers_must_have_been_asked_for() {
    let mut raw = Raw::new();
    raw.send(&[Frame::Ping { sequence: 0 }, Frame::Ping { sequence: 5 }]);
    assert_eq!(frames(&raw.output()), [Frame::Pong { sequence: 5 }]);
    raw.violates(&[Frame::Ping { sequence: 5 }], PROTOCOL);
    let mut raw = Raw::new();
    // The machine asked once, when it was established.
    raw.send(&[Frame::Pong { sequence: 0 }]);
    raw.assert_alive();
    raw.violates(&[Frame::Pong { sequence: 1 }], PROTOCOL);
}

#[test]
fn datagrams_are_refused_beyond_what_was_allowed() {
    let frame = Frame::Datagram { data: &[0; 98], frame_size: 101 };
    let mut raw = Raw::with(Config::default().max_datagram_frame_size(101));
    raw.send(&[frame]);
    raw.assert_alive();
    Raw::with(Config::default().max_datagram_frame_size(100)).violates(&[frame], PROTOCOL);
    let empty = Frame::Datagram { data: b"", frame_size: 2 };
    Raw::with(Config::default().max_datagram_frame_size(0)).violates(&[empty], PROTOCOL);
}

#[test]
fn both_kinds_of_close_are_told_apart() {
    let mut raw = Raw::new();
    raw.send(&[
        Frame::ApplicationClose { code: MAX_VARINT, reason: b"\xff bye" },
        Frame::Ping { sequence: 0 },
    ]);
    let reason = bytes::Bytes::from_static(b"\xff bye");
    assert_eq!(
        raw.mux.error(),
        Some(&ConnectionError::ApplicationClosed { code: MAX_VARINT, reason: reason.clone() })
    );
    assert!(raw.output().is_empty());
    let mut raw = Raw::new();
    raw.send(&[Frame::ConnectionClose { code: 0x0a, frame_type: 0x08, reason: b"\xff bye" }]);
    let code = PROTOCOL;
    assert_eq!(raw.mux.error(), Some(&ConnectionError::ConnectionClosed { code, frame_type: 8, reason }));
    assert!(raw.output().is_empty());
}

#[test]
fn frames_without_a_length_end_where_the_record_does() {
    let mut raw = Raw::new();
    // STREAM with neither offset nor length, then one with an offset; DATAGRAM without a length.
    for payload in [&[0x08, 2, b'a', b'b'][..], &[0x0d, 2, 2, b'c'], &[0x30, b'd', b'e']] {
        raw.bytes(&record(payload));
    }
    raw.assert_alive();
    let id = client(Dir::Uni, 0);
    assert!(raw.mux.accept(Dir::Uni).is_ready());
    let read = crate::pair::ready(raw.mux.read(id, 10)).unwrap().unwrap();
    assert_eq!(read, "abc");
    assert_eq!(crate::pair::ready(raw.mux.read_datagram()).unwrap(), "de");
}
