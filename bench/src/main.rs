//! foctet beside its peers: stream throughput, round trips and handshakes, in one run.
//!
//! ```text
//! cargo run --release --manifest-path bench/Cargo.toml
//! cargo run --release --manifest-path bench/Cargo.toml -- --rounds 1 --bytes 128MiB --only tls --only foctet
//! ```
//!
//! It prints its settings and three tables in Markdown. What the figures mean:
//!
//! - Everything runs in this one process, over loopback, on one multi-thread runtime with two workers; so CPU
//!   seconds are those of both sides. Contestants take turns within each round and each measure, because a
//!   machine drifts: compare within a run, never between two.
//! - **Throughput**: all bytes go one way, in writes of 64 KiB. The clock starts when every stream has been
//!   accepted and stops when the receiver has read the last byte and said so. TCP and TLS have no streams: there
//!   eight streams are eight connections.
//! - **Round trip**: a message and its echo on a stream that is open already.
//! - **Handshake**: connect, verify each other, one byte there and back, close; one by one, with endpoints that
//!   exist. *Cold* is the same with everything made anew on the dialling side: key, certificate, configuration,
//!   socket.
//! - `tcp` is the reference without cryptography, `tls` the ceiling of what foctet can reach over TCP.
//!
//! To add a contestant, implement [`contestant::Contestant`] in a file of its own and list it in
//! [`contestant::all`]. `bench/files.sh` measures the program, not the library.
#![forbid(unsafe_code)]

mod answer;
mod contestant;
mod identity;
mod measure;
mod options;
mod report;
mod samples;
mod settings;
mod usage;

use clap::Parser as _;

use crate::measure::Measure;
use crate::options::Options;
use crate::report::Report;

/// Threads of the runtime, for both sides together: as on a small machine.
const WORKERS: usize = 2;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    // In a task, or this thread would be a third worker.
    runtime.block_on(async { tokio::spawn(run(options)).await? })
}

async fn run(options: Options) -> anyhow::Result<()> {
    let mut servers = Vec::new();
    for contestant in options.contestants()? {
        servers.push((contestant.name(), contestant.serve().await?));
    }
    settings::print(&options);
    let mut report = Report::default();
    for round in 1..=options.rounds {
        for measure in Measure::ALL {
            for (name, server) in &servers {
                eprintln!("round {round} of {}: {measure}, {name}", options.rounds);
                report.add(name, measure, measure.take(server.as_ref(), &options).await);
            }
        }
    }
    report.print(servers.iter().map(|(name, _)| *name));
    Ok(())
}
