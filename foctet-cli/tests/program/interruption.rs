//! Ctrl-C, kill -9 and sources that change: nothing half-written ever has a final name.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::{TempDir, tempdir};

use crate::content::{file, names};
use crate::process::{Process, foctet};

/// Long enough that a transfer is still running when its first progress is seen.
const LONG: u64 = 1 << 30;

/// The same where the transfer is completed in the end.
const LESS_LONG: u64 = 256 << 20;

/// A sparse file of zeros: long, and made in no time.
fn long_file(length: u64) -> (TempDir, PathBuf) {
    let source = tempdir().unwrap();
    let path = source.path().join("long");
    File::create(&path).unwrap().set_len(length).unwrap();
    (source, path)
}

/// The names in `dir` that are not hidden.
fn visible(dir: &Path) -> Vec<String> {
    names(dir).into_iter().filter(|name| !name.starts_with('.')).collect()
}

#[test]
fn ctrl_c_while_waiting_ends_the_sender() {
    for signal in [Signal::INT, Signal::TERM] {
        let source = tempdir().unwrap();
        file(&source.path().join("f"), 10, 0);
        let (sender, _) = Process::send([source.path().join("f")]);
        sender.signal(signal);
        sender.finish().assert_failed(130, "interrupted");
    }
}

#[test]
fn ctrl_c_at_the_receiver_removes_the_partial_and_leaves_the_sender_waiting() {
    for transport in ["quic", "tcp"] {
        let (_source, path) = long_file(LONG);
        let target = tempdir().unwrap();
        let (mut sender, ticket) =
            Process::send(["--transport".as_ref(), transport.as_ref(), path.as_os_str()]);
        let receiver = Process::receive(&ticket, target.path(), &[]);
        receiver.wait_for_content();
        receiver.signal(Signal::INT);
        receiver.finish().assert_failed(130, "interrupted");
        assert_eq!(names(target.path()), [""; 0]);
        let why = sender.wait_for("waiting");
        assert!(why["why"].as_str().is_some_and(|why| !why.is_empty()), "{why}");
        assert!(sender.is_running());
    }
}

#[test]
fn ctrl_c_at_the_sender_tells_the_receiver() {
    for (transport, keep) in [("quic", false), ("tcp", true)] {
        let (_source, path) = long_file(LONG);
        let target = tempdir().unwrap();
        let mut args = vec!["--transport".into(), transport.into(), path.into_os_string()];
        if keep {
            args.push("--keep".into());
        }
        let (sender, ticket) = Process::send(args);
        let receiver = Process::receive(&ticket, target.path(), &[]);
        sender.wait_for_content();
        sender.signal(Signal::INT);
        sender.finish().assert_failed(130, "interrupted");
        let outcome = receiver.finish();
        assert_eq!(outcome.code, Some(4), "{outcome:?}");
        assert_eq!(names(target.path()), [""; 0]);
    }
}

#[test]
fn the_second_ctrl_c_ends_at_once() {
    let (_source, path) = long_file(LONG);
    let target = tempdir().unwrap();
    let (_sender, ticket) = Process::send([&path]);
    let receiver = Process::receive(&ticket, target.path(), &[]);
    receiver.wait_for_content();
    receiver.signal(Signal::INT);
    receiver.signal(Signal::TERM);
    assert_eq!(receiver.finish().code, Some(130));
    assert!(visible(target.path()).is_empty());
}

#[test]
fn a_killed_receiver_leaves_no_final_name_and_comes_back() {
    for transport in ["quic", "tcp"] {
        let (_source, path) = long_file(LESS_LONG);
        let target = tempdir().unwrap();
        let (mut sender, ticket) =
            Process::send(["--transport".as_ref(), transport.as_ref(), path.as_os_str()]);
        let receiver = Process::receive(&ticket, target.path(), &[]);
        receiver.wait_for_content();
        receiver.kill();
        assert!(visible(target.path()).is_empty());
        if transport == "tcp" {
            sender.wait_for("waiting");
        }
        assert!(sender.is_running());
        Process::receive(&ticket, target.path(), &[]).finish().assert_success();
        sender.finish().assert_success();
        assert_eq!(names(target.path()), ["long"], "the first one's partial is gone too");
        assert_eq!(fs::metadata(target.path().join("long")).unwrap().len(), LESS_LONG);
    }
}

#[test]
fn a_killed_sender_leaves_no_final_name() {
    let (_source, path) = long_file(LONG);
    let target = tempdir().unwrap();
    let (sender, ticket) = Process::send(["--transport".as_ref(), "tcp".as_ref(), path.as_os_str()]);
    let receiver = Process::receive(&ticket, target.path(), &["--reconnect", "1s"]);
    receiver.wait_for_content();
    sender.kill();
    receiver.wait_for("interrupted");
    receiver.finish().assert_failed(4, "connection-lost");
    assert_eq!(names(target.path()), [""; 0]);
}

#[test]
fn a_source_that_vanished_or_changed_is_noticed_on_both_sides() {
    for what in ["vanished", "grew", "shrank"] {
        let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
        let path = source.path().join("f");
        file(&path, 2_000_000, 0);
        let (sender, ticket) = Process::send([&path]);
        match what {
            "vanished" => fs::remove_file(&path).unwrap(),
            "grew" => drop(file(&path, 2_000_001, 5)),
            _ => drop(file(&path, 1_000, 5)),
        }
        let outcome = Process::receive(&ticket, target.path(), &[]).finish();
        outcome.assert_failed(8, "source-changed");
        let sent = sender.finish();
        sent.assert_failed(8, "source-changed");
        for outcome in [outcome, sent] {
            let message = outcome.event("error")["message"].as_str().unwrap().to_owned();
            assert!(message.contains(what) || message.contains("no such file"), "{message}");
        }
        assert_eq!(names(target.path()), [""; 0]);
    }
}

#[test]
fn a_full_disk_is_named_on_both_sides() {
    let mount = tempdir().unwrap();
    let small = SmallDisk::mount(mount.path());
    let Some(_small) = small else {
        println!("SKIPPED: no small file system can be mounted here");
        return;
    };
    let source = tempdir().unwrap();
    file(&source.path().join("f"), 8_000_000, 0);
    let (mut sender, ticket) = Process::send([source.path().join("f")]);
    let outcome = Process::receive(&ticket, mount.path(), &[]).finish();
    outcome.assert_failed(7, "disk-full");
    assert_eq!(names(mount.path()), [""; 0]);
    let why = sender.wait_for("waiting");
    assert!(why["why"].as_str().unwrap().contains("disk is full"), "{why}");
    // The receiver finds room elsewhere; nothing is lost.
    assert!(sender.is_running());
    let elsewhere = tempdir().unwrap();
    Process::receive(&ticket, elsewhere.path(), &[]).finish().assert_success();
    sender.finish().assert_success();
}

/// A file system of 4 MB, for as long as it lives.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(at).output();
        mounted.ok()?.status.success().then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let source = tempdir().unwrap();
    file(&source.path().join("f"), 10, 0);
    let (mut sender, ticket) = Process::send([source.path().join("f")]);
    // A file where a directory is asked for: refused for root as well.
    let outcome = Process::receive(&ticket, &source.path().join("f"), &[]).finish();
    outcome.assert_failed(7, "disk");
    assert!(sender.is_running());
    let mut vanished = foctet(["receive", &ticket, "--json", "-y", "-o", "/proc/no/such"]);
    vanished.env("FOCTET_TIMEOUT", "20s");
    Process::start(vanished).finish().assert_failed(7, "disk");
}
