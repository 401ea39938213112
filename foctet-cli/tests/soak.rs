//! Random transfers with random kills of either side.
//!
//! After each: no wrong content under a final name, nothing outside the target directory; and a second attempt
//! completes. A few rounds by default; `FOCTET_SOAK=200` sets how many, `FOCTET_SOAK_SEED` which ones.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on says so

#[allow(dead_code)]
#[path = "program/content.rs"]
mod content;
#[allow(dead_code)]
#[path = "program/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use content::{Entry, Rng, file, names, tree};
use process::{Outcome, Process};
use rustix::process::Signal;
use tempfile::tempdir;

/// Rounds without `FOCTET_SOAK`.
const DEFAULT_ROUNDS: u64 = 6;

/// The largest file, and the largest one in a tree.
const MAX_FILE: u64 = 64 << 20;
const MAX_TREE_FILE: u64 = 256 << 10;

/// The most entries of a tree.
const MAX_ENTRIES: u64 = 500;

/// The latest kill after the transfer began, in microseconds.
const MAX_DELAY_US: u64 = 400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Sender,
    Receiver,
    Nobody,
}

#[test]
fn random_transfers_survive_random_kills() {
    let number = |name, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (rounds, seed): (u64, u64) = (number("FOCTET_SOAK", DEFAULT_ROUNDS), number("FOCTET_SOAK_SEED", 1));
    let mut interrupted = 0;
    for round in 0..rounds {
        interrupted += u64::from(one_round(seed.wrapping_mul(1_000_003).wrapping_add(round)));
    }
    println!(
        "{rounds} rounds, {interrupted} of them interrupted before the end; every one complete after a second attempt"
    );
}

/// One transfer with one kill and a second attempt; whether the kill came before the end.
fn one_round(seed: u64) -> bool {
    let mut rng = Rng::new(seed);
    let base = tempdir().unwrap();
    let (source, target) = (base.path().join("source"), base.path().join("target"));
    fs::create_dir(&target).unwrap();
    let offered = make_content(&source, &mut rng);
    let transport = ["auto", "quic", "tcp"][below(&mut rng, 3) as usize];
    let victim = [Victim::Sender, Victim::Receiver, Victim::Receiver, Victim::Sender, Victim::Nobody]
        [below(&mut rng, 5) as usize];
    let before = tree(&source);
    let context = format!("seed {seed}, {transport}, {victim:?}, {} entries", before.len());

    let send = || {
        Process::send(["--keep".as_ref(), "--transport".as_ref(), transport.as_ref(), offered.as_os_str()])
    };
    let (mut sender, mut ticket) = send();
    let receiver = Process::receive(&ticket, &target, &["--reconnect", "300ms"]);
    let complete = match victim {
        Victim::Nobody => {
            let outcome = receiver.finish();
            assert_eq!(outcome.code, Some(0), "{context}: {outcome:?}");
            true
        }
        Victim::Receiver => {
            wait_a_moment(&receiver, &mut rng);
            receiver.kill();
            assert!(sender.is_running(), "{context}");
            false
        }
        Victim::Sender => {
            wait_a_moment(&receiver, &mut rng);
            sender.kill();
            let outcome = end_of_orphan(receiver, transport);
            (sender, ticket) = send();
            outcome.code == Some(0)
        }
    };
    assert_nothing_wrong(&source, &target, &context);
    if complete {
        assert_eq!(tree(&target), before, "{context}");
    }

    let interrupted = tree(&target) != before;
    let again = Process::receive(&ticket, &target, &["--on-conflict", "overwrite"]).finish();
    assert_eq!(again.code, Some(0), "{context}: {again:?}");
    assert!(sender.is_running(), "{context}");
    assert_eq!(tree(&target), before, "{context}: leftovers or wrong content");
    assert_eq!(tree(&source), before, "{context}: the source is as it was");
    assert_eq!(names(base.path()), ["source", "target"], "{context}: nothing outside the target");
    interrupted
}

/// Lets the transfer run for a random while: often from its first sign of life, else from now.
fn wait_a_moment(receiver: &Process, rng: &mut Rng) {
    if below(rng, 4) > 0 {
        receiver.wait_for("manifest");
    }
    std::thread::sleep(Duration::from_micros(below(rng, MAX_DELAY_US)));
}

/// How a receiver ends whose sender is gone: by itself over TCP, where the system tells; over QUIC only silence does,
/// and the user may have enough of it.
fn end_of_orphan(receiver: Process, transport: &str) -> Outcome {
    if transport == "quic" {
        receiver.signal(Signal::INT);
    }
    receiver.finish()
}

/// Whatever has a final name has the right content. Hidden partials are what a kill may leave.
fn assert_nothing_wrong(source: &Path, target: &Path, context: &str) {
    let offered = tree(source);
    for (path, entry) in visible(tree(target)) {
        let there =
            offered.get(&path).unwrap_or_else(|| panic!("{context}: {} was not offered", path.display()));
        assert!(*there == entry, "{context}: {} is not what was offered", path.display());
    }
}

fn visible(tree: BTreeMap<PathBuf, Entry>) -> BTreeMap<PathBuf, Entry> {
    let hidden = |path: &Path| path.iter().any(|name| name.to_string_lossy().starts_with(".foctet-"));
    tree.into_iter().filter(|(path, _)| !hidden(path)).collect()
}

/// A file or a tree below `source`, and the path to offer.
fn make_content(source: &Path, rng: &mut Rng) -> PathBuf {
    if below(rng, 2) == 0 {
        let path = source.join("file.bin");
        file(&path, any_size(rng, MAX_FILE), rng.next());
        return path;
    }
    let root = source.join("tree");
    fs::create_dir_all(&root).unwrap();
    let mut dirs = vec![root.clone()];
    for entry in 0..below(rng, MAX_ENTRIES) {
        let parent = dirs[below(rng, dirs.len() as u64) as usize].clone();
        if below(rng, 10) == 0 {
            let dir = parent.join(format!("dir {entry}"));
            fs::create_dir(&dir).unwrap();
            dirs.push(dir);
        } else {
            file(&parent.join(format!("{entry} ü.bin")), any_size(rng, MAX_TREE_FILE), rng.next());
        }
    }
    root
}

/// A number from 0 to one less than `bound`.
fn below(rng: &mut Rng, bound: u64) -> u64 {
    rng.next() % bound
}

/// Sizes of every magnitude, 0 and `max` included.
fn any_size(rng: &mut Rng, max: u64) -> usize {
    let magnitude = below(rng, u64::from(max.ilog2()) + 1);
    let size = if below(rng, 8) == 0 { 0 } else { below(rng, 2 << magnitude) };
    usize::try_from(size.min(max)).unwrap()
}
