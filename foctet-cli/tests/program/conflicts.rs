//! Names that exist already.

use std::fs;

use tempfile::{TempDir, tempdir};

use crate::content::{file, names};
use crate::process::{Outcome, Process};

const OLD: &[u8] = b"what was there before";

/// Receives `report.txt` where one exists already; returns how that went, the sender and the directory.
fn receive_over_existing(args: &[&str]) -> (Outcome, Process, TempDir, Vec<u8>) {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    let path = source.path().join("report.txt");
    let new = file(&path, 5000, 9);
    fs::write(target.path().join("report.txt"), OLD).unwrap();
    let (sender, ticket) = Process::send([&path]);
    let outcome = Process::receive(&ticket, target.path(), args).finish();
    (outcome, sender, target, new)
}

#[test]
fn without_a_terminal_a_name_that_exists_is_a_failure_and_the_sender_goes_on() {
    for args in [&[][..], &["--on-conflict", "fail"]] {
        let (outcome, mut sender, target, _) = receive_over_existing(args);
        outcome.assert_failed(7, "exists");
        assert!(outcome.event("error")["message"].as_str().unwrap().contains("report.txt"));
        assert_eq!(fs::read(target.path().join("report.txt")).unwrap(), OLD);
        assert_eq!(names(target.path()), ["report.txt"]);
        sender.wait_for("waiting");
        assert!(sender.is_running());
    }
}

#[test]
fn skip_keeps_what_is_there() {
    let (outcome, sender, target, _) = receive_over_existing(&["--on-conflict", "skip"]);
    outcome.assert_success();
    assert_eq!(outcome.event("skipped")["path"], "report.txt");
    assert_eq!(fs::read(target.path().join("report.txt")).unwrap(), OLD);
    assert_eq!(names(target.path()), ["report.txt"]);
    sender.finish().assert_success();
}

#[test]
fn rename_keeps_both() {
    let (outcome, sender, target, new) = receive_over_existing(&["--on-conflict", "rename"]);
    outcome.assert_success();
    let names = names(target.path());
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(fs::read(target.path().join("report.txt")).unwrap(), OLD);
    let other = names.iter().find(|name| *name != "report.txt").unwrap();
    assert_eq!(fs::read(target.path().join(other)).unwrap(), new);
    sender.finish().assert_success();
}

#[test]
fn overwrite_replaces_what_is_there() {
    let (outcome, sender, target, new) = receive_over_existing(&["--on-conflict", "overwrite"]);
    outcome.assert_success();
    assert_eq!(names(target.path()), ["report.txt"]);
    assert_eq!(fs::read(target.path().join("report.txt")).unwrap(), new);
    sender.finish().assert_success();
}
