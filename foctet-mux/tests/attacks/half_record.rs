//! Records that never end, or come a byte at a time: CASES 10 and 13.

use std::time::Duration;

use foctet_mux::{Config, ConnectionError, Dir, Frame, MAX_MAX_RECORD_SIZE, MIN_MAX_RECORD_SIZE};

use crate::ledger::alone;
use crate::raw::{client, encode, varint};
use crate::victim::{OUTPUT, Victim};

#[test]
fn a_record_that_stops_before_its_last_byte_costs_itself_until_the_idle_timeout() {
    let alone = alone();
    for size in [MIN_MAX_RECORD_SIZE, 200_000, MAX_MAX_RECORD_SIZE] {
        let config = Config::default().max_record_size(size).max_datagram_frame_size(0);
        let mut wire = varint(size as u64);
        wire.resize(wire.len() + size - 1, 0);
        let ledger = alone.measure();
        let mut victim = Victim::new(config);
        for byte in &wire {
            victim.receive(&[*byte]);
        }
        let cost = ledger.close();
        assert_eq!(victim.mux.error(), None);
        let buffer = victim.mux.read_buffer_size();
        // Half a record is no sign of life, however it drips.
        victim.pass(Duration::from_secs(59));
        assert_eq!(victim.mux.error(), None);
        victim.receive(b"");
        victim.pass(Duration::from_secs(1));
        assert_eq!(victim.mux.error(), Some(&ConnectionError::TimedOut));
        // The buffer whose room ran out, and the one that it is moved to.
        cost.check(
            &format!("13 half a record: {size} bytes"),
            wire.len() as u64,
            OUTPUT + 2 * buffer,
            &"TimedOut after 60 s",
        );
    }
}

#[test]
fn the_honest_twin_sends_records_a_byte_at_a_time_over_a_slow_line() {
    let _alone = alone();
    // A full record takes 20 s at 800 bytes a second.
    let mut victim = Victim::new(Config::default());
    let id = client(Dir::Uni, 0);
    let data = vec![9; 16_000];
    for n in 0..100 {
        let payload = encode(&[Frame::Stream { id, offset: n * 16_000, fin: false, data: &data }]);
        let mut wire = varint(payload.len() as u64);
        wire.extend_from_slice(&payload);
        for piece in wire.chunks(80) {
            victim.pass(Duration::from_millis(100));
            victim.receive(piece);
        }
        victim.sent();
        assert_eq!(victim.mux.error(), None);
        let _ = victim.mux.accept(Dir::Uni);
        while victim.mux.read(id, usize::MAX).is_ready() {}
    }
    assert_eq!(victim.mux.stats(victim.now).stream_bytes_received, 1_600_000);
}
