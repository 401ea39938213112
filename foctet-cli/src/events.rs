//! What happens, as the program tells it: the schema of `--json`. Fields may be added, never changed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bench::Figure;

/// The version that every line carries.
const VERSION: u8 = 1;

/// The most entries that a `manifest` event lists: it stays a line that a script can hold.
pub(crate) const MAX_MANIFEST_ENTRIES: usize = 1_000;

/// One thing that happened. The variant's name in lower case is the value of `event`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event {
    /// The sender can be reached.
    Listening {
        node_id: String,
        ticket: String,
        /// Null as long as there are no codes.
        code: Option<String>,
        direct: Vec<String>,
        relays: Vec<String>,
    },
    /// A peer is connected and proved who it is.
    Connected { node_id: String, path: Path },
    /// Another path is in use.
    Path {
        path: Path,
        why: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        node_id: Option<String>,
    },
    /// The peer has not answered for some seconds, though something waits for its answer.
    Stalled {
        path: Path,
        #[serde(skip_serializing_if = "Option::is_none")]
        node_id: Option<String>,
    },
    /// What is offered.
    Manifest { files: u64, bytes: u64, entries: Vec<Entry> },
    /// How far a transfer has come.
    Progress {
        bytes: u64,
        total: u64,
        files: u64,
        rate: u64,
        path: Path,
        #[serde(skip_serializing_if = "Option::is_none")]
        node_id: Option<String>,
    },
    /// The sender waits for a receiver again.
    Waiting {
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        node_id: Option<String>,
    },
    /// The connection is lost, and another one is being made. Only at the receiver.
    Interrupted { why: String },
    /// Another connection is up, and the transfer goes on where it stood. Only at the receiver.
    Reconnected { bytes: u64, path: Path },
    /// One round trip of a ping.
    Ping { count: u32, seconds: f64, rtt_ms: f64, path: Path },
    /// All round trips of a ping.
    Pinged {
        count: u64,
        min_ms: f64,
        median_ms: f64,
        max_ms: f64,
        path: Path,
        why_not_direct: Option<String>,
    },
    /// An entry was left out.
    Skipped { path: String, why: String },
    /// An entry at the top was saved under another name, because its own was taken.
    Renamed { path: String, name: String },
    /// A transfer is complete and verified by the receiver.
    Done {
        bytes: u64,
        files: u64,
        seconds: f64,
        blake3: String,
        path: Path,
        #[serde(skip_serializing_if = "Option::is_none")]
        node_id: Option<String>,
    },
    /// `bench`: what was measured, and how.
    Settings {
        foctet: &'static str,
        build: &'static str,
        cores: u32,
        cipher_suite: String,
        key_exchange: String,
        /// How many, on this machine alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        processes: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        there: Option<There>,
        rounds: u32,
        seconds: f64,
    },
    /// `bench`: what one round gave.
    Sample {
        round: u32,
        scenario: &'static str,
        transport: &'static str,
        metric: &'static str,
        unit: &'static str,
        value: f64,
    },
    /// `bench`: what all rounds come to.
    Figure(Figure),
    /// `bench`: a disk, in bytes a second.
    Disk { side: &'static str, bytes: u64, write: u64, read: u64 },
    /// `bench`: one core, in bytes a second.
    Speeds { side: &'static str, seal: u64, hash: u64 },
    /// `bench`: what bounds a transfer, in bytes a second.
    Bottleneck {
        direction: &'static str,
        bound: &'static str,
        rate: u64,
        next: Option<&'static str>,
        factor: Option<f64>,
        rates: BTreeMap<&'static str, u64>,
        path: Path,
    },
    /// `relay`: clients can come.
    Relay { address: String },
    /// `relay`: SIGHUP had the configuration read again; `why` says what is wrong with it, if it is not in force.
    Reloaded {
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The program ends without success.
    Error { code: &'static str, message: String, hint: String },
}

/// A way to the peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Path {
    /// `direct` or `relay`.
    pub(crate) kind: String,
    /// `quic` or `tcp`.
    pub(crate) transport: &'static str,
    /// The peer's address.
    pub(crate) remote: String,
    /// The last round trip in milliseconds, to the microsecond.
    pub(crate) rtt_ms: f64,
    /// Of a relayed one, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why_not_direct: Option<String>,
}

/// The other side of a benchmark.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct There {
    pub(crate) build: &'static str,
    pub(crate) cores: u32,
}

/// One entry of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// `file`, `directory` or `symlink`.
    pub(crate) kind: &'static str,
}

impl Event {
    /// One line of JSON without its newline. Harmful characters in names are `\u` escapes.
    pub(crate) fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            v: u8,
            #[serde(flatten)]
            event: &'a Event,
        }
        let json = serde_json::to_string(&Line { v: VERSION, event: self });
        // Nothing in an event can fail to serialise; were it so, an empty object is still a line of JSON.
        crate::report::escape_json(&json.unwrap_or_else(|_| "{}".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> Path {
        Path {
            kind: "direct".to_owned(),
            transport: "quic",
            remote: "127.0.0.1:7".to_owned(),
            rtt_ms: 0.25,
            why_not_direct: None,
        }
    }

    #[test]
    fn each_event_has_the_fields_that_scripts_rely_on() {
        let text = str::to_owned;
        for (event, json) in [
            (
                Event::Listening {
                    node_id: text("n"),
                    ticket: text("t"),
                    code: None,
                    direct: vec![text("udp:127.0.0.1:7")],
                    relays: vec![],
                },
                r#"{"v":1,"event":"listening","node_id":"n","ticket":"t","code":null,"direct":["udp:127.0.0.1:7"],"relays":[]}"#,
            ),
            (
                Event::Connected { node_id: text("n"), path: path() },
                r#"{"v":1,"event":"connected","node_id":"n","path":{"kind":"direct","transport":"quic","remote":"127.0.0.1:7","rtt_ms":0.25}}"#,
            ),
            (
                Event::Path { path: path(), why: text("w"), node_id: None },
                r#"{"v":1,"event":"path","path":{"kind":"direct","transport":"quic","remote":"127.0.0.1:7","rtt_ms":0.25},"why":"w"}"#,
            ),
            (
                Event::Manifest {
                    files: 1,
                    bytes: 2,
                    entries: vec![Entry { path: text("a"), bytes: 2, kind: "file" }],
                },
                r#"{"v":1,"event":"manifest","files":1,"bytes":2,"entries":[{"path":"a","bytes":2,"kind":"file"}]}"#,
            ),
            (
                Event::Progress { bytes: 1, total: 2, files: 0, rate: 3, path: path(), node_id: None },
                r#"{"v":1,"event":"progress","bytes":1,"total":2,"files":0,"rate":3,"path":{"kind":"direct","transport":"quic","remote":"127.0.0.1:7","rtt_ms":0.25}}"#,
            ),
            (
                Event::Stalled { path: path(), node_id: None },
                r#"{"v":1,"event":"stalled","path":{"kind":"direct","transport":"quic","remote":"127.0.0.1:7","rtt_ms":0.25}}"#,
            ),
            (Event::Interrupted { why: text("w") }, r#"{"v":1,"event":"interrupted","why":"w"}"#),
            (
                Event::Reconnected { bytes: 9, path: path() },
                r#"{"v":1,"event":"reconnected","bytes":9,"path":{"kind":"direct","transport":"quic","remote":"127.0.0.1:7","rtt_ms":0.25}}"#,
            ),
            (
                Event::Ping { count: 1, seconds: 0.5, rtt_ms: 0.25, path: path() },
                r#"{"v":1,"event":"ping","count":1,"seconds":0.5,"rtt_ms":0.25,"path":{"kind":"direct","transport":"quic","remote":"127.0.0.1:7","rtt_ms":0.25}}"#,
            ),
            (
                Event::Pinged {
                    count: 3,
                    min_ms: 0.5,
                    median_ms: 1.0,
                    max_ms: 2.5,
                    path: path(),
                    why_not_direct: None,
                },
                r#"{"v":1,"event":"pinged","count":3,"min_ms":0.5,"median_ms":1.0,"max_ms":2.5,"path":{"kind":"direct","transport":"quic","remote":"127.0.0.1:7","rtt_ms":0.25},"why_not_direct":null}"#,
            ),
            (
                Event::Renamed { path: text("p"), name: text("n") },
                r#"{"v":1,"event":"renamed","path":"p","name":"n"}"#,
            ),
            (Event::Waiting { why: None, node_id: None }, r#"{"v":1,"event":"waiting"}"#),
            (
                Event::Skipped { path: text("p"), why: text("w") },
                r#"{"v":1,"event":"skipped","path":"p","why":"w"}"#,
            ),
            (
                Event::Done {
                    bytes: 2,
                    files: 1,
                    seconds: 0.5,
                    blake3: text("h"),
                    path: path(),
                    node_id: None,
                },
                r#"{"v":1,"event":"done","bytes":2,"files":1,"seconds":0.5,"blake3":"h","path":{"kind":"direct","transport":"quic","remote":"127.0.0.1:7","rtt_ms":0.25}}"#,
            ),
            (
                Event::Settings {
                    foctet: "0.1.0",
                    build: "release",
                    cores: 2,
                    cipher_suite: text("c"),
                    key_exchange: text("k"),
                    processes: Some(2),
                    there: None,
                    rounds: 5,
                    seconds: 1.0,
                },
                r#"{"v":1,"event":"settings","foctet":"0.1.0","build":"release","cores":2,"cipher_suite":"c","key_exchange":"k","processes":2,"rounds":5,"seconds":1.0}"#,
            ),
            (
                Event::Sample {
                    round: 1,
                    scenario: "one-stream",
                    transport: "tcp",
                    metric: "throughput",
                    unit: "Gbit/s",
                    value: 9.5,
                },
                r#"{"v":1,"event":"sample","round":1,"scenario":"one-stream","transport":"tcp","metric":"throughput","unit":"Gbit/s","value":9.5}"#,
            ),
            (
                Event::Figure(Figure {
                    scenario: "one-stream",
                    transport: "tcp",
                    metric: "throughput",
                    unit: "Gbit/s",
                    median: 9.5,
                    min: 9.0,
                    max: 10.0,
                    samples: 5,
                }),
                r#"{"v":1,"event":"figure","scenario":"one-stream","transport":"tcp","metric":"throughput","unit":"Gbit/s","median":9.5,"min":9.0,"max":10.0,"samples":5}"#,
            ),
            (
                Event::Disk { side: "here", bytes: 1, write: 2, read: 3 },
                r#"{"v":1,"event":"disk","side":"here","bytes":1,"write":2,"read":3}"#,
            ),
            (
                Event::Speeds { side: "there", seal: 1, hash: 2 },
                r#"{"v":1,"event":"speeds","side":"there","seal":1,"hash":2}"#,
            ),
            (
                Event::Bottleneck {
                    direction: "send",
                    bound: "path",
                    rate: 1,
                    next: Some("receiver-disk"),
                    factor: Some(2.5),
                    rates: BTreeMap::from([("path", 1), ("receiver-disk", 2)]),
                    path: path(),
                },
                r#"{"v":1,"event":"bottleneck","direction":"send","bound":"path","rate":1,"next":"receiver-disk","factor":2.5,"rates":{"path":1,"receiver-disk":2},"path":{"kind":"direct","transport":"quic","remote":"127.0.0.1:7","rtt_ms":0.25}}"#,
            ),
            (Event::Relay { address: text("a") }, r#"{"v":1,"event":"relay","address":"a"}"#),
            (Event::Reloaded { why: None }, r#"{"v":1,"event":"reloaded"}"#),
            (
                Event::Error { code: "usage", message: text("m"), hint: text("h") },
                r#"{"v":1,"event":"error","code":"usage","message":"m","hint":"h"}"#,
            ),
        ] {
            assert_eq!(event.to_json(), json);
        }
    }
}
