//! One stream that nobody reads, and what is left to its siblings: CASES 15.

use std::collections::HashMap;
use std::task::Poll;
use std::time::Instant;

use foctet_mux::{Config, Dir, Mux, Role, StreamId};

use crate::ledger::{alone, measured};
use crate::pair::epoch;
use crate::victim::OUTPUT;

/// How much of their throughput siblings keep.
const KEPT: f64 = 0.9;

const SIBLINGS: usize = 8;

/// How often the carrier takes output, 64 KiB at once.
fn turns() -> usize {
    if measured() { 20_000 } else { 1_000 }
}

/// Two machines and a carrier that takes 64 KiB a turn.
struct Line {
    from: Mux,
    to: Mux,
    now: Instant,
    data: Vec<u8>,
}

impl Line {
    fn new(config: &Config) -> Self {
        let now = epoch();
        let mut line = Self {
            from: Mux::new(Role::Client, config.clone(), now),
            to: Mux::new(Role::Server, config.clone(), now),
            now,
            data: vec![1; 1 << 20],
        };
        line.turn();
        line.turn();
        line
    }

    /// The carrier takes some of each side's output, and it arrives a millisecond later.
    fn turn(&mut self) {
        let mut out = Vec::with_capacity(OUTPUT);
        self.from.poll_transmit(&mut out, OUTPUT, self.now);
        let mut back = Vec::new();
        self.to.poll_transmit(&mut back, OUTPUT, self.now);
        self.now += std::time::Duration::from_millis(1);
        for (mux, bytes) in [(&mut self.to, out), (&mut self.from, back)] {
            mux.handle_input(bytes.into(), self.now);
            while mux.poll_event().is_some() {}
        }
    }

    fn open(&mut self) -> StreamId {
        match self.from.open(Dir::Uni) {
            Poll::Ready(id) => id.unwrap(),
            Poll::Pending => panic!("streams are allowed"),
        }
    }

    fn fill(&mut self, id: StreamId) {
        while let Poll::Ready(len) = self.from.write(id, &self.data) {
            len.unwrap();
        }
    }
}

/// How many bytes of siblings arrive and are read in all turns, beside as many stalled streams, and how long that took.
fn siblings(stalled: usize, config: &Config) -> (usize, std::time::Duration) {
    let mut line = Line::new(config);
    let stalled: Vec<_> = (0..stalled).map(|_| line.open()).collect();
    let ids: Vec<_> = (0..SIBLINGS).map(|_| line.open()).collect();
    let mut read: HashMap<StreamId, usize> = HashMap::new();
    let begun = tokio::time::Instant::now();
    for _ in 0..turns() {
        for id in stalled.iter().chain(&ids) {
            line.fill(*id);
        }
        line.turn();
        while let Poll::Ready(Ok(_)) = line.to.accept(Dir::Uni) {}
        for id in &ids {
            while let Poll::Ready(Ok(Some(piece))) = line.to.read(*id, usize::MAX) {
                *read.entry(*id).or_default() += piece.len();
            }
        }
    }
    let elapsed = begun.elapsed();
    assert_eq!((line.from.error(), line.to.error()), (None, None));
    let (least, most) = (read.values().min().unwrap(), read.values().max().unwrap());
    assert!(least * 10 >= most * 9, "{read:?}");
    (read.values().sum(), elapsed)
}

#[test]
fn siblings_keep_their_throughput_beside_a_stream_that_nobody_reads() {
    let _alone = alone();
    for (name, config) in [
        ("defaults", Config::default()),
        ("small windows", Config::default().stream_receive_window(1 << 18).receive_window(1 << 20)),
        ("a small send window", Config::default().send_window(1 << 18)),
    ] {
        let (alone, time_alone) = siblings(0, &config);
        let (beside, time_beside) = siblings(1, &config);
        let kept = beside as f64 / alone as f64;
        let rate = |bytes: usize, time: std::time::Duration| bytes as f64 * 8e-9 / time.as_secs_f64();
        println!(
            "ATTACK 15 a stalled stream: {name} | siblings keep {:.1} % of the bytes | {:.1} Gbit/s alone, {:.1} beside",
            kept * 100.0,
            rate(alone, time_alone),
            rate(beside, time_beside)
        );
        assert!(kept >= KEPT, "{name}: {beside} of {alone} bytes");
    }
}

#[test]
fn the_honest_twin_is_a_stream_that_is_read_late_and_then_catches_up() {
    let _alone = alone();
    let mut line = Line::new(&Config::default());
    let (late, sibling) = (line.open(), line.open());
    let mut read = [0, 0];
    for turn in 0..2_000 {
        line.fill(late);
        line.fill(sibling);
        line.turn();
        while let Poll::Ready(Ok(_)) = line.to.accept(Dir::Uni) {}
        for (index, id) in [late, sibling].into_iter().enumerate() {
            if index == 1 || turn >= 1_000 {
                while let Poll::Ready(Ok(Some(piece))) = line.to.read(id, usize::MAX) {
                    read[index] += piece.len();
                }
            }
        }
    }
    let [late, sibling] = read;
    // A third of the whole: a half of the second half, and what had waited.
    assert!(late * 4 >= sibling, "{late} of a stream that is read late, {sibling} of its sibling");
}
