//! Connections that break, and transfers that go on.

use std::fs;
use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::content::{file, tree};
use crate::process::Process;
use crate::proxy::Proxy;

const LEN: usize = 48_000_000;

#[test]
fn a_transfer_goes_on_when_the_network_comes_back() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    let path = source.path().join("f");
    let content = file(&path, LEN, 3);
    // Slow enough that it is cut on the way.
    let (sender, ticket) = Process::send(["--limit".as_ref(), "16MB".as_ref(), path.as_os_str()]);
    let (proxy, ticket) = Proxy::before(&ticket);
    let receiver = Process::receive(&ticket, target.path(), &[]);
    for megabytes in [8, 24] {
        while receiver.wait_for("progress")["bytes"].as_u64().unwrap() < megabytes * 1_000_000 {}
        proxy.cut();
        receiver.wait_for("interrupted");
        let why = sender.wait_for("waiting");
        assert!(why["why"].as_str().unwrap().contains("come back"), "{why}");
        proxy.mend();
        let again = receiver.wait_for("reconnected");
        assert!(again["bytes"].as_u64().unwrap() >= megabytes * 1_000_000, "{again}");
        sender.wait_for("connected");
    }
    receiver.finish().assert_success();
    let outcome = sender.finish();
    outcome.assert_success();
    assert_eq!(outcome.events.iter().filter(|event| event["event"] == "done").count(), 1, "{outcome:?}");
    assert!(fs::read(target.path().join("f")).unwrap() == content, "not what was sent");
    // What was on the way at each cut came twice, and no more: the receive window, and what sockets and proxy hold.
    assert!(proxy.brought() < LEN as u64 + 2 * 20_000_000, "{}", proxy.brought());
}

#[test]
fn many_small_files_go_on_as_well_and_count_once_among_several_receivers() {
    let (source, one, two) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let root = source.path().join("d");
    for n in 0..2000 {
        file(&root.join(format!("{}/{n}", n % 7)), 4000, n);
    }
    let args = ["-n", "2", "--limit", "4MB"].map(std::ffi::OsStr::new);
    let (sender, ticket) = Process::send(args.into_iter().chain([root.as_os_str()]));
    let (proxy, through) = Proxy::before(&ticket);
    let receiver = Process::receive(&through, one.path(), &[]);
    while receiver.wait_for("progress")["files"].as_u64().unwrap() < 300 {}
    proxy.cut();
    receiver.wait_for("interrupted");
    proxy.mend();
    receiver.finish().assert_success();
    sender.wait_for("done");
    Process::receive(&ticket, two.path(), &[]).finish().assert_success();
    sender.finish().assert_success();
    assert!(tree(one.path()) == tree(source.path()) && tree(two.path()) == tree(source.path()));
}

#[test]
fn stdout_goes_on_where_it_stood() {
    let source = tempdir().unwrap();
    let path = source.path().join("f");
    let content = file(&path, 24_000_000, 3);
    let (sender, ticket) = Process::send(["--limit".as_ref(), "16MB".as_ref(), path.as_os_str()]);
    let (proxy, ticket) = Proxy::before(&ticket);
    let command = crate::process::foctet(["receive", &ticket, "--json", "--bind", "127.0.0.1:0", "-o", "-"]);
    let receiver = Process::start(command);
    while receiver.wait_for("progress")["bytes"].as_u64().unwrap() < 8_000_000 {}
    proxy.cut();
    receiver.wait_for("interrupted");
    proxy.mend();
    let outcome = receiver.finish();
    outcome.assert_success();
    assert!(outcome.stdout == content, "not what was sent");
    sender.finish().assert_success();
}

#[test]
fn a_limit_holds_at_either_side() {
    const RATE: u64 = 4_000_000;
    const LEN: usize = 8_000_000;
    for limited in ["send", "receive"] {
        let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
        let path = source.path().join("f");
        file(&path, LEN, 3);
        let mut args = vec![path.as_os_str()];
        let mut receive_args = Vec::new();
        match limited {
            "send" => args.extend(["--limit", "4MB"].map(std::ffi::OsStr::new)),
            _ => receive_args.extend(["--limit", "4MB"]),
        }
        let (sender, ticket) = Process::send(args);
        let start = Instant::now();
        let receiver = Process::receive(&ticket, target.path(), &receive_args);
        receiver.finish().assert_success();
        // A quarter of a second's worth may come at once.
        let least = Duration::from_secs(LEN as u64 / RATE) - Duration::from_millis(250);
        assert!(start.elapsed() >= least, "{limited}: {:?}", start.elapsed());
        sender.finish().assert_success();
    }
    let outcome = crate::process::run(["send", "--json", "--limit", "fast", "x"]);
    outcome.assert_failed(2, "usage");
}

#[test]
fn ctrl_c_while_reconnecting_leaves_nothing() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    let path = source.path().join("f");
    file(&path, 16_000_000, 3);
    let (mut sender, ticket) = Process::send(["--limit".as_ref(), "4MB".as_ref(), path.as_os_str()]);
    let (proxy, ticket) = Proxy::before(&ticket);
    let receiver = Process::receive(&ticket, target.path(), &[]);
    receiver.wait_for_content();
    proxy.cut();
    receiver.wait_for("interrupted");
    receiver.signal(rustix::process::Signal::INT);
    receiver.finish().assert_failed(130, "interrupted");
    assert!(crate::content::names(target.path()).is_empty());
    sender.wait_for("waiting");
    assert!(sender.is_running());
}
