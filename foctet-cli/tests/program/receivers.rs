//! How many receivers a sender serves.

use rustix::process::Signal;
use tempfile::tempdir;

use crate::content::{file, names};
use crate::process::Process;

#[test]
fn two_receivers_are_served_at_once_and_the_sender_ends_after_both() {
    let (source, one, two) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let path = source.path().join("f");
    file(&path, 8_000_000, 0);
    let (sender, ticket) = Process::send(["-n".as_ref(), "2".as_ref(), path.as_os_str()]);
    let receivers = [&one, &two].map(|dir| Process::receive(&ticket, dir.path(), &[]));
    for receiver in receivers {
        receiver.finish().assert_success();
    }
    let outcome = sender.finish();
    outcome.assert_success();
    assert_eq!(outcome.events.iter().filter(|event| event["event"] == "done").count(), 2, "{outcome:?}");
}

#[test]
fn keep_serves_until_interrupted_and_then_ends_with_success() {
    for signal in [Signal::INT, Signal::TERM] {
        let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
        let path = source.path().join("f");
        file(&path, 1000, 0);
        let (sender, ticket) = Process::send(["--keep".as_ref(), path.as_os_str()]);
        for round in ["1", "2", "3"] {
            Process::receive(&ticket, &target.path().join(round), &[]).finish().assert_success();
            sender.wait_for("done");
        }
        sender.signal(signal);
        let outcome = sender.finish();
        outcome.assert_success();
        assert_eq!(names(target.path()), ["1", "2", "3"]);
    }
}

#[test]
fn the_command_line_goes_before_the_environment_and_cannot_contradict_itself() {
    let source = tempdir().unwrap();
    let path = source.path().join("f");
    file(&path, 10, 0);
    let outcome = crate::process::run(["send", "--json", "--keep", "-n", "2", path.to_str().unwrap()]);
    outcome.assert_failed(2, "usage");

    let mut command = crate::process::foctet(["send", "--json", "--bind", "127.0.0.1:0", "-n", "1"]);
    command.arg(&path).env("FOCTET_KEEP", "1");
    let sender = Process::start(command);
    let ticket = sender.wait_for("listening")["ticket"].as_str().unwrap().to_owned();
    Process::receive(&ticket, &source.path().join("out"), &[]).finish().assert_success();
    sender.finish().assert_success();
}
