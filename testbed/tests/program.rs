//! The program, as it is used by hand. Skipped where there can be no networks.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use testbed::Testbed;

/// A network's name that no other test has; it is taken down in the end.
struct Name(String);

impl Drop for Name {
    fn drop(&mut self) {
        testbed(&["down", &self.0]);
    }
}

fn testbed(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_testbed")).args(arguments).output().unwrap()
}

fn available() -> bool {
    if let Err(reason) = Testbed::available() {
        println!("SKIPPED: networks of namespaces: {reason}");
        return false;
    }
    true
}

#[test]
fn a_network_stays_up_until_it_is_taken_down_and_its_link_runs_meanwhile() {
    if !available() {
        return;
    }
    let name = Name(format!("by-hand{}", std::process::id()));
    let up =
        testbed(&["up", &name.0, "--topology", "homes", "--left-link", "delay=1ms", "--right", "symmetric"]);
    assert!(up.status.success(), "{up:?}");
    let list = String::from_utf8(testbed(&["list"]).stdout).unwrap();
    let line = list.lines().find(|line| line.starts_with(&format!("{}:", name.0))).unwrap();
    for node in ["alice", "bob", "internet", "left", "relay1", "relay2", "right"] {
        assert!(line.contains(&format!(" {node}")), "{line}");
    }

    let exec = testbed(&["exec", &name.0, "alice", "--", "sh", "-c", "ip -o addr show eth0; exit 7"]);
    assert_eq!(exec.status.code(), Some(7));
    assert!(String::from_utf8(exec.stdout).unwrap().contains("192.168.1.10/24"));

    // Another one of that name is refused, and harms nothing.
    let again = testbed(&["up", &name.0]);
    assert!(!again.status.success());
    let devices = testbed(&["exec", &name.0, "left", "ip", "link", "show", "wan0"]);
    assert!(devices.status.success(), "{devices:?}");

    let namespace = format!("/run/netns/foctet-{}-internet", name.0);
    assert!(Path::new(&namespace).exists());
    assert!(testbed(&["down", &name.0]).status.success());
    assert!(!Path::new(&namespace).exists());
    assert!(!testbed(&["down", &name.0]).status.success());
}

#[test]
fn what_a_dead_process_left_behind_is_swept_and_what_a_living_one_has_is_not() {
    if !available() {
        return;
    }
    let mut child = Command::new("true").spawn().unwrap();
    let dead = child.id();
    child.wait().unwrap();
    let bed = Testbed::new("living").unwrap();
    let left = format!("foctet-{dead}-0-left-internet");
    assert!(Command::new("ip").args(["netns", "add", &left]).status().unwrap().success());
    // Another test may have swept it already.
    testbed(&["sweep"]);
    assert!(!Path::new("/run/netns").join(&left).exists());
    let mine = format!("{}-", std::process::id());
    assert!(testbed::existing().iter().any(|(name, _)| name.starts_with(&mine)));
    drop(bed);
    assert!(!testbed::existing().iter().any(|(name, _)| name.starts_with(&mine)));
}

#[test]
fn names_and_words_that_mean_nothing_are_refused() {
    for arguments in [
        &["up", "Name"][..],
        &["up", "1st"],
        &["up", "x", "--topology", "mesh"],
        &["up", "x", "--left", "none"],
        &["up", "x", "--left-link", "delay=fast"],
        &["probe-nat", "nat"],
        &["down", "nothing-of-that-name"],
    ] {
        let output = testbed(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}
