use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use testbed::topology::Topology;
use testbed::{Node, RouterOptions, Testbed};

use crate::party::Party;

/// A network with one or two relays that run, and a directory for what is sent and received.
pub(crate) struct Stage {
    pub(crate) bed: Testbed,
    pub(crate) relays: Vec<Relay>,
    files: tempfile::TempDir,
    transfers: usize,
    /// What names stand for, if there are any.
    names: Option<PathBuf>,
}

/// A relay that runs.
pub(crate) struct Relay {
    pub(crate) address: String,
    pub(crate) party: Party,
}

/// A sender and a receiver at work.
pub(crate) struct Transfer {
    pub(crate) sender: Party,
    pub(crate) receiver: Party,
    source: PathBuf,
    target: PathBuf,
}

impl Stage {
    /// Alice and Bob in this topology behind these routers, and so many relays.
    pub(crate) fn new(
        topology: Topology,
        left: &RouterOptions,
        right: &RouterOptions,
        relays: usize,
    ) -> Self {
        Self::with_relay_args(topology, left, right, relays, &[])
    }

    /// The same, with more arguments for the relays.
    pub(crate) fn with_relay_args(
        topology: Topology,
        left: &RouterOptions,
        right: &RouterOptions,
        relays: usize,
        args: &[&str],
    ) -> Self {
        let mut bed = Testbed::new(topology.name()).expect("a network");
        topology.build(&mut bed, left, right).expect("a topology");
        let files = tempfile::tempdir().unwrap();
        let mut stage = Self { bed, relays: Vec::new(), files, transfers: 0, names: None };
        for number in 1..=relays {
            let relay = stage.start_relay(number, args);
            stage.relays.push(relay);
        }
        stage
    }

    /// The same with one relay that has addresses of both kinds, and this name for them.
    pub(crate) fn with_dual_relay(
        topology: Topology,
        left: &RouterOptions,
        right: &RouterOptions,
        name: &str,
    ) -> Self {
        let mut stage = Self::with_relay_args(topology, left, right, 0, &[]);
        stage.name_hosts(&[(name, "relay1")]);
        let relay = stage.start_relay(1, &["--public-host", name]);
        stage.relays.push(relay);
        stage
    }

    /// Starts the relay of this number, with the key that it has.
    pub(crate) fn start_relay(&self, number: usize, args: &[&str]) -> Relay {
        let node = self.node(&format!("relay{number}"));
        let state = self.files.path().join(format!("relay{number}"));
        let mut all = vec!["relay", "--state", state.to_str().unwrap()];
        all.extend_from_slice(args);
        let mut party = Party::start(&node, all, "");
        let (_, event) = party.event("relay");
        Relay { address: event["address"].as_str().unwrap().to_owned(), party }
    }

    /// From now on these names stand for these hosts, at all their addresses, for whatever is started.
    pub(crate) fn name_hosts(&mut self, names: &[(&str, &str)]) {
        let mut text = String::new();
        for (name, host) in names {
            let node = self.node(host);
            let (ipv4, ipv6) = (node.ipv4().map(IpAddr::from), node.ipv6().map(IpAddr::from));
            for address in ipv4.into_iter().chain(ipv6) {
                writeln!(text, "{address} {name}").unwrap();
            }
        }
        let file = self.files.path().join("hosts");
        std::fs::write(&file, text).unwrap();
        self.names = Some(file);
    }

    /// Starts the program on a node.
    pub(crate) fn start(&self, node: &Node, args: &[&str], input: &str) -> Party {
        match &self.names {
            Some(names) => Party::start_with_names(node, names, args, input),
            None => Party::start(node, args, input),
        }
    }

    pub(crate) fn node(&self, name: &str) -> Node {
        self.bed.node(name).unwrap().clone()
    }

    pub(crate) fn alice(&self) -> Node {
        self.node("alice")
    }

    pub(crate) fn bob(&self) -> Node {
        self.node("bob")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.files.path()
    }

    /// Alice sends a file of so many MiB to Bob, through the relays of this stage if need be. `both` are arguments for
    /// both sides, `sender` for Alice alone.
    pub(crate) fn transfer(&mut self, mib: usize, both: &[&str], sender: &[&str]) -> Transfer {
        self.transfers += 1;
        let source = self.files.path().join(format!("content-{}", self.transfers));
        write_content(&source, mib);
        self.transfer_file(source, both, sender)
    }

    /// As [`transfer`](Self::transfer), of a directory with so many files of 64 KiB: progress is what has been verified, and
    /// that goes by whole files, or by whole MiB of one.
    pub(crate) fn transfer_files(&mut self, files: usize, both: &[&str], sender: &[&str]) -> Transfer {
        self.transfers += 1;
        let source = self.files.path().join(format!("content-{}", self.transfers));
        let all = self.files.path().join("all");
        write_content(&all, files.div_ceil(16));
        let all = std::fs::read(all).unwrap();
        std::fs::create_dir(&source).unwrap();
        for (number, content) in all.chunks(64 << 10).take(files).enumerate() {
            std::fs::write(source.join(format!("{number:05}")), content).unwrap();
        }
        self.transfer_file(source, both, sender)
    }

    /// As [`transfer`](Self::transfer), of what is there.
    pub(crate) fn transfer_file(&mut self, source: PathBuf, both: &[&str], sender: &[&str]) -> Transfer {
        self.transfers += 1;
        let target = self.files.path().join(format!("received-{}", self.transfers));
        let mut args = vec!["send", source.to_str().unwrap()];
        for relay in &self.relays {
            args.extend_from_slice(&["--relay", &relay.address]);
        }
        args.extend_from_slice(both);
        args.extend_from_slice(sender);
        let mut alice = self.start(&self.alice(), &args, "");
        let (_, listening) = alice.event("listening");
        let ticket = listening["ticket"].as_str().unwrap().to_owned();
        let mut args = vec!["receive", "-", "-y", "-o", target.to_str().unwrap()];
        args.extend_from_slice(both);
        let receiver = self.start(&self.bob(), &args, &format!("{ticket}\n"));
        Transfer { sender: alice, receiver, source, target }
    }
}

impl Transfer {
    /// Waits for the end, which must be a good one on both sides, compares what arrived with what was sent, and gives the
    /// receiver's events.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Vec<(std::time::Duration, serde_json::Value)> {
        let events = self.receiver.ends(0);
        self.sender.ends(0);
        let received = self.target.join(self.source.file_name().unwrap());
        assert!(content(&received) == content(&self.source), "what arrived is not what was sent");
        events
    }
}

/// What a file holds, or the files in a directory one after another.
fn content(path: &Path) -> Vec<u8> {
    if path.is_file() {
        return std::fs::read(path).unwrap();
    }
    let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| std::fs::read(file).unwrap()).collect()
}

/// Content that compresses to nothing and repeats nowhere, the same each time.
fn write_content(path: &Path, mib: usize) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..mib * (1 << 20) / 8 {
        // SplitMix64, for no other reason than that it is short.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        file.write_all(&(word ^ word >> 31).to_le_bytes()).unwrap();
    }
    file.flush().unwrap();
}
