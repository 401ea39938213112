//! `foctet ping`.

use rustix::process::Signal;
use tempfile::tempdir;

use crate::content::file;
use crate::process::{Process, foctet};
use crate::relay;

fn ping(ticket: &str, args: &[&str]) -> Process {
    let mut command = foctet(["ping", ticket, "--bind", "127.0.0.1:0"]);
    command.args(args);
    Process::start(command)
}

#[test]
fn round_trips_are_measured_and_the_sender_goes_on_waiting() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    let path = source.path().join("f");
    file(&path, 1000, 0);
    for transport in ["quic", "tcp"] {
        let (mut sender, ticket) = Process::send([&path]);
        let outcome = ping(&ticket, &["--json", "-c", "2", "--transport", transport]).finish();
        outcome.assert_success();
        let names: Vec<_> = outcome.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(names, ["connected", "ping", "ping", "pinged"]);
        for event in &outcome.events[1..] {
            assert_eq!(event["path"]["kind"], "direct", "{event}");
            assert_eq!(event["path"]["transport"], transport, "{event}");
        }
        let summary = outcome.event("pinged");
        assert_eq!(summary["count"], 2);
        let [min, median, max] =
            ["min_ms", "median_ms", "max_ms"].map(|name| summary[name].as_f64().unwrap());
        assert!(0.0 < min && min <= median && median <= max, "{summary}");
        assert!(summary["why_not_direct"].is_null(), "{summary}");

        assert!(sender.is_running());
        Process::receive(&ticket, &target.path().join(transport), &[]).finish().assert_success();
        let sent = sender.finish();
        sent.assert_success();
        for event in &sent.events {
            assert!(!["waiting", "error"].contains(&event["event"].as_str().unwrap()), "{event}");
        }
        assert_eq!(sent.events.iter().filter(|event| event["event"] == "connected").count(), 1);
    }
}

#[test]
fn without_a_count_it_goes_on_until_ctrl_c_and_then_sums_up() {
    let source = tempdir().unwrap();
    let path = source.path().join("f");
    file(&path, 1000, 0);
    let (_sender, ticket) = Process::send([&path]);
    let pinging = ping(&ticket, &["--json"]);
    pinging.wait_for("ping");
    pinging.signal(Signal::INT);
    let outcome = pinging.finish();
    outcome.assert_success();
    outcome.event("pinged");
}

#[test]
fn people_read_a_line_for_each() {
    let source = tempdir().unwrap();
    let path = source.path().join("f");
    file(&path, 1000, 0);
    let (_sender, ticket) = Process::send([&path]);
    let outcome = ping(&ticket, &["-c", "1"]).finish();
    outcome.assert_success();
    assert!(outcome.stderr.contains("1 round trip: "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(" ms  direct, TCP, 127.0.0.1:"), "{}", outcome.stderr);
    ping("foctet1nonsense", &["--json"]).finish().assert_failed(2, "ticket-mistyped");
}

#[test]
fn a_relayed_path_says_why_it_is_not_direct() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    file(&path, 1000, 0);
    let (_relay, address) = relay::start(&dir.path().join("state"), &[]);
    let (_sender, ticket) =
        Process::send(["--relay".as_ref(), address.as_ref(), "--relay-only".as_ref(), path.as_os_str()]);
    for (args, why) in [
        (&["--transport", "quic", "--relay-only"][..], "this side uses relays alone"),
        (&["--transport", "quic"], "the other side looks for no direct path"),
        (&["--transport", "tcp"], "a TCP connection stays with the relay that it began on"),
    ] {
        let outcome = ping(&ticket, &[&["--json", "-c", "1"][..], args].concat()).finish();
        outcome.assert_success();
        let summary = outcome.event("pinged");
        assert_eq!(summary["why_not_direct"], why, "{args:?}");
        assert_eq!(summary["path"]["why_not_direct"], why, "{args:?}");
    }
}
