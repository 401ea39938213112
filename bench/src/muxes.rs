//! The multiplexer alone, between two tasks of one process.

use std::time::Instant;

use tokio::io::DuplexStream;
use tokio::task::JoinSet;

use crate::goal::{self, Goal};
use crate::options::Options;
use crate::page::Section;
use crate::results::{Figures, Metric, Results};
use crate::usage::Usage;
use crate::{answer, machine, table};

mod foctet;
mod pipe;
mod qmux;
mod yamux;

/// The section of the page.
pub(crate) const SECTION: &str = "mux";

/// Bytes that the carrier holds in each direction: about what a TCP socket does.
const CARRIER: usize = 256 * 1024;

const METRICS: [(usize, [Metric; 2]); 3] = [
    (1, ["1 stream, Gbit/s", "1 stream, CPU s/GiB"]),
    (10, ["10 streams, Gbit/s", "10 streams, CPU s/GiB"]),
    (100, ["100 streams, Gbit/s", "100 streams, CPU s/GiB"]),
];

const NAMES: [&str; 4] = [pipe::Pipe::NAME, yamux::Yamux::NAME, qmux::Qmux::NAME, foctet::Foctet::NAME];

const GOALS: [Goal; 6] = [
    Goal::at_least(foctet::Foctet::NAME, METRICS[0].1[0], 1.5, yamux::Yamux::NAME),
    Goal::at_least(foctet::Foctet::NAME, METRICS[1].1[0], 1.5, yamux::Yamux::NAME),
    Goal::at_least(foctet::Foctet::NAME, METRICS[2].1[0], 1.5, yamux::Yamux::NAME),
    Goal::at_least(foctet::Foctet::NAME, METRICS[0].1[0], 1.5, qmux::Qmux::NAME),
    Goal::at_least(foctet::Foctet::NAME, METRICS[1].1[0], 1.5, qmux::Qmux::NAME),
    Goal::at_least(foctet::Foctet::NAME, METRICS[2].1[0], 1.5, qmux::Qmux::NAME),
];

/// A multiplexer. What is sent goes from the first end to the second, on streams that the first opens.
trait Mux: 'static {
    const NAME: &'static str;
    /// An end of a connection.
    type End: Clone + Send + 'static;
    type Sending: Send + 'static;
    type Receiving: Send + 'static;

    /// Two connected ends.
    fn pair(
        near: DuplexStream,
        far: DuplexStream,
    ) -> impl Future<Output = anyhow::Result<(Self::End, Self::End)>> + Send;
    fn open(end: &Self::End) -> impl Future<Output = anyhow::Result<Self::Sending>> + Send;
    fn accept(end: &Self::End) -> impl Future<Output = anyhow::Result<Self::Receiving>> + Send;
    fn write_all(stream: &mut Self::Sending, bytes: &[u8])
    -> impl Future<Output = anyhow::Result<()>> + Send;
    /// Says that nothing follows, and waits until whatever has to be waited for is done.
    fn finish(stream: Self::Sending) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// How many bytes were read; none at the end.
    fn read(
        stream: &mut Self::Receiving,
        buffer: &mut [u8],
    ) -> impl Future<Output = anyhow::Result<usize>> + Send;
}

/// Runs it and gives the section.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    let mut results = Results::default();
    for round in 1..=options.rounds {
        for (streams, metrics) in METRICS {
            for name in NAMES.into_iter().filter(|name| options.takes(name)) {
                eprintln!("mux, round {round} of {}: {streams} streams, {name}", options.rounds);
                let run = match name {
                    pipe::Pipe::NAME => throughput::<pipe::Pipe>(streams, options.mux_bytes).await,
                    yamux::Yamux::NAME => throughput::<yamux::Yamux>(streams, options.mux_bytes).await,
                    qmux::Qmux::NAME => throughput::<qmux::Qmux>(streams, options.mux_bytes).await,
                    _ => throughput::<foctet::Foctet>(streams, options.mux_bytes).await,
                };
                let figures = match run {
                    Ok([rate, cpu]) => vec![(metrics[0], rate), (metrics[1], cpu)],
                    Err(error) => {
                        eprintln!("  failed: {error:#}");
                        Figures::new()
                    }
                };
                results.add(name, &metrics, round, &figures);
            }
        }
    }
    let columns: Vec<_> = METRICS.iter().flat_map(|(_, metrics)| *metrics).collect();
    let names: Vec<_> = NAMES.into_iter().filter(|name| options.takes(name)).collect();
    let text = format!(
        "{}- {} rounds, contestants interleaved; both ends in one process with {} worker threads; {} MiB in writes and reads of \
         {} KiB, over all streams; no encryption\n\
         - the carrier is a pipe in memory of {} KiB each way (`pipe`: one such pipe a stream, and nothing else); \
         the clock starts before the streams are opened and stops when the last byte was read\n\
         - foctet-mux and yamux with their defaults; qmux, whose windows do not grow, with the largest that foctet-mux \
         grows to (8 MiB a stream, 16 MiB a connection)\n\n{}\n{}",
        machine::settings(&["tokio", "foctet-mux", "yamux", "qmux"]),
        options.rounds,
        crate::WORKERS,
        options.mux_bytes >> 20,
        answer::CHUNK >> 10,
        CARRIER >> 10,
        table::table(&results, "multiplexer", &names, &columns),
        goal::table(&GOALS, &results),
    );
    Ok(Section { text, failed: results.has_failures() })
}

/// Gbit/s, and CPU seconds a GiB.
async fn throughput<M: Mux>(streams: usize, bytes: u64) -> anyhow::Result<[f64; 2]> {
    let (near, far) = tokio::io::duplex(CARRIER);
    let (near, far) = M::pair(near, far).await?;
    let share = bytes.div_ceil(streams as u64);
    let (usage, start) = (Usage::now()?, Instant::now());
    let mut sending = JoinSet::new();
    for _ in 0..streams {
        let near = near.clone();
        sending.spawn(send::<M>(near, share));
    }
    let mut receiving = JoinSet::new();
    for _ in 0..streams {
        receiving.spawn(receive::<M>(M::accept(&far).await?));
    }
    let mut received = 0;
    while let Some(count) = receiving.join_next().await {
        received += count??;
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), usage.elapsed()?);
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    let bytes = share * streams as u64;
    anyhow::ensure!(received == bytes, "sent {bytes} bytes, {received} arrived");
    Ok([bytes as f64 * 8.0 / 1e9 / seconds, cpu / (bytes as f64 / (1u64 << 30) as f64)])
}

async fn send<M: Mux>(end: M::End, bytes: u64) -> anyhow::Result<()> {
    let mut stream = M::open(&end).await?;
    let chunk = vec![0x5a; answer::CHUNK];
    let mut left = bytes;
    while left > 0 {
        let n = left.min(answer::CHUNK as u64);
        M::write_all(&mut stream, &chunk[..n as usize]).await?;
        left -= n;
    }
    M::finish(stream).await
}

async fn receive<M: Mux>(mut stream: M::Receiving) -> anyhow::Result<u64> {
    let mut buffer = vec![0; answer::CHUNK];
    let mut count = 0;
    loop {
        match M::read(&mut stream, &mut buffer).await? {
            0 => return Ok(count),
            n => count += n as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_multiplexer_carries_everything() -> anyhow::Result<()> {
        for streams in [1, 100] {
            throughput::<pipe::Pipe>(streams, 10 << 20).await?;
            throughput::<yamux::Yamux>(streams, 10 << 20).await?;
            throughput::<qmux::Qmux>(streams, 10 << 20).await?;
            throughput::<foctet::Foctet>(streams, 10 << 20).await?;
        }
        Ok(())
    }
}
