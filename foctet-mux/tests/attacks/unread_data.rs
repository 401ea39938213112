//! Windows filled with what nobody reads, in the shapes that cost most: CASES 11 to 13.

use foctet_mux::{Config, Dir, Frame, TransportErrorCode};

use crate::ledger::alone;
use crate::pair::Pair;
use crate::raw::{client, encode, record};
use crate::victim::{INPUT, OUTPUT, STREAM, Victim};

/// The connection's window in these attacks, in bytes.
const WINDOW: usize = 16 << 20;

/// The shortest data that is kept where it was read, in bytes: it holds a whole read buffer of 64 KiB.
const KEPT_WHERE_READ: usize = 15_360;

fn config() -> Config {
    Config::default()
        .stream_receive_window(WINDOW as u64)
        .initial_stream_receive_window(WINDOW as u64)
        .receive_window(WINDOW as u64)
        .initial_receive_window(WINDOW as u64)
}

#[test]
fn data_that_holds_a_read_buffer_for_every_frame_costs_what_is_documented() {
    let alone = alone();
    let config = config().datagram_buffer(1 << 16);
    let id = client(Dir::Uni, 0);
    // The rest of each read buffer costs the sender no credit and us no memory.
    let filler = vec![4; 16_000];
    let filler = record(&encode(&[Frame::Datagram { data: &filler, frame_size: 0 }]));
    let data = vec![5; KEPT_WHERE_READ];
    let frames = WINDOW / KEPT_WHERE_READ;
    let ledger = alone.measure();
    let mut victim = Victim::new(config);
    for n in 0..frames {
        let offset = (n * KEPT_WHERE_READ) as u64;
        victim.receive(&record(&encode(&[Frame::Stream { id, offset, fin: false, data: &data }])));
        for _ in 0..3 {
            victim.receive(&filler);
        }
    }
    let cost = ledger.close();
    assert_eq!(victim.mux.error(), None);
    assert_eq!(victim.mux.stats(victim.now).bytes_unread, (frames * KEPT_WHERE_READ) as u64);
    cost.check_heap(
        "13 unread data: a read buffer for each frame",
        INPUT + OUTPUT + STREAM + (1 << 16) + WINDOW / 15 * 64,
        &format_args!("{frames} frames, {} KiB of data", frames * KEPT_WHERE_READ / 1024),
    );
    // What goes over the window is refused, and with it the connection.
    let offset = (frames * KEPT_WHERE_READ) as u64;
    victim.receive(&record(&encode(&[Frame::Stream { id, offset, fin: false, data: &data }])));
    assert_eq!(victim.violation(), Some(TransportErrorCode::FLOW_CONTROL_ERROR));
}

#[test]
fn data_in_pieces_that_waste_most_of_their_gathering_costs_less_than_that() {
    let alone = alone();
    let id = client(Dir::Uni, 0);
    // Each pair makes a gathered piece grow to twice its size before the next pair has no room in it.
    let pieces = [vec![6; 8_193], vec![7; 1]];
    let ledger = alone.measure();
    let mut victim = Victim::new(config());
    let mut offset = 0;
    for piece in pieces.iter().cycle() {
        if offset + piece.len() > WINDOW {
            break;
        }
        let frame = Frame::Stream { id, offset: offset as u64, fin: false, data: piece };
        victim.receive(&record(&encode(&[frame])));
        offset += piece.len();
    }
    let cost = ledger.close();
    assert_eq!(victim.mux.error(), None);
    cost.check_heap(
        "13 unread data: gathered pieces half empty",
        INPUT + OUTPUT + STREAM + 2 * WINDOW,
        &format_args!("{} KiB of data", offset / 1024),
    );
}

#[test]
fn one_byte_on_each_of_all_streams_costs_the_streams() {
    let alone = alone();
    let streams = 1_024;
    let ledger = alone.measure();
    let mut victim = Victim::new(Config::default());
    for dir in [Dir::Bi, Dir::Uni] {
        for index in 0..streams {
            let frame = Frame::Stream { id: client(dir, index), offset: 0, fin: false, data: b"x" };
            victim.receive(&record(&encode(&[frame])));
        }
    }
    let cost = ledger.close();
    assert_eq!(victim.mux.error(), None);
    assert_eq!(victim.mux.stats(victim.now).bytes_unread, 2 * streams);
    cost.check_heap(
        "13 unread data: a byte on each stream",
        INPUT + OUTPUT + 2 * STREAM * streams as usize,
        &format_args!("{} streams", 2 * streams),
    );
}

#[test]
fn the_honest_twin_fills_every_window_and_is_read_in_the_end() {
    let _alone = alone();
    let mut pair = Pair::established();
    let ids: Vec<_> = (0..100).map(|_| pair.client.open(Dir::Uni)).collect();
    let (mut written, mut read) = (0, 0);
    for id in &ids {
        written += pair.client.write(*id, &vec![8; 1 << 20]);
        pair.drive();
    }
    assert!(pair.server.mux.stats(pair.now).bytes_unread >= WINDOW as u64 / 2);
    for id in &ids {
        assert_eq!(pair.server.accept(Dir::Uni), *id);
        read += pair.server.read(*id).0.len();
        pair.drive();
    }
    for id in &ids {
        read += pair.server.read(*id).0.len();
        pair.drive();
    }
    assert_eq!(written, read);
    pair.assert_alive();
}
