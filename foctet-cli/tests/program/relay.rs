//! `foctet relay`: what it prints, and what signals do.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{Process, foctet, run};

/// A relay on loopback that keeps its key in `state`, and its address.
pub(crate) fn start(state: &Path, more: &[&str]) -> (Process, String) {
    let mut command = foctet(["relay", "--json", "--bind", "127.0.0.1:0", "--state"]);
    command.arg(state).args(more);
    let process = Process::start(command);
    let address = process.wait_for("relay")["address"].as_str().unwrap().to_owned();
    (process, address)
}

fn node_id(address: &str) -> &str {
    address.strip_prefix("foctet-relay://").and_then(|rest| rest.split('@').next()).unwrap()
}

#[test]
fn its_address_lasts_and_its_key_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (first, address) = start(&state, &["--public-host", "relay.example", "--token", "s3cret"]);
    assert!(address.contains("@relay.example:"), "{address}");
    assert!(!address.contains("s3cret"), "{address}");
    drop(first);
    let (second, again) = start(&state, &[]);
    assert_eq!(node_id(&again), node_id(&address), "the key outlives a kill");
    assert!(again.contains("@127.0.0.1:"), "{again}");
    assert_eq!(fs::metadata(state.join("key")).unwrap().permissions().mode() & 0o777, 0o600);
    second.signal(Signal::TERM);
    second.finish().assert_success();
}

#[test]
fn people_get_the_address_alone_on_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = foctet(["relay", "--bind", "127.0.0.1:0", "--state"]);
    command.arg(dir.path().join("state"));
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    stdout.read_line(&mut text).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    stdout.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    let port = text.trim_end().rsplit(':').next().unwrap();
    assert!(text.starts_with("foctet-relay://") && port.parse::<u16>().is_ok(), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn ctrl_c_ends_it_with_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let (process, _) = start(&dir.path().join("state"), &[]);
    process.signal(Signal::INT);
    process.finish().assert_failed(130, "interrupted");
}

#[test]
fn sighup_reads_the_configuration_again_and_a_wrong_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("relay.toml");
    fs::write(&config, "[limits]\nsplices = 3\n").unwrap();
    let (process, _) = start(&dir.path().join("state"), &["--config", config.to_str().unwrap()]);
    fs::write(&config, "[limits]\nsplices = 4\n").unwrap();
    process.signal(Signal::HUP);
    assert!(process.wait_for("reloaded").get("why").is_none());
    fs::write(&config, "[limits]\nsplicse = 4\n").unwrap();
    process.signal(Signal::HUP);
    let event = process.wait_for("reloaded");
    assert!(event["why"].as_str().unwrap().contains("splicse"), "{event}");
    process.signal(Signal::TERM);
    process.finish().assert_success();
}

#[test]
fn what_cannot_be_used_is_named_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unknown = file("unknown.toml", "[limits]\nconections = 3\n");
    let list = file("list", "nobody\n");
    let state = dir.path().join("state");
    let state = state.to_str().unwrap();
    for (option, value, exit, names) in [
        ("--config", unknown.as_str(), 2, "conections"),
        ("--config", "/nonexistent/relay.toml", 7, "/nonexistent/relay.toml"),
        ("--allow", list.as_str(), 2, "line 1"),
        ("--token", "a b", 2, "token"),
        ("--public-host", "a b", 2, "public_host"),
    ] {
        let outcome = run(["relay", "--json", "--bind", "127.0.0.1:0", "--state", state, option, value]);
        outcome.assert_failed(exit, "config");
        let message = outcome.event("error")["message"].as_str().unwrap();
        assert!(message.contains(names), "{message}");
        assert!(!message.contains("a b"), "a token is a secret: {message}");
    }
}
