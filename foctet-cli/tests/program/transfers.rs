//! Content arrives as it was, whatever it is and whatever carries it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use tempfile::tempdir;

use crate::content::{file, names, tree};
use crate::process::{Process, foctet};

/// Sends `source` and receives it into `target` over `transport`, and returns the transport that it took.
fn transfer(source: &Path, target: &Path, transport: &str) -> String {
    let (sender, ticket) = Process::send(["--transport".as_ref(), transport.as_ref(), source.as_os_str()]);
    let received = Process::receive(&ticket, target, &["--transport", transport]).finish();
    received.assert_success();
    let sent = sender.finish();
    sent.assert_success();
    let (done_here, done_there) = (received.event("done"), sent.event("done"));
    assert_eq!(done_here["blake3"], done_there["blake3"]);
    assert_eq!(done_here["bytes"], done_there["bytes"]);
    let path = &received.event("connected")["path"];
    assert_eq!(path["kind"], "direct");
    assert!(
        path["rtt_ms"].is_number() && path["remote"].as_str().is_some_and(|r| r.starts_with("127.0.0.1:"))
    );
    path["transport"].as_str().expect("a transport").to_owned()
}

#[test]
fn a_file_arrives_over_each_transport() {
    for (transport, expected) in [("quic", "quic"), ("tcp", "tcp"), ("auto", "tcp")] {
        let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
        let path = source.path().join("holiday.mkv");
        let bytes = file(&path, 5_000_003, 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(transfer(&path, target.path(), transport), expected);
        assert_eq!(names(target.path()), ["holiday.mkv"]);
        let arrived = target.path().join("holiday.mkv");
        assert_eq!(fs::read(&arrived).unwrap(), bytes);
        let (there, here) = (fs::metadata(&path).unwrap(), fs::metadata(&arrived).unwrap());
        assert_eq!(here.modified().unwrap(), there.modified().unwrap());
        assert_eq!(here.permissions().mode() & 0o777, 0o640);
    }
}

#[test]
fn a_tree_with_empty_and_linked_entries_arrives() {
    for transport in ["quic", "tcp"] {
        let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
        let root = source.path().join("photos");
        file(&root.join("a/b/deep.raw"), 2_500_000, 2);
        file(&root.join("empty.txt"), 0, 3);
        for i in 0..50 {
            file(&root.join(format!("many/{i}.txt")), i * 37, i as u64);
        }
        fs::create_dir_all(root.join("hollow/inside")).unwrap();
        symlink("a/b/deep.raw", root.join("link")).unwrap();
        transfer(&root, target.path(), transport);
        assert_eq!(names(target.path()), ["photos"]);
        assert_eq!(tree(&target.path().join("photos")), tree(&root));
    }
}

#[test]
fn an_empty_file_and_an_empty_directory_arrive() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    file(&source.path().join("nothing"), 0, 0);
    fs::create_dir(source.path().join("void")).unwrap();
    for name in ["nothing", "void"] {
        transfer(&source.path().join(name), target.path(), "auto");
    }
    assert_eq!(tree(target.path()), tree(source.path()));
}

#[test]
fn several_paths_arrive_side_by_side() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    file(&source.path().join("one"), 1000, 1);
    file(&source.path().join("dir/two"), 2000, 2);
    let (sender, ticket) = Process::send([source.path().join("one"), source.path().join("dir")]);
    Process::receive(&ticket, target.path(), &[]).finish().assert_success();
    sender.finish().assert_success();
    assert_eq!(tree(target.path()), tree(source.path()));
}

#[test]
fn a_file_is_streamed_to_stdout_with_the_events_on_stderr() {
    for transport in ["quic", "tcp"] {
        let source = tempdir().unwrap();
        let path = source.path().join("data");
        let bytes = file(&path, 3_333_333, 4);
        let (sender, ticket) = Process::send(["--transport".as_ref(), transport.as_ref(), path.as_os_str()]);
        // No -y: asking for stdout is consent.
        let outcome = Process::start(foctet(["receive", &ticket, "--json", "-o", "-"])).finish();
        outcome.assert_success();
        assert_eq!(outcome.stdout, bytes);
        assert!(outcome.stderr.lines().all(|line| line.starts_with("{\"v\":1,")), "{}", outcome.stderr);
        assert_eq!(outcome.event("done")["bytes"], 3_333_333);
        sender.finish().assert_success();
    }
}

#[test]
fn the_output_directory_is_made_and_the_ticket_may_come_from_elsewhere() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    let path = source.path().join("f");
    file(&path, 10, 0);
    let (mut sender, ticket) = Process::send(["--keep".as_ref(), path.as_os_str()]);

    let mut from_variable = foctet(["receive", "--json", "-y", "-o"]);
    from_variable.arg(target.path().join("new/variable")).env("FOCTET_CODE", &ticket);
    Process::start(from_variable).finish().assert_success();

    let mut from_stdin = foctet(["receive", "-", "--json", "-y", "-o"]);
    let on_stdin = source.path().join("ticket");
    fs::write(&on_stdin, format!("{ticket}\n")).unwrap();
    from_stdin.arg(target.path().join("stdin")).stdin(fs::File::open(on_stdin).unwrap());
    Process::start(from_stdin).finish().assert_success();

    let mut bare = foctet([&ticket]);
    bare.env("FOCTET_YES", "1").env("FOCTET_JSON", "true").env("FOCTET_OUTPUT", target.path().join("bare"));
    Process::start(bare).finish().assert_success();

    for dir in ["new/variable", "stdin", "bare"] {
        assert_eq!(names(&target.path().join(dir)), ["f"], "{dir}");
    }
    assert!(sender.is_running());
}

#[test]
fn special_files_are_skipped_with_a_reason() {
    let (source, target) = (tempdir().unwrap(), tempdir().unwrap());
    let root = source.path().join("dir");
    file(&root.join("kept"), 10, 0);
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let (sender, ticket) = Process::send([&root]);
    let skipped = sender.wait_for("skipped");
    assert!(skipped["path"].as_str().unwrap().ends_with("socket"), "{skipped}");
    assert!(!skipped["why"].as_str().unwrap().is_empty(), "{skipped}");
    Process::receive(&ticket, target.path(), &[]).finish().assert_success();
    sender.finish().assert_success();
    assert_eq!(names(&target.path().join("dir")), ["kept"]);
}
