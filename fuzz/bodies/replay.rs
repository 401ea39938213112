//! Runs the body of a target over its committed corpus, so that plain `cargo test` replays what fuzzing found.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// How many inputs to run beyond the corpus itself: mutations of it, the same ones for the same number. They find no new
/// ground, but without instrumentation they go over the known one some ten times as often as the fuzzer.
const EXECUTIONS: &str = "FOCTET_EXECUTIONS";

/// The longest input, in bytes, that mutations make.
const LONGEST: usize = 1024;

/// Bytes at which something ends.
const NOTABLE: [u8; 8] = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff];

/// Runs `run` over every file of `corpus/<target>`, and fails if there is none: a moved corpus must not pass.
pub(crate) fn corpus(target: &str, run: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("the directory can be read to its end").path())
        .filter(|path| path.is_file())
        .collect();
    names.sort();
    assert!(!names.is_empty(), "{} is empty", dir.display());
    let mut seeds = Vec::new();
    for path in names {
        // Printed only when the test fails: the last one named is the culprit.
        println!("{}", path.display());
        let seed = fs::read(&path).expect("the file can be read");
        run(&seed);
        seeds.push(seed);
    }
    #[allow(clippy::disallowed_methods, reason = "it tells how long the test is to run")]
    let executions = std::env::var(EXECUTIONS).ok().map_or(0, |count| count.parse().expect("a number"));
    mutations(&seeds, executions, run);
    println!("{target}: {executions} mutations");
}

/// Runs `run` over mutations of `seeds`.
fn mutations(seeds: &[Vec<u8>], executions: u64, run: fn(&[u8])) {
    let mut random = Random(1);
    let mut data = Vec::new();
    for done in 0..executions {
        // Some steps away from one seed, then from another.
        if done % 16 == 0 {
            data.clone_from(random.choose(seeds));
        }
        mutate(&mut data, seeds, &mut random);
        if catch_unwind(|| run(&data)).is_err() {
            panic!("mutation {done} fails: {}", data.escape_ascii());
        }
    }
}

fn mutate(data: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() + 1);
        let length = random.below((data.len() - at).min(32) + 1);
        match random.below(7) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => data[at] = random.next() as u8,
            2 if at < data.len() => data[at] = *random.choose(&NOTABLE),
            3 => drop(data.drain(at..at + length)),
            4 => {
                let piece = data[at..at + length].to_vec();
                let to = random.below(data.len() + 1);
                drop(data.splice(to..to, piece));
            }
            5 => {
                let other = random.choose(seeds);
                let from = random.below(other.len() + 1);
                let end = from + random.below((other.len() - from).min(64) + 1);
                drop(data.splice(at..at, other[from..end].iter().copied()));
            }
            _ => data.insert(at, random.next() as u8),
        }
    }
    data.truncate(LONGEST);
}

/// A xorshift generator: fast, and always the same.
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

    fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
