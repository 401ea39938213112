use std::time::Duration;

use foctet_net::{Connection, PathKind};

use crate::bench::client::{Cpu, Dialler};
use crate::bench::figures::Value;
use crate::bench::{BenchError, measures};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    /// Throughput over so many streams.
    Streams(u32),
    /// Throughput over one stream through the relay.
    Relayed,
    /// Round trips of a message of so many bytes.
    RoundTrips(u32),
    /// Streams opened, used for one byte and closed, so many at a time.
    Opens(u32),
    /// Connections, one after the other.
    Handshakes,
}

impl Scenario {
    pub(super) const ALL: [Self; 8] = [
        Self::Streams(1),
        Self::Streams(8),
        Self::Relayed,
        Self::RoundTrips(1),
        Self::RoundTrips(1024),
        Self::Opens(1),
        Self::Opens(64),
        Self::Handshakes,
    ];

    /// As in events.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Streams(1) => "one-stream",
            Self::Streams(_) => "eight-streams",
            Self::Relayed => "relayed-stream",
            Self::RoundTrips(1) => "round-trip-1",
            Self::RoundTrips(_) => "round-trip-1024",
            Self::Opens(1) => "opens-1",
            Self::Opens(_) => "opens-64",
            Self::Handshakes => "handshakes",
        }
    }

    /// In words, with those for each of its metrics.
    pub(super) fn words(self) -> (&'static str, &'static [(&'static str, &'static str)]) {
        const THROUGHPUT: &[(&str, &str)] = &[("throughput", "Gbit/s"), ("cpu", "CPU seconds a GiB")];
        const TRIPS: &[(&str, &str)] = &[("p50", "us, median"), ("p99", "us, 99 % take less")];
        const RATE: &[(&str, &str)] = &[("rate", "a second")];
        match self {
            Self::Streams(1) => ("one stream", THROUGHPUT),
            Self::Streams(_) => ("8 streams", THROUGHPUT),
            Self::Relayed => ("one stream through a relay", THROUGHPUT),
            Self::RoundTrips(1) => ("round trip of 1 byte", TRIPS),
            Self::RoundTrips(_) => ("round trip of 1 KiB", TRIPS),
            Self::Opens(1) => ("streams of one byte, one by one", RATE),
            Self::Opens(_) => ("streams of one byte, 64 at a time", RATE),
            Self::Handshakes => ("handshakes, one by one", RATE),
        }
    }

    /// Measures it once.
    pub(super) async fn measure(self, dialler: &Dialler, time: Duration) -> Result<Vec<Value>, BenchError> {
        let value = |metric, unit, value| Value { metric, unit, value };
        if self == Self::Handshakes {
            return Ok(vec![value("rate", "1/s", measures::handshakes(dialler, time).await?)]);
        }
        let mut client = dialler.client().await?;
        if self == Self::Relayed && !is_relayed(client.connection()) {
            return Err(BenchError::Unexpected("what came through the relay"));
        }
        let values = match self {
            Self::Streams(_) | Self::Relayed => {
                let streams = if let Self::Streams(streams) = self { streams } else { 1 };
                let throughput = measures::receive(&mut client, streams, time / 5, time).await?;
                let mut values = vec![value("throughput", "Gbit/s", throughput.rate * 8.0 / 1e9)];
                if let Cpu { here: Some(here), there: Some(there) } = throughput.cpu_per_gib {
                    values.push(value("cpu", "s/GiB", here + there));
                }
                values
            }
            Self::RoundTrips(size) => {
                let trips = measures::round_trips(&client, size, time).await?;
                vec![value("p50", "us", trips.median * 1e6), value("p99", "us", trips.p99 * 1e6)]
            }
            Self::Opens(at_once) => {
                vec![value("rate", "1/s", measures::opens(&client, at_once, time).await?)]
            }
            Self::Handshakes => Vec::new(),
        };
        client.end().await;
        Ok(values)
    }
}

/// Whether it goes through a relay, and no other way.
fn is_relayed(connection: &Connection) -> bool {
    connection.paths().iter().all(|path| path.kind == PathKind::Relay)
}
