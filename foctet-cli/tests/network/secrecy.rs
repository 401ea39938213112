//! A relay carries what it cannot read.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Stdio;

use testbed::topology::Topology;
use testbed::{Nat, Process, RouterOptions};

use crate::needs_namespaces;
use crate::stage::Stage;

const MARKER: &[u8] = b"the-marker-that-no-relay-shall-ever-see-0451";

fn holds_marker(bytes: &[u8]) -> bool {
    bytes.windows(MARKER.len()).any(|window| window == MARKER)
}

/// Whether a process has the marker anywhere in its memory.
fn memory_holds_marker(pid: u32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut looked_at = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).unwrap());
        let mut region = vec![0; usize::try_from(to - from).unwrap()];
        // Some regions are the kernel's.
        if memory.seek(SeekFrom::Start(from)).is_ok() && memory.read_exact(&mut region).is_ok() {
            looked_at += region.len();
            if holds_marker(&region) {
                return true;
            }
        }
    }
    assert!(looked_at > 1 << 20, "only {looked_at} bytes of memory could be read");
    false
}

fn has(program: &str) -> bool {
    std::process::Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

#[test]
fn a_relay_never_holds_what_it_carries() {
    needs_namespaces!();
    let router = RouterOptions::nat(Nat::Symmetric);
    for transport in ["quic", "tcp"] {
        let metrics = ["--metrics", "127.0.0.1:9090"];
        let mut stage = Stage::with_relay_args(Topology::Homes, &router, &router, 1, &metrics);
        let capture = stage.directory().join("capture");
        let mut capturing = has("tcpdump").then(|| start_capture(&stage, &capture));

        // The marker all over, so that any packet, buffer or log line would have it.
        let source = stage.directory().join("marked");
        std::fs::write(&source, MARKER.repeat((8 << 20) / MARKER.len())).unwrap();
        let mut transfer =
            stage.transfer_file(source, &["--transport", transport, "--relay-only"], &["--limit", "4MB"]);
        transfer
            .receiver
            .wait("progress", |event| event["bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20));
        let relay = stage.relays[0].party.process().id();
        let receiver = transfer.receiver.process().id();
        assert!(memory_holds_marker(receiver), "the search finds nothing where there is something");
        assert!(!memory_holds_marker(relay), "in the relay's memory, in the middle of a transfer");
        transfer.finish();
        assert!(!memory_holds_marker(relay), "in the relay's memory, after a transfer");

        let metrics = stage.node("relay1").run("curl", ["-s", "http://127.0.0.1:9090/metrics"]);
        match metrics {
            Ok(metrics) => {
                assert!(metrics.contains("foctet_relay"), "{metrics}");
                assert!(!holds_marker(metrics.as_bytes()), "in the metrics");
            }
            Err(error) => println!("SKIPPED: the metrics of a relay: {error}"),
        }
        match &mut capturing {
            Some(capturing) => {
                capturing.terminate().unwrap();
                capturing.child().wait().unwrap();
                let captured = std::fs::read(&capture).unwrap();
                assert!(captured.len() > 8 << 20, "the capture has only {} bytes", captured.len());
                assert!(!holds_marker(&captured), "on the wire");
            }
            None => println!("SKIPPED: the search in a packet capture: tcpdump is not installed"),
        }
        let log = stage.relays[0].party.stop();
        assert!(!holds_marker(log.as_bytes()), "in the log");
    }
}

fn start_capture(stage: &Stage, file: &Path) -> Process {
    let mut command = stage.node("relay1").command("tcpdump");
    command.args(["-i", "any", "-s", "0", "-U", "-Z", "root", "-w"]).arg(file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut capturing = Process::start(command).unwrap();
    // It says when it listens.
    let mut stderr = capturing.child().stderr.take().unwrap();
    let mut said = [0; 1];
    stderr.read_exact(&mut said).unwrap();
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    capturing
}
