//! What two ends measure together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foctet_core::bench::{Frame, MAX_SOURCE_MILLIS};
use foctet_net::{Connection, RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{Client, Cpu, Dialler};
use super::counter::Counter;
use super::samples::Samples;
use super::{BenchError, frames};

/// Written at once.
pub(super) const CHUNK: usize = 65_536;

/// How much longer than a test takes its end may take: what is on its way then comes over the slowest path.
const PATIENCE: Duration = Duration::from_secs(60);

/// Round trips before the clock starts: code and caches are warm then.
const WARM_UP_TRIPS: u32 = 50;

/// Round trips that one test remembers: 8 MB of them.
const MAX_TRIPS: usize = 1_000_000;

/// The zeros that are sent.
pub(super) static ZEROS: [u8; CHUNK] = [0; CHUNK];

/// How a test of throughput went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Throughput {
    /// Bytes a second, once the connection was warm.
    pub(super) rate: f64,
    /// CPU seconds for each GiB.
    pub(super) cpu_per_gib: Cpu,
    /// Cores that each side kept busy.
    pub(super) busy: Cpu,
}

/// Bytes in a GiB.
const GIB: f64 = (1u64 << 30) as f64;

impl Throughput {
    /// Out of what was counted, and what all bytes cost in `elapsed`.
    fn new(counted: (u64, Duration), total: u64, cpu: Cpu, elapsed: Duration) -> Self {
        let each = |divisor: f64| {
            let share =
                |seconds: Option<f64>| seconds.filter(|_| divisor > 0.0).map(|seconds| seconds / divisor);
            Cpu { here: share(cpu.here), there: share(cpu.there) }
        };
        Self {
            rate: counted.0 as f64 / counted.1.as_secs_f64().max(1e-6),
            cpu_per_gib: each(total as f64 / GIB),
            busy: each(elapsed.as_secs_f64()),
        }
    }
}

/// How long round trips took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trips {
    pub(super) median: f64,
    pub(super) p99: f64,
}

/// Receives for `time` over `streams`, after a warm-up.
pub(super) async fn receive(
    client: &mut Client,
    streams: u32,
    warm_up: Duration,
    time: Duration,
) -> Result<Throughput, BenchError> {
    let millis = u32::try_from((warm_up + time).as_millis()).unwrap_or(MAX_SOURCE_MILLIS);
    let source = Frame::Source { millis: millis.clamp(1, MAX_SOURCE_MILLIS) }.encode();
    let counter = Arc::new(Mutex::new(Counter::new(warm_up)));
    let usage = client.usage().await?;
    let start = Instant::now();
    let mut receiving = JoinSet::new();
    let until = start + warm_up + time + stragglers(time);
    for _ in 0..streams {
        let (mut send, recv) = client.connection().open_bi().await?;
        send.write_all(&source).await?;
        send.finish().ok();
        receiving.spawn(drain(recv, Arc::clone(&counter), until));
    }
    all(&mut receiving, warm_up + time).await?;
    let elapsed = start.elapsed();
    let cpu = client.cpu_since(usage).await?;
    let counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Throughput::new(counter.counted(), counter.total(), cpu, elapsed))
}

/// How long to wait for what is still on its way when a test is over: on a slow path the buffers hold more than the test.
fn stragglers(time: Duration) -> Duration {
    time / 4
}

async fn drain(mut recv: RecvStream, counter: Arc<Mutex<Counter>>, until: Instant) -> Result<(), BenchError> {
    while let Some(chunk) = recv.read_chunk(usize::MAX).await? {
        counter.lock().unwrap_or_else(PoisonError::into_inner).add(chunk.len(), Instant::now());
        if Instant::now() > until {
            recv.stop(0).ok();
            break;
        }
    }
    Ok(())
}

/// Waits until all have ended well, for as long as the test takes and patience lasts.
async fn all(tests: &mut JoinSet<Result<(), BenchError>>, time: Duration) -> Result<(), BenchError> {
    let ended = async {
        while let Some(ended) = tests.join_next().await {
            ended??;
        }
        Ok(())
    };
    timeout(time + PATIENCE, ended).await.map_err(|_| BenchError::Silent)?
}

/// Sends for `time` over one stream, after a warm-up.
pub(super) async fn send(
    client: &mut Client,
    warm_up: Duration,
    time: Duration,
) -> Result<Throughput, BenchError> {
    let warm_up_millis = u32::try_from(warm_up.as_millis()).unwrap_or(u32::MAX);
    let usage = client.usage().await?;
    let start = Instant::now();
    let (mut send, mut recv) = client.connection().open_bi().await?;
    let sending = async {
        send.write_all(&Frame::Sink { warm_up_millis }.encode()).await?;
        pour(&mut send, warm_up + time).await?;
        send.finish().ok();
        let answering = frames::read(&mut recv);
        tokio::pin!(answering);
        let answer = match timeout(stragglers(time), answering.as_mut()).await {
            Ok(answer) => answer?,
            Err(_) => {
                send.reset(0).ok();
                answering.await?
            }
        };
        match answer {
            Some(Frame::Taken { bytes, micros, total }) => {
                Ok((total, (bytes, Duration::from_micros(micros))))
            }
            _ => Err(BenchError::Unexpected("how much it took")),
        }
    };
    let (total, counted) =
        timeout(warm_up + time + PATIENCE, sending).await.map_err(|_| BenchError::Silent)??;
    let elapsed = start.elapsed();
    let cpu = client.cpu_since(usage).await?;
    Ok(Throughput::new(counted, total, cpu, elapsed))
}

/// Sends zeros for so long; the last of them may wait until the peer takes them.
///
/// # Errors
/// As writing, also where the peer stops the stream.
///
/// # Cancel safety
/// Safe: some of them are sent.
pub(super) async fn pour(send: &mut SendStream, time: Duration) -> Result<(), BenchError> {
    let start = Instant::now();
    while start.elapsed() < time {
        send.write_chunk(Bytes::from_static(&ZEROS)).await?;
    }
    Ok(())
}

/// Sends a message and waits for its echo, again and again for `time`, on a stream that is open.
pub(super) async fn round_trips(client: &Client, size: u32, time: Duration) -> Result<Trips, BenchError> {
    let (mut send, mut recv) = client.connection().open_bi().await?;
    send.write_all(&Frame::Echo { size }.encode()).await?;
    let mut message = vec![0; usize::try_from(size).unwrap_or(1)];
    let mut samples = Samples::default();
    let start = Instant::now();
    let measuring = async {
        let mut warm_up = 0;
        while samples.len() == 0 || (start.elapsed() < time && samples.len() < MAX_TRIPS) {
            let sent = Instant::now();
            send.write_all(&message).await?;
            recv.read_exact(&mut message).await?;
            // A long way needs no warm-up, and has no time for one.
            if warm_up < WARM_UP_TRIPS && start.elapsed() < time / 10 {
                warm_up += 1;
            } else {
                samples.add(sent.elapsed().as_secs_f64());
            }
        }
        Ok::<_, BenchError>(())
    };
    timeout(time + PATIENCE, measuring).await.map_err(|_| BenchError::Silent)??;
    send.finish().ok();
    let [median, p99] = [0.5, 0.99].map(|share| samples.quantile(share).unwrap_or(0.0));
    Ok(Trips { median, p99 })
}

/// Opens streams, uses each for one byte and closes it, so many at a time, for `time`; gives streams a second.
pub(super) async fn opens(client: &Client, at_once: u32, time: Duration) -> Result<f64, BenchError> {
    let start = Instant::now();
    let count = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let mut opening = JoinSet::new();
    for _ in 0..at_once {
        let (connection, count) = (client.connection().clone(), Arc::clone(&count));
        opening.spawn(async move {
            loop {
                touch(&connection).await?;
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if start.elapsed() >= time {
                    return Ok(());
                }
            }
        });
    }
    all(&mut opening, time).await?;
    Ok(count.load(std::sync::atomic::Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

async fn touch(connection: &Connection) -> Result<(), BenchError> {
    let (mut send, mut recv) = connection.open_bi().await?;
    let byte = Frame::Touch.encode();
    send.write_all(&byte).await?;
    send.finish().ok();
    if recv.read_to_end(byte.len()).await? == byte { Ok(()) } else { Err(BenchError::Unexpected("a byte")) }
}

/// Connects, is let in and closes, one connection after the other, for `time`; gives connections a second.
pub(super) async fn handshakes(dialler: &Dialler, time: Duration) -> Result<f64, BenchError> {
    let start = Instant::now();
    let mut count: u32 = 0;
    while count == 0 || start.elapsed() < time {
        dialler.client().await?.close();
        count = count.saturating_add(1);
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
