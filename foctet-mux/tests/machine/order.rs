//! What goes first, and how it is packed.

use std::time::Duration;

use bytes::Bytes;
use foctet_mux::{Dir, Frame, StreamId};

use crate::pair::{WRITE, ready};
use crate::raw::{Raw, client, frames};

/// A machine whose peer allows more than these tests use.
fn generous() -> Raw {
    let mut raw = Raw::new();
    raw.send(&[
        Frame::MaxData { limit: 1 << 30 },
        Frame::MaxStreams { dir: Dir::Uni, limit: 1_000 },
        Frame::Pong { sequence: 0 },
    ]);
    raw
}

fn bulk(raw: &mut Raw, len: usize) -> StreamId {
    let id = ready(raw.mux.open(Dir::Uni)).unwrap();
    raw.send(&[Frame::MaxStreamData { id, limit: 1 << 30 }]);
    assert_eq!(ready(raw.mux.write(id, &vec![1; len])), Ok(len));
    id
}

/// The streams in the order in which their data goes, one entry a frame.
fn order(raw: &mut Raw) -> Vec<StreamId> {
    let records = raw.output();
    let frames = frames(&records);
    frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Stream { id, .. } => Some(*id),
            _ => None,
        })
        .collect()
}

#[test]
fn full_records_are_exactly_full_tls_records() {
    let mut raw = generous();
    bulk(&mut raw, 100_000);
    let mut out = Vec::new();
    assert!(raw.mux.poll_transmit(&mut out, WRITE, raw.now));
    assert_eq!(out.len(), 4 * 16_384);
    for record in out.chunks(16_384) {
        assert_eq!(record[..2], (0x4000_u16 | 16_382).to_be_bytes());
    }
}

#[test]
fn output_stops_where_the_carrier_does() {
    let mut raw = generous();
    bulk(&mut raw, 100_000);
    let mut out = Vec::new();
    assert!(!raw.mux.poll_transmit(&mut out, 16_383, raw.now));
    assert!(raw.mux.poll_transmit(&mut out, 16_384, raw.now));
    assert!(!raw.mux.poll_transmit(&mut out, 32_767, raw.now));
    assert_eq!(out.len(), 16_384);
}

#[test]
fn control_goes_before_credit_and_credit_before_data() {
    let mut raw = generous();
    let theirs = client(Dir::Uni, 0);
    let half = vec![0; 16_000];
    for offset in (0..1 << 20).step_by(16_000).take(60) {
        raw.send(&[Frame::Stream { id: theirs, offset: offset as u64, fin: false, data: &half }]);
    }
    bulk(&mut raw, 50_000);
    assert_eq!(ready(raw.mux.accept(Dir::Uni)), Ok(theirs));
    while raw.mux.read(theirs, usize::MAX).is_ready() {}
    raw.mux.send_datagram(Bytes::from_static(b"datagram")).unwrap();
    raw.send(&[Frame::Ping { sequence: 1 }]);
    let records = raw.output();
    let rank = |frame: &Frame<'_>| match frame {
        Frame::Pong { .. } | Frame::Ping { .. } => 0,
        Frame::MaxData { .. } | Frame::MaxStreamData { .. } => 1,
        Frame::Datagram { .. } => 2,
        Frame::Stream { .. } => 3,
        other => panic!("{other:?}"),
    };
    let ranks: Vec<_> = frames(&records).iter().map(rank).collect();
    assert!(ranks.is_sorted(), "{ranks:?}");
    for expected in 0..=3 {
        assert!(ranks.contains(&expected), "{ranks:?}");
    }
}

#[test]
fn equals_take_turns_a_record_each() {
    let mut raw = generous();
    let ids = [0; 3].map(|_| bulk(&mut raw, 50_000));
    let order = order(&mut raw);
    for turn in order.chunks_exact(3).take(3) {
        assert_eq!(turn, ids);
    }
}

#[test]
fn a_higher_priority_goes_strictly_first_and_a_change_acts_at_once() {
    let mut raw = generous();
    let ids = [0; 3].map(|_| bulk(&mut raw, 30_000));
    raw.mux.set_priority(ids[2], 7);
    raw.mux.set_priority(ids[0], -7);
    let first = order(&mut raw);
    assert!(first.is_sorted_by_key(|id| std::cmp::Reverse(*id)), "{first:?}");
    let ids = [0; 2].map(|_| bulk(&mut raw, 60_000));
    let mut out = Vec::new();
    raw.mux.poll_transmit(&mut out, 16_384, raw.now);
    raw.mux.set_priority(ids[1], 1);
    let rest = order(&mut raw);
    let urgent = rest.iter().take_while(|id| **id == ids[1]).count();
    assert!(urgent >= 4, "{rest:?}");
    assert!(!rest[urgent..].contains(&ids[1]));
}

#[test]
fn many_small_streams_share_a_record() {
    let mut raw = generous();
    for _ in 0..100 {
        let id = ready(raw.mux.open(Dir::Uni)).unwrap();
        assert!(raw.mux.write(id, b"hello").is_ready());
        raw.mux.finish(id).unwrap();
    }
    let records = raw.output();
    assert_eq!(records.len(), 1);
    assert_eq!(frames(&records).len(), 100);
}

#[test]
fn the_largest_datagrams_pass_beside_control_and_data() {
    let mut raw = generous();
    bulk(&mut raw, 100_000);
    let longest = raw.mux.max_datagram_size().unwrap();
    for sequence in 1..20 {
        raw.send(&[Frame::Ping { sequence }]);
        raw.mux.send_datagram(vec![0; longest].into()).unwrap();
        let records = raw.output();
        assert!(frames(&records).iter().any(|frame| matches!(frame, Frame::Datagram { .. })));
    }
}

#[test]
fn unsent_datagrams_are_bounded_and_the_oldest_give_way() {
    let mut raw = generous();
    for index in 0..5_000_u32 {
        let mut data = vec![0; 1_000];
        data[..4].copy_from_slice(&index.to_be_bytes());
        raw.mux.send_datagram(data.into()).unwrap();
    }
    let records = raw.output();
    let sent: Vec<u32> = frames(&records)
        .iter()
        .filter_map(|frame| match frame {
            Frame::Datagram { data, .. } => Some(u32::from_be_bytes(data[..4].try_into().unwrap())),
            _ => None,
        })
        .collect();
    assert!(sent.is_sorted() && sent.last() == Some(&4_999));
    assert!(sent.len() <= (1 << 20) / 1_000, "{}", sent.len());
    assert_eq!(raw.mux.stats(raw.now).datagrams_dropped as usize, 5_000 - sent.len());
}

#[test]
fn a_flow_of_data_is_measured_now_and_then() {
    let mut raw = generous();
    let id = client(Dir::Uni, 0);
    let mut questions = 0;
    for offset in 0..1_000 {
        raw.now += Duration::from_millis(1);
        raw.send(&[Frame::Stream { id, offset, fin: false, data: b"x" }]);
        let records = raw.output();
        for frame in frames(&records) {
            if let Frame::Ping { sequence } = frame {
                questions += 1;
                raw.send(&[Frame::Pong { sequence }]);
            }
        }
    }
    assert!((2..=6).contains(&questions), "{questions}");
}
