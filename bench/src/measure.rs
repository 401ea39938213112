//! What is measured of each contestant in each round.

use std::fmt;
use std::time::{Duration, Instant};

use crate::answer::{Counted, Echo};
use crate::contestant::{Client, Server};
use crate::options::Options;
use crate::samples::Samples;
use crate::usage::Usage;

/// Longer than the slowest contestant needs on a slow machine; a hang costs one figure, not the run.
const PATIENCE: Duration = Duration::from_secs(300);
/// Round trips before the clock starts.
const WARM_UP: u32 = 200;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    /// Gbit/s and CPU seconds a GiB, over this many streams.
    Throughput(u32),
    /// Microseconds, with a message of this many bytes.
    RoundTrip(u32),
    /// Connections a second, one after the other.
    Handshakes,
    /// Milliseconds until a new endpoint's first byte is back.
    Cold,
}

/// What one measurement gives: one figure, or two.
pub(crate) type Figures = [Option<f64>; 2];

impl Measure {
    pub(crate) const ALL: [Self; 6] = [
        Self::Throughput(1),
        Self::Throughput(8),
        Self::RoundTrip(1),
        Self::RoundTrip(1024),
        Self::Handshakes,
        Self::Cold,
    ];

    /// Takes it, and says on stderr what went wrong if anything did.
    pub(crate) async fn take(self, server: &dyn Server, options: &Options) -> Figures {
        match tokio::time::timeout(PATIENCE, self.attempt(server, options)).await {
            Ok(Ok(figures)) => figures,
            Ok(Err(error)) => {
                eprintln!("  failed: {error:#}");
                [None; 2]
            }
            Err(_) => {
                eprintln!("  failed: not done after {} s", PATIENCE.as_secs());
                [None; 2]
            }
        }
    }

    async fn attempt(self, server: &dyn Server, options: &Options) -> anyhow::Result<Figures> {
        match self {
            Self::Throughput(streams) => throughput(server, streams, options.bytes).await,
            Self::RoundTrip(size) => round_trips(server, size, options.round_trips).await,
            Self::Handshakes => handshakes(server, options.handshakes).await,
            Self::Cold => cold(server, options.handshakes.div_ceil(10)).await,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throughput(1) => write!(f, "throughput, one stream"),
            Self::Throughput(streams) => write!(f, "throughput, {streams} streams"),
            Self::RoundTrip(size) => write!(f, "round trips, {size} B"),
            Self::Handshakes => write!(f, "handshakes"),
            Self::Cold => write!(f, "cold handshakes"),
        }
    }
}

async fn throughput(server: &dyn Server, streams: u32, bytes: u64) -> anyhow::Result<Figures> {
    let client = server.client().await?;
    let link = client.connect().await?;
    let mut open = Vec::new();
    for _ in 0..streams {
        open.push(Counted::start(link.open().await?).await?);
    }
    let share = bytes.div_ceil(streams.into());
    let (usage, start) = (Usage::now()?, Instant::now());
    let mut sending = tokio::task::JoinSet::new();
    for stream in open {
        sending.spawn(stream.send(share));
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), usage.elapsed()?);
    link.close().await;
    let bytes = (share * u64::from(streams)) as f64;
    Ok([Some(bytes * 8.0 / 1e9 / seconds), Some(cpu / (bytes / (1u64 << 30) as f64))])
}

async fn round_trips(server: &dyn Server, size: u32, count: u32) -> anyhow::Result<Figures> {
    let client = server.client().await?;
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
    Ok([samples.quantile(0.5), samples.quantile(0.99)])
}

async fn handshakes(server: &dyn Server, count: u32) -> anyhow::Result<Figures> {
    let client = server.client().await?;
    handshake(client.as_ref()).await?;
    let start = Instant::now();
    for _ in 0..count {
        handshake(client.as_ref()).await?;
    }
    Ok([Some(f64::from(count) / start.elapsed().as_secs_f64()), None])
}

async fn cold(server: &dyn Server, count: u32) -> anyhow::Result<Figures> {
    let mut samples = Samples::default();
    for _ in 0..count {
        let start = Instant::now();
        let client = server.client().await?;
        handshake(client.as_ref()).await?;
        samples.add(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok([samples.quantile(0.5), None])
}

/// Until the first byte is back, which only a server that has verified us sends.
async fn handshake(client: &dyn Client) -> anyhow::Result<()> {
    let link = client.connect().await?;
    let echo = Echo::start(link.open().await?, 1).await?;
    drop(echo);
    link.close().await;
    Ok(())
}
