//! foctet's relay beside its peers, in one run, over loopback.
//!
//! ```text
//! cargo run --release --manifest-path bench/Cargo.toml --bin relay -- throughput
//! cargo run --release --manifest-path bench/Cargo.toml --bin relay -- idle
//! cargo run --release --manifest-path bench/Cargo.toml --bin relay -- reconnect
//! cargo run --release --manifest-path bench/Cargo.toml --bin relay -- flood
//! ```
//!
//! Each part (relay, ends, clients) is a process of its own: this binary once more, with a role as its arguments. CPU
//! seconds are those of such a process, user and system, read from `/proc`. Contestants take turns within each round,
//! because a machine drifts: compare within a run, never between two.
//!
//! - **throughput**: one relayed connection, one stream, all bytes one way in writes of 64 KiB; the clock starts when a
//!   warm-up has gone through and stops when the receiver has read the last byte and said so. foctet's relay runs
//!   without limits of rate, as iroh's does by default. iroh's relay speaks plain HTTP, foctet's TLS. The forwarder is
//!   the floor: a program that copies bytes between two TCP sockets, under end-to-end TLS.
//! - **idle**: resident memory of a relay for each client, and its CPU, while none says anything.
//! - **reconnect**: how soon all clients are back after their relay was restarted, beside the rate of handshakes that
//!   these two machines' worth of processes manage without anything else.
//! - **flood**: how long small packets between clients take, with and without one that sends ten times what it may.
#![forbid(unsafe_code)]

mod ends;
mod flood;
mod forwarder;
mod idle;
mod iroh;
mod leg;
mod process;
mod reconnect;
mod relays;
mod throughput;

#[path = "../../answer.rs"]
#[allow(dead_code, reason = "shared with the benchmark of the library")]
mod answer;
#[path = "../../identity.rs"]
mod identity;
#[path = "../../samples.rs"]
mod samples;

use clap::{Parser, Subcommand};

use crate::relays::Kind;

/// foctet's relay beside its peers.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One relayed connection: bytes a second and CPU seconds.
    Throughput(throughput::Options),
    /// Clients that say nothing: memory and CPU.
    Idle(idle::Options),
    /// All clients at once after a restart.
    Reconnect(reconnect::Options),
    /// Latency beside a client that sends too much.
    Flood(flood::Options),
    /// A relay, until its standard input ends.
    #[command(hide = true)]
    Relay(relays::Options),
    /// The accepting end of a relayed connection.
    #[command(hide = true)]
    Receive { kind: Kind, relay: String },
    /// The dialling end of a relayed connection.
    #[command(hide = true)]
    Send { kind: Kind, address: String, bytes: u64 },
    /// Clients that say nothing.
    #[command(hide = true)]
    Idlers { kind: Kind, relay: String, first: u64, count: u64 },
    /// Endpoints that keep a leg to a relay, and tell when it is up.
    #[command(hide = true)]
    Keepers(reconnect::KeepersOptions),
    /// Clients that dial, say hello and leave.
    #[command(hide = true)]
    Diallers(reconnect::DiallersOptions),
    /// One client that sends too much.
    #[command(hide = true)]
    Flooder { kind: Kind, relay: String, packets_per_second: u64 },
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    process::raise_limits()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // In a task, or this thread would be a third worker.
    let result = runtime.block_on(async { tokio::spawn(run(options.what)).await? });
    // What a role leaves behind ends with it.
    runtime.shutdown_background();
    result
}

async fn run(what: What) -> anyhow::Result<()> {
    match what {
        What::Throughput(options) => throughput::run(&options).await,
        What::Idle(options) => idle::run(&options).await,
        What::Reconnect(options) => reconnect::run(&options).await,
        What::Flood(options) => flood::run(&options).await,
        What::Relay(options) => relays::serve(&options).await,
        What::Receive { kind, relay } => ends::receive(kind, &relay).await,
        What::Send { kind, address, bytes } => ends::send(kind, &address, bytes).await,
        What::Idlers { kind, relay, first, count } => idle::idlers(kind, &relay, first, count).await,
        What::Keepers(options) => reconnect::keepers(&options).await,
        What::Diallers(options) => reconnect::diallers(&options).await,
        What::Flooder { kind, relay, packets_per_second } => {
            flood::flooder(kind, &relay, packets_per_second).await
        }
    }
}
