//! What the program prints: help, scripts, events and words, and where they go.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::tempdir;

use crate::content::{file, names};
use crate::process::{Process, foctet, run};

/// Compares `text` with the file in `tests/snapshots`; `UPDATE_SNAPSHOTS=1` writes it instead.
#[track_caller]
fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} is now:\n{text}\nset UPDATE_SNAPSHOTS=1 to accept it");
}

#[test]
fn help_lists_what_there_is_and_nothing_else() {
    for (args, name) in [
        (&["--help"][..], "help.txt"),
        (&["send", "--help"], "help-send.txt"),
        (&["receive", "--help"], "help-receive.txt"),
        (&["ping", "--help"], "help-ping.txt"),
        (&["bench", "--help"], "help-bench.txt"),
        (&["relay", "--help"], "help-relay.txt"),
        (&["id", "--help"], "help-id.txt"),
        (&["completions", "--help"], "help-completions.txt"),
    ] {
        let outcome = run(args);
        outcome.assert_success();
        let text = String::from_utf8(outcome.stdout).unwrap();
        for absent in ["pipe", "tunnel", "doctor", "--qr", "--exclude", "--code", "--text"] {
            assert!(!text.contains(absent), "{absent} in {name}");
        }
        assert_snapshot(name, &text);
    }
    let nothing = run([""; 0]);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.stderr.contains("Usage: foctet <COMMAND>"), "{nothing:?}");
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let outcome = run(["completions", shell]);
        outcome.assert_success();
        assert!(String::from_utf8(outcome.stdout).unwrap().contains("foctet"), "{shell}");
    }
    let page = run(["man"]);
    page.assert_success();
    let page = String::from_utf8(page.stdout).unwrap();
    for expected in [
        ".TH foctet 1",
        "FOCTET SEND",
        "FOCTET RECEIVE",
        "FOCTET PING",
        "FOCTET BENCH",
        "on\\-conflict",
        "FOCTET_TRANSPORT",
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
}

#[test]
fn a_closed_stdout_is_no_panic() {
    for args in [&["--help"][..], &["completions", "bash"], &["man"], &["--version"]] {
        let mut child = foctet(args).spawn().unwrap();
        drop(child.stdout.take());
        let status = child.wait().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_reader_of_events_that_goes_away_does_not_end_the_transfer() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    file(&source.path().join("f"), 100_000, 0);
    let mut command = foctet(["send", "--json", "--bind", "127.0.0.1:0"]);
    let mut sender = command.arg(source.path().join("f")).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(sender.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listening: Value = serde_json::from_str(&line).unwrap();
    let received = Process::receive(listening["ticket"].as_str().unwrap(), target.path(), &[]).finish();
    let output = sender.wait_with_output().unwrap();
    received.assert_success();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_reader_of_the_payload_that_goes_away_is_a_quiet_failure() {
    let source = tempdir().unwrap();
    file(&source.path().join("f"), 40_000_000, 0);
    let (mut sender, ticket) = Process::send([source.path().join("f")]);
    let mut receiver = foctet(["receive", &ticket, "-o", "-", "-q"]).spawn().unwrap();
    let mut first = [0; 10];
    receiver.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = receiver.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    sender.wait_for("waiting");
    assert!(sender.is_running());
}

#[test]
fn people_read_words_on_stderr_and_stdout_stays_empty() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    file(&source.path().join("holiday.mkv"), 381_000, 0);
    let mut command = foctet(["send", "--bind", "127.0.0.1:0", "--transport", "quic"]);
    let mut sender = command.arg(source.path().join("holiday.mkv")).spawn().unwrap();
    let mut stderr = BufReader::new(sender.stderr.take().unwrap());
    let mut lines = String::new();
    for _ in 0..3 {
        stderr.read_line(&mut lines).unwrap();
    }
    let ticket = lines.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(
        lines,
        format!("Sending holiday.mkv (381 kB)\nOn the other computer run:\n  foctet receive {ticket}\n")
    );

    let mut command = foctet(["receive", &ticket, "-y", "-o"]);
    let received = Process::start({
        command.arg(target.path());
        command
    })
    .finish();
    assert_eq!((received.code, received.stdout.as_slice()), (Some(0), &b""[..]), "{received:?}");
    let words: Vec<&str> = received.stderr.lines().collect();
    assert!(words[0].starts_with("Connected to ") && words[0].contains(", direct, QUIC"), "{words:?}");
    assert!(words[1].starts_with("holiday.mkv  381 kB  (new; ") && words[1].ends_with(" free)"), "{words:?}");
    assert!(words[2].starts_with("Done: 381 kB in ") && words[2].ends_with(", verified."), "{words:?}");
    assert_eq!(words.len(), 3);

    stderr.read_to_string(&mut lines).unwrap();
    assert!(lines.contains("\nConnected to ") && lines.contains(", verified by the receiver.\n"), "{lines}");
    let output = sender.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn errors_for_people_are_a_cause_and_a_hint() {
    let outcome = run(["receive", "foctet1nonsense", "-y"]);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{outcome:?}");
    assert!(lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{outcome:?}");
    let coloured = run(["receive", "foctet1nonsense", "--color", "always"]);
    assert!(coloured.stderr.contains("\u{1b}[1;31merror:\u{1b}[0m"), "{coloured:?}");
}

#[test]
fn names_from_strangers_cannot_speak_to_the_terminal() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    let evil = "a\u{1b}[2J\n\u{202e}gpj.exe";
    file(&source.path().join(evil), 10, 0);
    let (sender, ticket) = Process::send(["--keep".as_ref(), source.path().join(evil).as_os_str()]);
    let harmless = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        text
    };

    let json = Process::receive(&ticket, &target.path().join("json"), &[]).finish();
    json.assert_success();
    harmless(&json.stdout);
    assert_eq!(json.event("manifest")["entries"][0]["path"], evil, "the event holds the true name");

    let mut command = foctet(["receive", &ticket, "-y", "-v", "-o"]);
    command.arg(target.path().join("words"));
    let words = Process::start(command).finish();
    assert_eq!(words.code, Some(0), "{words:?}");
    let text = harmless(words.stderr.as_bytes());
    assert!(text.contains("a\\u{1b}[2J\\n\\u{202e}gpj.exe  10 B"), "{text}");
    assert_eq!(names(&target.path().join("words")), [evil]);
    drop(sender);
}

#[test]
fn events_have_their_fields_and_types() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    let root = source.path().join("dir");
    file(&root.join("f"), 30_000_000, 0);
    file(&root.join("g"), 7, 0);
    let (sender, ticket) = Process::send(["--keep".as_ref(), root.as_os_str()]);
    let outcome = Process::receive(&ticket, target.path(), &[]).finish();
    outcome.assert_success();

    for event in &outcome.events {
        assert_eq!(event["v"], 1, "{event}");
    }
    let names: Vec<&str> = outcome.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names.first(), Some(&"connected"));
    assert_eq!(names.get(1), Some(&"manifest"));
    assert_eq!(names.last(), Some(&"done"));
    let manifest = outcome.event("manifest");
    assert_eq!((&manifest["files"], &manifest["bytes"]), (&2.into(), &30_000_007.into()));
    let entries: Vec<(&str, u64, &str)> = manifest["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["path"].as_str().unwrap(), e["bytes"].as_u64().unwrap(), e["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(entries, [("dir", 0, "directory"), ("dir/f", 30_000_000, "file"), ("dir/g", 7, "file")]);
    let last = outcome.events.iter().rfind(|event| event["event"] == "progress").unwrap();
    assert_eq!(
        (&last["bytes"], &last["total"], &last["files"]),
        (&30_000_007.into(), &30_000_007.into(), &2.into())
    );
    assert!(last["rate"].is_u64());
    let done = outcome.event("done");
    assert_eq!((&done["bytes"], &done["files"]), (&30_000_007.into(), &2.into()));
    assert!(done["seconds"].is_number() && done["path"]["kind"] == "direct");
    assert!(done["blake3"].as_str().is_some_and(|hash| hash.len() == 64));

    sender.wait_for("done");
    drop(sender);
}

#[test]
fn the_first_event_of_a_sender_says_how_to_reach_it() {
    let source = tempdir().unwrap();
    file(&source.path().join("f"), 1, 0);
    let mut command = foctet(["send", "--json", "--bind", "127.0.0.1:0", "--no-relay", "--no-lan"]);
    let mut sender = command.arg(source.path().join("f")).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(sender.stdout.take().unwrap()).read_line(&mut line).unwrap();
    sender.kill().unwrap();
    sender.wait().unwrap();
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&event["v"], &event["event"], &event["code"]),
        (&1.into(), &"listening".into(), &Value::Null)
    );
    assert_eq!(event["relays"], Value::Array(vec![]));
    assert_eq!(event["node_id"].as_str().unwrap().len(), 52);
    let direct: Vec<&str> = event["direct"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    assert_eq!(direct.len(), 2, "{direct:?}");
    let (udp, tcp) = (direct[0].strip_prefix("udp:").unwrap(), direct[1].strip_prefix("tcp:").unwrap());
    assert_eq!(udp, tcp, "one port for both");
}

#[test]
fn it_works_without_any_output() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    file(&source.path().join("f"), 1000, 0);
    let (sender, ticket) = Process::send([source.path().join("f")]);
    let mut command: Command = foctet(["receive", &ticket, "-y", "-o"]);
    command.arg(target.path()).stdout(Stdio::null()).stderr(Stdio::null());
    assert_eq!(Process::start(command).finish().code, Some(0));
    sender.finish().assert_success();
}
