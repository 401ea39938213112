//! Runs a target's body many times over mutations of its corpus, without instrumentation: it finds no new ground, but
//! where the fuzzer has been it goes ten to a hundred times as often in the same time.
//!
//! `cargo run --release --example repeat -- TARGET COUNT [SEED]`; the corpus is `corpus/TARGET`. An input that panics is
//! written to `artifacts/TARGET`.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "shared with the fuzz targets")]

use std::path::Path;
use std::time::Instant;

#[path = "../bodies/bench_frames.rs"]
mod bench_frames;
#[path = "../bodies/mux_connection.rs"]
mod mux_connection;
#[path = "../bodies/mux_frame.rs"]
mod mux_frame;
#[path = "../bodies/mux_pair.rs"]
mod mux_pair;
#[path = "../bodies/node_id.rs"]
mod node_id;
#[path = "../bodies/notice.rs"]
mod notice;
#[path = "../bodies/path_agent.rs"]
mod path_agent;
#[path = "../bodies/relay_control.rs"]
mod relay_control;
#[path = "../bodies/relay_packet.rs"]
mod relay_packet;
#[path = "../bodies/relay_router.rs"]
mod relay_router;
#[path = "../bodies/ticket.rs"]
mod ticket;
#[path = "../bodies/ticket_body.rs"]
mod ticket_body;
#[path = "../bodies/transfer_frames.rs"]
mod transfer_frames;
#[path = "../bodies/transfer_manifest.rs"]
mod transfer_manifest;
#[path = "../bodies/transport_addr.rs"]
mod transport_addr;

/// Every target and its body.
const BODIES: [(&str, fn(&[u8])); 15] = [
    ("bench_frames", bench_frames::run),
    ("mux_connection", mux_connection::run),
    ("mux_frame", mux_frame::run),
    ("mux_pair", mux_pair::run),
    ("node_id", node_id::run),
    ("notice", notice::run),
    ("path_agent", path_agent::run),
    ("relay_control", relay_control::run),
    ("relay_packet", relay_packet::run),
    ("relay_router", relay_router::run),
    ("ticket", ticket::run),
    ("ticket_body", ticket_body::run),
    ("transfer_frames", transfer_frames::run),
    ("transfer_manifest", transfer_manifest::run),
    ("transport_addr", transport_addr::run),
];

/// The longest input, in bytes, that mutations make.
const LONGEST: usize = 1024;

/// Values at which something ends.
const NOTABLE: [u8; 8] = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff];

/// A xorshift generator: fast, and the same for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

fn mutate(data: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() + 1);
        let length = random.below(data.len() - at + 1).min(random.below(32));
        match random.below(6) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => data[at] = random.next() as u8,
            2 if at < data.len() => data[at] = NOTABLE[random.below(NOTABLE.len())],
            3 => drop(data.drain(at..at + length)),
            4 => {
                let piece = data[at..at + length].to_vec();
                let to = random.below(data.len() + 1);
                drop(data.splice(to..to, piece));
            }
            5 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                let end = from + random.below(other.len() - from + 1).min(64);
                drop(data.splice(at..at, other[from..end].iter().copied()));
            }
            _ => data.insert(at, random.next() as u8),
        }
    }
    data.truncate(LONGEST);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, count, rest @ ..] = &arguments[..] else { panic!("TARGET COUNT [SEED]") };
    let (name, run) = BODIES.iter().find(|(name, _)| name == target).expect("a target");
    let count: u64 = count.parse().expect("a count");
    let seed = rest.first().map_or(1, |seed| seed.parse().expect("a seed"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = root.join("corpus").join(name).read_dir().expect("a corpus");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect();
    let mut random = Random(seed | 1 << 32);
    let mut data = Vec::new();
    let begun = Instant::now();
    for done in 0..count {
        // Some steps away from a seed, then from another.
        if done % 16 == 0 {
            data.clone_from(&seeds[random.below(seeds.len())]);
        }
        mutate(&mut data, &seeds, &mut random);
        if std::panic::catch_unwind(|| run(&data)).is_err() {
            let artifacts = root.join("artifacts").join(name);
            std::fs::create_dir_all(&artifacts).expect("a directory for what was found");
            std::fs::write(artifacts.join(format!("repeat-{seed}-{done}")), &data)
                .expect("the input is written");
            std::process::exit(1);
        }
    }
    println!("{name}: {count} executions in {:.0} s, seed {seed}", begun.elapsed().as_secs_f64());
}
