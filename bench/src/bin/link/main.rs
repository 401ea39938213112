//! foctet and its peers across a link with a rate, a delay and a loss, in one run.
//!
//! ```text
//! cargo build --release --manifest-path bench/Cargo.toml --bin link
//! target/release/link --rtt 100 --rtt 200 --loss 0 --loss 1
//! ```
//!
//! It needs Linux and root, as the testbed does, and `iperf3`. Two hosts are network namespaces, with the testbed's link
//! between them; sender and receiver are processes of their own: this binary once more, with a role as its arguments.
//! What is measured is what the receiving application has read of one connection, from the end of the warm-up on: as a
//! share of the link's rate, which is that of whole IP packets. CPU seconds are those of both processes, in the same
//! time. The link is a thread of this process; its own ceiling is what `testbed measure-link` tells.
//!
//! With `--beside`, an iperf3 over TCP is on the link as well, all the time; its rate is in brackets.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod contest;
#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
mod iperf;
#[cfg(target_os = "linux")]
mod kind;
#[cfg(target_os = "linux")]
mod role;
#[cfg(target_os = "linux")]
mod table;

#[path = "../../identity.rs"]
#[cfg(target_os = "linux")]
mod identity;
#[path = "../../samples.rs"]
#[cfg(target_os = "linux")]
mod samples;

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    use clap::Parser as _;

    let options = Options::parse();
    match options.role {
        None => contest::run(&options.contest),
        Some(role) => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            // In a task, or this thread would be a third worker.
            runtime.block_on(async {
                tokio::spawn(async move {
                    match role {
                        Role::Receive { kind, ip } => ends::receive(kind, ip).await,
                        Role::Send { kind, streams, address } => ends::send(kind, streams, &address).await,
                    }
                })
                .await?
            })
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("network namespaces need Linux")
}

/// foctet and its peers across a link.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Parser)]
struct Options {
    #[command(flatten)]
    contest: contest::Options,
    #[command(subcommand)]
    role: Option<Role>,
}

#[cfg(target_os = "linux")]
#[derive(Debug, clap::Subcommand)]
enum Role {
    /// Accepts one connection, and tells how much has arrived.
    #[command(hide = true)]
    Receive { kind: kind::Kind, ip: std::net::IpAddr },
    /// Dials, and sends until it is ended.
    #[command(hide = true)]
    Send { kind: kind::Kind, streams: u32, address: String },
}
