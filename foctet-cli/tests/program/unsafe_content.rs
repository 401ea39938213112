//! A sender that is not ours, and means harm.

use std::net::SocketAddr;

use foctet_core::{Ticket, TicketSecret};
use foctet_net::Endpoint;
use foctet_transfer::wire::{ALPN, Frame};
use tempfile::tempdir;

use crate::content::{file, names};
use crate::process::{PATIENCE, Process, run};

/// One file of three bytes, as an entry of a manifest travels.
fn entry(name: &[u8]) -> Vec<u8> {
    let mut entry = vec![0];
    entry.extend(u32::MAX.to_be_bytes());
    entry.extend(0o644_u16.to_be_bytes());
    entry.extend(0_i64.to_be_bytes());
    entry.extend(3_u64.to_be_bytes());
    entry.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
    entry.extend([0, 0]);
    entry.extend(name);
    entry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dangerous_names_are_refused_before_anything_is_written() {
    let bind: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let sender = Endpoint::builder().alpns([ALPN]).bind(bind).build().await.unwrap();
    let ticket = Ticket::new(sender.addr(), TicketSecret::generate([1; 16])).to_string();
    for name in [&b"../outside"[..], b"/etc/passwd", b"..", b"a\\b", b"CON", b"a:b", b"\xff", b""] {
        let base = tempdir().unwrap();
        let target = base.path().join("target");
        let ticket = ticket.clone();
        let dir = target.clone();
        let receiver = tokio::task::spawn_blocking(move || Process::receive(&ticket, &dir, &[]).finish());
        let connection = tokio::time::timeout(PATIENCE, sender.accept()).await.unwrap().unwrap();
        let (mut send, _recv) = connection.accept_bi().await.unwrap();
        for frame in [
            Frame::ManifestHead { entries: 1, features: 0 },
            Frame::ManifestPart(entry(name).into()),
            Frame::ManifestEnd { hash: [0; 32] },
        ] {
            // The receiver may have refused already.
            let _ = send.write_all(&frame.encode()).await;
        }
        let outcome = tokio::time::timeout(PATIENCE, receiver).await.unwrap().unwrap();
        outcome.assert_failed(6, "unsafe");
        assert_eq!(names(base.path()), [""; 0], "nothing is written, the directory not made");
    }
    sender.close().await;
}

#[test]
fn a_name_that_would_be_refused_is_not_offered() {
    let source = tempdir().unwrap();
    file(&source.path().join("CON"), 1, 0);
    let path = source.path().join("CON");
    run(["send", "--json", path.to_str().unwrap()]).assert_failed(2, "source-unsendable");

    file(&source.path().join("dir/a:b"), 1, 0);
    file(&source.path().join("dir/fine"), 1, 0);
    let (sender, _ticket) = Process::send([source.path().join("dir")]);
    assert!(sender.wait_for("skipped")["path"].as_str().unwrap().ends_with("a:b"));
}
