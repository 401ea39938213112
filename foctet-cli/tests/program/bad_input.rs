//! What goes wrong before anything is sent: each cause has its message, its hint and its exit code.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use foctet_core::{NodeAddr, SecretKey, Ticket, TicketSecret, TransportAddr};
use tempfile::tempdir;

use crate::content::{file, names};
use crate::process::{Outcome, Process, foctet, run};

fn receive(ticket: &str, args: &[&str]) -> Outcome {
    let target = tempdir().unwrap();
    let outcome = Process::receive(ticket, target.path(), args).finish();
    assert!(names(target.path()).is_empty(), "nothing is written");
    outcome
}

/// A sender of one small file that serves for ever, and its ticket.
fn sender() -> (tempfile::TempDir, Process, Ticket) {
    let source = tempdir().unwrap();
    let path = source.path().join("f");
    file(&path, 1000, 0);
    let (sender, ticket) = Process::send(["--keep".as_ref(), path.as_os_str()]);
    (source, sender, ticket.parse().unwrap())
}

fn addr_of(node: &SecretKey, addrs: impl IntoIterator<Item = TransportAddr>) -> NodeAddr {
    NodeAddr::new(node.node_id()).with_addrs(addrs)
}

#[test]
fn a_ticket_that_does_not_parse_is_a_usage_error_with_its_own_cause() {
    let good = Ticket::new(
        addr_of(&SecretKey::generate([1; 32]), [TransportAddr::udp("127.0.0.1:9".parse().unwrap())]),
        TicketSecret::generate([2; 16]),
    )
    .to_string();
    let mut mistyped = good.clone().into_bytes();
    let last = mistyped.len() - 5;
    mistyped[last] = if mistyped[last] == b'a' { b'b' } else { b'a' };
    for (text, code) in [
        (String::from_utf8(mistyped).unwrap(), "ticket-mistyped"),
        (good[..good.len() - 9].to_owned(), "ticket-truncated"),
        (good.replace("foctet1", "foctet2"), "ticket-newer"),
        ("7-crossover-clockwork-banjo".to_owned(), "ticket-invalid"),
        (String::new(), "ticket-missing"),
    ] {
        let outcome = receive(&text, &[]);
        outcome.assert_failed(2, code);
        let shown = format!("{}{}", outcome.event("error"), outcome.stderr);
        assert!(text.len() < 20 || !shown.contains(&text[10..]), "a secret in {shown}");
    }
    let newer = receive("foctet2aaaa", &[]);
    assert!(newer.event("error")["message"].as_str().unwrap().contains("made by a newer foctet"));
}

#[test]
fn a_peer_that_does_not_answer_is_given_up_within_the_timeout() {
    // Sockets that are bound and never read: packets arrive and nothing comes back. The backlog takes the connection.
    let (udp, tcp) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let ticket = Ticket::new(
        addr_of(
            &SecretKey::generate([1; 32]),
            [TransportAddr::udp(udp.local_addr().unwrap()), TransportAddr::tcp(tcp.local_addr().unwrap())],
        ),
        TicketSecret::generate([2; 16]),
    );
    for transport in ["auto", "quic", "tcp"] {
        let started = Instant::now();
        let outcome = receive(&ticket.to_string(), &["--timeout", "700ms", "--transport", transport]);
        outcome.assert_failed(4, "timeout");
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}

#[test]
fn a_peer_that_is_gone_is_unreachable() {
    let (_source, sender, ticket) = sender();
    sender.kill();
    for transport in ["auto", "tcp", "quic"] {
        let outcome = receive(&ticket.to_string(), &["--timeout", "2s", "--transport", transport]);
        assert_eq!(outcome.code, Some(4), "{outcome:?}");
    }
}

#[test]
fn another_node_at_the_right_address_is_refused() {
    let (_source, mut sender, ticket) = sender();
    let other = addr_of(&SecretKey::generate([7; 32]), ticket.addr().addrs());
    let forged = Ticket::new(other, ticket.secret().clone()).to_string();
    for transport in ["auto", "quic", "tcp"] {
        receive(&forged, &["--timeout", "20s", "--transport", transport]).assert_failed(5, "wrong-node");
    }
    receive(&ticket.to_string(), &["--on-conflict", "fail", "-o", "-"]).assert_success();
    assert!(sender.is_running());
}

#[test]
fn a_wrong_secret_is_refused_and_the_sender_goes_on() {
    let (_source, mut sender, ticket) = sender();
    let guessed = Ticket::new(ticket.addr().clone(), TicketSecret::generate([9; 16])).to_string();
    for transport in ["quic", "tcp"] {
        receive(&guessed, &["--transport", transport]).assert_failed(5, "wrong-secret");
    }
    receive(&ticket.to_string(), &["-o", "-"]).assert_success();
    assert!(sender.is_running());
}

#[test]
fn what_is_not_there_cannot_be_sent() {
    let outcome = run(["send", "--json", "/no/such/file"]);
    outcome.assert_failed(7, "source-missing");
    assert!(outcome.event("error")["message"].as_str().unwrap().contains("/no/such/file"));
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr: SocketAddr = taken.local_addr().unwrap();
    let source = tempdir().unwrap();
    file(&source.path().join("f"), 1, 0);
    let outcome = run([
        "send",
        "--json",
        "--transport",
        "tcp",
        "--bind",
        &addr.to_string(),
        source.path().join("f").to_str().unwrap(),
    ]);
    outcome.assert_failed(1, "bind");
    assert!(outcome.event("error")["message"].as_str().unwrap().contains(&addr.to_string()), "{outcome:?}");
}

#[test]
fn a_bad_command_line_is_a_usage_error_in_words_and_in_json() {
    for args in [
        &["send"][..],
        &["frobnicate"],
        &["receive", "--timeout", "0"],
        &["send", "--transport", "pigeon", "x"],
    ] {
        let outcome = run(args);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
        let mut json = args.to_vec();
        json.push("--json");
        run(json).assert_failed(2, "usage");
    }
}

#[test]
fn an_empty_variable_counts_as_none() {
    let mut command = foctet(["receive", "--json"]);
    for variable in
        ["BIND", "TIMEOUT", "TRANSPORT", "JSON", "ON_CONFLICT", "CODE", "VERBOSE", "OUTPUT", "IDENTITY"]
    {
        command.env(format!("FOCTET_{variable}"), "");
    }
    Process::start(command).finish().assert_failed(2, "ticket-missing");
}

#[test]
fn a_lasting_key_keeps_its_node_id_and_must_be_private() {
    let dir = tempdir().unwrap();
    let key = dir.path().join("key");
    file(&dir.path().join("f"), 1, 0);
    let id = run(["id", "--identity", key.to_str().unwrap()]);
    id.assert_success();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let id = String::from_utf8(id.stdout).unwrap();
    assert_eq!(id.trim_end().len(), 52);

    let args = ["send", "--json", "--bind", "127.0.0.1:0", "--identity", key.to_str().unwrap()];
    let mut command = foctet(args);
    command.arg(dir.path().join("f"));
    let sender = Process::start(command);
    assert_eq!(sender.wait_for("listening")["node_id"], id.trim_end());
    drop(sender);

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = foctet(args);
    command.arg(dir.path().join("f"));
    Process::start(command).finish().assert_failed(5, "identity-exposed");
}

#[test]
fn the_default_identity_is_in_the_configuration_directory() {
    let home = tempdir().unwrap();
    let id = |variable: &str, dir: &std::path::Path| {
        let mut command = foctet(["id"]);
        command.env(variable, dir);
        let outcome = Process::start(command).finish();
        outcome.assert_success();
        outcome.stdout
    };
    let first = id("HOME", home.path());
    assert!(home.path().join(".config/foctet/identity").is_file());
    assert_eq!(id("XDG_CONFIG_HOME", &home.path().join(".config")), first);
    let outcome = run(["id"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("hint: set HOME"), "{outcome:?}");
}
