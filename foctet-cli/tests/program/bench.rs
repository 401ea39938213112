//! `foctet bench`. Whether a figure is good is for who reads it; here it must be there, and be one.

use std::collections::BTreeSet;
use std::path::Path;

use foctet_core::{Ticket, TicketSecret};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::tempdir;

use crate::process::{Outcome, Process, foctet, run};

mod hostile;
#[cfg(target_os = "linux")]
mod orphans;

/// The other side, on loopback, and its ticket.
fn serve(args: &[&str]) -> (Process, String) {
    let mut command = foctet(["bench", "--serve", "--json", "--bind", "127.0.0.1:0"]);
    command.args(args);
    let process = Process::start(command);
    let ticket = process.wait_for("listening")["ticket"].as_str().unwrap().to_owned();
    (process, ticket)
}

/// This side, as short as it can be.
fn bench(ticket: &str, args: &[&str]) -> Process {
    let mut command = foctet(["bench", ticket, "--json", "--bind", "127.0.0.1:0", "--time", "20ms"]);
    command.args(args);
    Process::start(command)
}

/// The events of one name.
fn all<'a>(outcome: &'a Outcome, name: &str) -> Vec<&'a Value> {
    outcome.events.iter().filter(|event| event["event"] == name).collect()
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

/// What was measured: scenario, transport and metric of each figure, which must be sound.
fn measured(outcome: &Outcome, rounds: u64) -> BTreeSet<(String, String, String)> {
    let figures = all(outcome, "figure");
    for figure in &figures {
        let [min, median, max] = ["min", "median", "max"].map(|name| figure[name].as_f64().unwrap());
        assert!(0.0 < min && min <= median && median <= max, "{figure}");
        assert_eq!(figure["samples"], rounds, "{figure}");
        assert!(figure["unit"].is_string(), "{figure}");
    }
    assert_eq!(all(outcome, "sample").len() as u64, figures.len() as u64 * rounds);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    figures
        .iter()
        .map(|figure| (text(&figure["scenario"]), text(&figure["transport"]), text(&figure["metric"])))
        .collect()
}

#[test]
fn this_machine_alone_is_measured_over_both_transports_and_through_a_relay() {
    let outcome = run(["bench", "--json", "--rounds", "2", "--time", "20ms"]);
    outcome.assert_success();
    let settings = &outcome.events[0];
    assert_eq!(settings["event"], "settings");
    assert_eq!((&settings["processes"], &settings["rounds"]), (&2.into(), &2.into()));
    assert!(settings["cipher_suite"].as_str().unwrap().starts_with("TLS13_"), "{settings}");
    assert!(settings["cores"].as_u64().unwrap() > 0, "{settings}");
    assert_eq!(settings["build"], if cfg!(debug_assertions) { "debug" } else { "release" });
    let mut expected = BTreeSet::new();
    for transport in ["tcp", "quic"] {
        for (scenario, metrics) in [
            ("one-stream", &["throughput", "cpu"][..]),
            ("eight-streams", &["throughput", "cpu"]),
            ("relayed-stream", &["throughput", "cpu"]),
            ("round-trip-1", &["p50", "p99"]),
            ("round-trip-1024", &["p50", "p99"]),
            ("opens-1", &["rate"]),
            ("opens-64", &["rate"]),
            ("handshakes", &["rate"]),
        ] {
            for metric in metrics {
                expected.insert((scenario.to_owned(), transport.to_owned(), (*metric).to_owned()));
            }
        }
    }
    assert_eq!(measured(&outcome, 2), expected);
}

#[test]
fn one_transport_is_measured_alone_and_people_read_a_table() {
    for (transport, other) in [("quic", "TCP"), ("tcp", "QUIC")] {
        let outcome =
            run(["bench", "--rounds", "1", "--time", "20ms", "--transport", transport, "--no-relay"]);
        outcome.assert_success();
        let table = String::from_utf8(outcome.stdout).unwrap();
        assert!(table.contains("one stream, Gbit/s") && table.contains("handshakes"), "{table}");
        assert!(table.contains("TLS13_") && table.contains("Two processes on this machine"), "{table}");
        assert!(!table.contains(&format!(" {other}")) && !table.contains("relay"), "{table}");
    }
}

#[test]
fn another_node_is_measured_and_the_bound_is_named() {
    for transport in ["quic", "tcp"] {
        let (here, there) = (tempdir().unwrap(), tempdir().unwrap());
        let (server, ticket) =
            serve(&["--once", "--disk-limit", "2MB", "--dir", there.path().to_str().unwrap()]);
        let args = ["--rounds", "3", "--transport", transport, "--dir", here.path().to_str().unwrap()];
        let outcome = bench(&ticket, &args).finish();
        outcome.assert_success();
        assert_eq!(outcome.events[0]["event"], "connected");
        assert_eq!(outcome.events[0]["path"]["transport"], transport);
        let scenarios: BTreeSet<_> = measured(&outcome, 3)
            .into_iter()
            .map(|(scenario, _, metric)| format!("{scenario} {metric}"))
            .collect();
        let expected = [
            "receive cpu-here",
            "receive cpu-there",
            "receive throughput",
            "round-trip-1 p50",
            "round-trip-1 p99",
            "send cpu-here",
            "send cpu-there",
            "send throughput",
        ];
        assert_eq!(scenarios, expected.map(str::to_owned).into());
        let disks = all(&outcome, "disk");
        assert_eq!(disks.iter().map(|disk| &disk["side"]).collect::<Vec<_>>(), ["here", "there"]);
        assert_eq!(disks[1]["bytes"], 2_000_000, "no more than the other side allows");
        for disk in disks {
            assert!(disk["write"].as_u64().unwrap() > 0 && disk["read"].as_u64().unwrap() > 0, "{disk}");
        }
        assert_eq!(all(&outcome, "speeds").len(), 2);
        let bottlenecks = all(&outcome, "bottleneck");
        assert_eq!(bottlenecks.iter().map(|b| &b["direction"]).collect::<Vec<_>>(), ["send", "receive"]);
        for bottleneck in bottlenecks {
            let rates = bottleneck["rates"].as_object().unwrap();
            for name in ["sender-disk", "receiver-disk", "sender-cpu", "receiver-cpu"] {
                assert!(rates.contains_key(name), "{bottleneck}");
            }
            let least = rates.values().map(|rate| rate.as_u64().unwrap()).min().unwrap();
            assert_eq!(bottleneck["rate"], least, "{bottleneck}");
            assert_eq!(rates[bottleneck["bound"].as_str().unwrap()], least, "{bottleneck}");
            assert!(bottleneck["factor"].as_f64().unwrap() >= 1.0, "{bottleneck}");
            assert_eq!(bottleneck["path"]["kind"], "direct", "{bottleneck}");
        }
        assert!(is_empty(here.path()) && is_empty(there.path()), "the files are gone");
        let served = server.finish();
        served.assert_success();
        served.event("connected");
    }
}

#[test]
fn people_read_what_bounds_a_transfer() {
    let (server, ticket) = serve(&["--no-disk"]);
    let args = ["bench", &ticket, "--bind", "127.0.0.1:0", "--no-disk", "--rounds", "1", "--time", "20ms"];
    let outcome = run(args);
    outcome.assert_success();
    let text = String::from_utf8(outcome.stdout).unwrap();
    for expected in [
        "The path: direct, TCP, 127.0.0.1:",
        "network, MB/s",
        "round trip of 1 byte",
        "hashed by one core",
        "What bounds a transfer:\n  from here to there: ",
        "the other machine's disk was not measured",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    server.wait_for("waiting");
    server.signal(Signal::INT);
    server.finish().assert_success();
}

#[test]
fn a_disk_that_the_other_side_does_not_allow_or_have_is_left_out() {
    for (args, words) in [(&["--no-disk"][..], "does not allow"), (&["--dir", "/nonexistent/dir"], "gone")] {
        let (_server, ticket) = serve(args);
        let outcome = bench(&ticket, &["--rounds", "1", "--no-disk"]).finish();
        outcome.assert_success();
        let skipped = outcome.event("skipped");
        assert_eq!(skipped["path"], "disk-there");
        assert!(skipped["why"].as_str().unwrap().contains(words), "{skipped}");
        assert!(!outcome.event("bottleneck")["rates"].as_object().unwrap().contains_key("receiver-disk"));
    }
}

#[test]
fn one_node_is_served_at_a_time_and_for_no_longer_than_allowed() {
    let (mut server, ticket) = serve(&["--no-disk"]);
    let first = bench(&ticket, &["--no-disk", "--rounds", "1000"]);
    first.wait_for("sample");
    for transport in ["quic", "tcp"] {
        bench(&ticket, &["--no-disk", "--transport", transport]).finish().assert_failed(4, "peer-busy");
    }
    first.signal(Signal::INT);
    first.finish().assert_failed(130, "interrupted");
    server.wait_for("waiting");
    bench(&ticket, &["--no-disk", "--rounds", "1"]).finish().assert_success();
    assert!(server.is_running());

    for transport in ["quic", "tcp"] {
        let (_server, ticket) = serve(&["--no-disk", "--session", "500ms"]);
        let args = ["--no-disk", "--rounds", "1000", "--transport", transport];
        bench(&ticket, &args).finish().assert_failed(4, "timeout");
    }
}

#[test]
fn a_server_that_stops_or_dies_is_told_apart() {
    for transport in ["quic", "tcp"] {
        let (server, ticket) = serve(&["--no-disk"]);
        let client = bench(&ticket, &["--no-disk", "--rounds", "1000", "--transport", transport]);
        client.wait_for("sample");
        server.signal(Signal::INT);
        server.finish().assert_failed(130, "interrupted");
        client.finish().assert_failed(4, "peer-stopped");
    }
    let (server, ticket) = serve(&["--no-disk"]);
    let client = bench(&ticket, &["--no-disk", "--rounds", "1000", "--transport", "tcp"]);
    client.wait_for("sample");
    server.kill();
    client.finish().assert_failed(4, "connection-lost");
}

#[test]
fn it_works_through_a_relay_alone() {
    let state = tempdir().unwrap();
    let mut command = foctet(["relay", "--json", "--bind", "127.0.0.1:0", "--state"]);
    command.arg(state.path());
    let relay = Process::start(command);
    let address = relay.wait_for("relay")["address"].as_str().unwrap().to_owned();
    let (server, ticket) = serve(&["--no-disk", "--relay", &address, "--relay-only"]);
    for transport in ["quic", "tcp"] {
        let args = ["--no-disk", "--rounds", "1", "--relay-only", "--transport", transport];
        let outcome = bench(&ticket, &args).finish();
        outcome.assert_success();
        assert_eq!(outcome.event("bottleneck")["path"]["kind"], "relay");
        server.wait_for("waiting");

        // A last packet through a relay may be lost; the other side must know all the same.
        let args = ["--no-disk", "--rounds", "1000", "--relay-only", "--transport", transport];
        let interrupted = bench(&ticket, &args);
        interrupted.wait_for("sample");
        interrupted.signal(Signal::INT);
        interrupted.finish().assert_failed(130, "interrupted");
        server.wait_for("waiting");
    }
}

#[test]
fn bad_input_is_named_with_its_exit_code() {
    let (mut server, ticket) = serve(&["--no-disk"]);
    for args in [
        &["bench", "--rounds", "0"][..],
        &["bench", "--rounds", "1001"],
        &["bench", "--time", "31s"],
        &["bench", "--time", "0"],
        &["bench", "--transport", "pigeon"],
        &["bench", "--serve", "--disk-limit", "0"],
        &["bench", "--serve", &ticket],
    ] {
        let mut json = args.to_vec();
        json.push("--json");
        run(json).assert_failed(2, "usage");
    }
    let parsed: Ticket = ticket.parse().unwrap();
    let guessed = Ticket::new(parsed.addr().clone(), TicketSecret::generate([9; 16])).to_string();
    for transport in ["quic", "tcp"] {
        let outcome = bench(&guessed, &["--transport", transport]).finish();
        outcome.assert_failed(5, "wrong-secret");
    }
    bench(&ticket[..ticket.len() - 9], &[]).finish().assert_failed(2, "ticket-truncated");
    bench(&ticket, &["--dir", "/nonexistent/dir"]).finish().assert_failed(7, "disk");
    assert!(server.is_running());
    server.kill();
    let outcome = bench(&ticket, &["--timeout", "2s"]).finish();
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let hint = outcome.event("error")["hint"].as_str().unwrap();
    assert!(hint.contains("`foctet bench --serve`"), "{hint}");
}

#[test]
fn a_ticket_of_a_sender_says_that_it_is_none_of_a_benchmark() {
    let source = tempdir().unwrap();
    let file = source.path().join("f");
    std::fs::write(&file, "x").unwrap();
    let (_sender, ticket) = Process::send([&file]);
    bench(&ticket, &["--transport", "tcp"]).finish().assert_failed(1, "protocol");
}
