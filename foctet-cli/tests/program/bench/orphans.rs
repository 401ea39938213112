//! A benchmark on this machine alone starts processes, and leaves none.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{PATIENCE, Process, foctet};

/// The processes whose parent this is.
fn children(parent: u32) -> Vec<u32> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, ppid)| ppid == parent)).collect()
}

/// A process' state and parent; none if it is gone.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn is_gone(pid: u32) -> bool {
    stat(pid).is_none_or(|(state, _)| state == 'Z')
}

#[test]
fn whether_it_is_interrupted_or_killed_its_other_processes_end() {
    for signal in [Signal::INT, Signal::KILL] {
        let bench = Process::start(foctet(["bench", "--json", "--rounds", "1000", "--time", "20ms"]));
        bench.wait_for("sample");
        let children = children(bench.id());
        assert_eq!(children.len(), 2, "one to be reached directly, one through the relay");
        bench.signal(signal);
        let outcome = bench.finish();
        if signal == Signal::INT {
            outcome.assert_failed(130, "interrupted");
        }
        let deadline = Instant::now() + PATIENCE;
        while !children.iter().all(|child| is_gone(*child)) {
            assert!(Instant::now() < deadline, "{children:?} go on after {signal:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
