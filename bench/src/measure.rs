//! What is measured of each contestant in each round.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::answer::{self, Counted, Echo};
use crate::contestant::{Card, Client, Contestant, Link};
use crate::options::Amounts;
use crate::results::{Figures, Metric};
use crate::samples::Samples;
use crate::usage::Usage;

/// Longer than the slowest contestant needs on a slow machine; a hang costs one figure, not the run.
const PATIENCE: Duration = Duration::from_secs(300);
/// Round trips before the clock starts.
const WARM_UP: u32 = 200;
/// Streams and handshakes before the clock starts.
const FEW: u32 = 10;

pub(crate) const ONE_STREAM: [Metric; 2] = ["one stream, Gbit/s", "one stream, CPU s/GiB"];
pub(crate) const EIGHT_STREAMS: [Metric; 2] = ["eight streams, Gbit/s", "eight streams, CPU s/GiB"];
pub(crate) const SMALL_TRIP: [Metric; 2] = ["1 B p50, µs", "1 B p99, µs"];
pub(crate) const LARGER_TRIP: [Metric; 2] = ["1 KiB p50, µs", "1 KiB p99, µs"];
pub(crate) const STREAMS_ALONE: [Metric; 2] = ["streams/s one by one", "CPU µs a stream, one by one"];
pub(crate) const STREAMS_TOGETHER: [Metric; 2] = ["streams/s 64 at a time", "CPU µs a stream, 64 at a time"];
pub(crate) const HANDSHAKES: [Metric; 2] = ["handshakes/s", "CPU µs a handshake"];
pub(crate) const COLD: [Metric; 1] = ["cold endpoint and connection, ms"];

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// All bytes over this many streams.
    Throughput(u32),
    /// Of a message of this many bytes.
    RoundTrip(u32),
    /// Opened, used for one byte each way and closed, so many at a time.
    Streams(u32),
    /// One after the other.
    Handshakes,
    /// Until a new endpoint's first byte is back.
    Cold,
}

impl Measure {
    pub(crate) const ALL: [Self; 8] = [
        Self::Throughput(1),
        Self::Throughput(8),
        Self::RoundTrip(1),
        Self::RoundTrip(1024),
        Self::Streams(1),
        Self::Streams(64),
        Self::Handshakes,
        Self::Cold,
    ];

    /// What it gives.
    pub(crate) fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Throughput(1) => &ONE_STREAM,
            Self::Throughput(_) => &EIGHT_STREAMS,
            Self::RoundTrip(1) => &SMALL_TRIP,
            Self::RoundTrip(_) => &LARGER_TRIP,
            Self::Streams(1) => &STREAMS_ALONE,
            Self::Streams(_) => &STREAMS_TOGETHER,
            Self::Handshakes => &HANDSHAKES,
            Self::Cold => &COLD,
        }
    }

    /// Whether it can be taken of this contestant: where each stream is a connection, opening one is a handshake.
    pub(crate) fn suits(self, contestant: &dyn Contestant) -> bool {
        contestant.has_streams() || !matches!(self, Self::Streams(_))
    }

    /// Takes it, and says on stderr what went wrong if anything did.
    pub(crate) async fn take(self, pair: &Pair<'_>, amounts: &Amounts) -> Figures {
        match tokio::time::timeout(PATIENCE, self.attempt(pair, amounts)).await {
            Ok(Ok(values)) => self.metrics().iter().copied().zip(values).collect(),
            Ok(Err(error)) => {
                eprintln!("  failed: {error:#}");
                Figures::new()
            }
            Err(_) => {
                eprintln!("  failed: not done after {} s", PATIENCE.as_secs());
                Figures::new()
            }
        }
    }

    async fn attempt(self, pair: &Pair<'_>, amounts: &Amounts) -> anyhow::Result<Vec<f64>> {
        match self {
            Self::Throughput(streams) => throughput(pair, streams, amounts.bytes).await,
            Self::RoundTrip(size) => round_trips(pair, size, amounts.round_trips).await,
            Self::Streams(at_once) => streams(pair, at_once, amounts.streams).await,
            Self::Handshakes => handshakes(pair, amounts.handshakes).await,
            Self::Cold => cold(pair, amounts.handshakes.div_ceil(10)).await,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throughput(1) => write!(f, "throughput, one stream"),
            Self::Throughput(streams) => write!(f, "throughput, {streams} streams"),
            Self::RoundTrip(size) => write!(f, "round trips, {size} B"),
            Self::Streams(1) => write!(f, "streams, one by one"),
            Self::Streams(at_once) => write!(f, "streams, {at_once} at a time"),
            Self::Handshakes => write!(f, "handshakes"),
            Self::Cold => write!(f, "cold handshakes"),
        }
    }
}

/// A contestant, its server, and where its diallers are.
pub(crate) struct Pair<'a> {
    pub(crate) contestant: &'a dyn Contestant,
    pub(crate) server: Card,
    pub(crate) from: IpAddr,
}

impl Pair<'_> {
    async fn client(&self) -> anyhow::Result<Box<dyn Client>> {
        self.contestant.client(&self.server, self.from).await
    }
}

async fn throughput(pair: &Pair<'_>, streams: u32, bytes: u64) -> anyhow::Result<Vec<f64>> {
    let client = pair.client().await?;
    let link = client.connect().await?;
    let mut open = Vec::new();
    for _ in 0..streams {
        open.push(Counted::start(link.open().await?).await?);
    }
    let share = bytes.div_ceil(streams.into());
    let (usage, start) = (Usage::now()?, Instant::now());
    let mut sending = JoinSet::new();
    for stream in open {
        sending.spawn(stream.send(share));
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), usage.elapsed()?);
    link.close().await;
    let bytes = (share * u64::from(streams)) as f64;
    Ok(vec![bytes * 8.0 / 1e9 / seconds, cpu / (bytes / (1u64 << 30) as f64)])
}

async fn round_trips(pair: &Pair<'_>, size: u32, count: u32) -> anyhow::Result<Vec<f64>> {
    let client = pair.client().await?;
    let link = client.connect().await?;
    let mut echo = Echo::start(link.open().await?, size).await?;
    for _ in 0..WARM_UP {
        echo.round_trip().await?;
    }
    let mut samples = Samples::default();
    for _ in 0..count {
        let start = Instant::now();
        echo.round_trip().await?;
        samples.add(start.elapsed().as_secs_f64() * 1e6);
    }
    echo.finish().await?;
    link.close().await;
    Ok([0.5, 0.99].into_iter().filter_map(|share| samples.quantile(share)).collect())
}

async fn streams(pair: &Pair<'_>, at_once: u32, count: u32) -> anyhow::Result<Vec<f64>> {
    let client = pair.client().await?;
    let link: Arc<dyn Link> = client.connect().await?.into();
    for _ in 0..FEW {
        answer::once(link.open().await?).await?;
    }
    let each = count.div_ceil(at_once);
    let (usage, start) = (Usage::now()?, Instant::now());
    let mut users = JoinSet::new();
    for _ in 0..at_once {
        let link = link.clone();
        users.spawn(async move {
            for _ in 0..each {
                answer::once(link.open().await?).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = users.join_next().await {
        done??;
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), usage.elapsed()?);
    let count = f64::from(each * at_once);
    Ok(vec![count / seconds, cpu * 1e6 / count])
}

async fn handshakes(pair: &Pair<'_>, count: u32) -> anyhow::Result<Vec<f64>> {
    let client = pair.client().await?;
    for _ in 0..FEW {
        handshake(client.as_ref()).await?;
    }
    let (usage, start) = (Usage::now()?, Instant::now());
    for _ in 0..count {
        handshake(client.as_ref()).await?;
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), usage.elapsed()?);
    Ok(vec![f64::from(count) / seconds, cpu * 1e6 / f64::from(count)])
}

async fn cold(pair: &Pair<'_>, count: u32) -> anyhow::Result<Vec<f64>> {
    let mut samples = Samples::default();
    for _ in 0..count {
        let start = Instant::now();
        let client = pair.client().await?;
        handshake(client.as_ref()).await?;
        samples.add(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(samples.quantile(0.5).into_iter().collect())
}

/// Until the first byte is back, which only a server that has verified us sends.
async fn handshake(client: &dyn Client) -> anyhow::Result<()> {
    let link = client.connect().await?;
    let echo = Echo::start(link.open().await?, 1).await?;
    drop(echo);
    link.close().await;
    Ok(())
}
