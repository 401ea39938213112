//! Datagrams that nobody reads: CASES 12.

use foctet_mux::{Config, Frame, TransportErrorCode};

use crate::ledger::alone;
use crate::pair::{Pair, ready};
use crate::raw::{encode, record};
use crate::victim::{Attack, INPUT, OUTPUT, Victim, endure, flood};

/// The default of [`Config::datagram_buffer`], in bytes.
const BUFFER: usize = 1 << 20;

#[test]
fn datagrams_that_nobody_reads_cost_their_buffer() {
    let alone = alone();
    for len in [0, 1, 100] {
        let data = vec![3; len];
        endure(
            &alone,
            &Attack {
                name: &format!("12 datagrams: {len} bytes"),
                config: &Config::default(),
                bound: INPUT + OUTPUT + BUFFER,
                each: 1,
            },
            |_, payload| Frame::Datagram { data: &data, frame_size: 0 }.encode(payload),
            |_| {},
        );
    }
}

#[test]
fn large_datagrams_hold_nothing_but_themselves() {
    let alone = alone();
    // Just so long that they might be kept where they were read, in buffers more than four times as large.
    let (large, filler) = (vec![3; 15_361], vec![4; 12_000]);
    let large = record(&encode(&[Frame::Datagram { data: &large, frame_size: 0 }]));
    let filler = record(&encode(&[Frame::Datagram { data: &filler, frame_size: 0 }]));
    let rounds = crate::ledger::frames() / 50;
    let ledger = alone.measure();
    let mut victim = Victim::new(Config::default());
    for _ in 0..rounds {
        victim.receive(&large);
        for _ in 0..3 {
            victim.receive(&filler);
        }
    }
    let cost = ledger.close();
    assert_eq!(victim.mux.error(), None);
    cost.check_heap("12 datagrams: 15 KiB", INPUT + OUTPUT + BUFFER, &"goes on, as its bounds hold");
}

#[test]
fn a_datagram_where_none_is_allowed_ends_the_connection() {
    let alone = alone();
    let most = flood(
        &alone,
        &Attack {
            name: "12 datagrams: not negotiated",
            config: &Config::default().max_datagram_frame_size(0),
            bound: INPUT + OUTPUT,
            each: 1,
        },
        TransportErrorCode::PROTOCOL_VIOLATION,
        |_, payload| Frame::Datagram { data: b"", frame_size: 0 }.encode(payload),
        |_| {},
    );
    assert_eq!(most, 0);
}

#[test]
fn the_honest_twin_loses_none_of_ten_thousand_datagrams_that_are_read() {
    let _alone = alone();
    let mut pair = Pair::established();
    for n in 0..10_000_u32 {
        pair.client.mux.send_datagram(n.to_be_bytes().to_vec().into()).unwrap();
        if n % 500 == 499 {
            pair.drive();
            for expected in n - 499..=n {
                assert_eq!(ready(pair.server.mux.read_datagram()).unwrap()[..], expected.to_be_bytes());
            }
        }
    }
    pair.assert_alive();
    assert_eq!(pair.server.mux.stats(pair.now).datagrams_dropped, 0);
}
