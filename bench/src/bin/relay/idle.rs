//! Clients that say nothing.

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use clap::Args;
use foctet_core::RelayAddr;

use crate::process::{self, Role};
use crate::relays::Kind;
use crate::{iroh, leg};

/// Dials at once: about what two cores keep up with.
const AT_ONCE: u64 = 32;

/// Until what was set up for the handshakes is gone.
const SETTLE: Duration = Duration::from_secs(5);

/// How many, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 2000)]
    clients: u64,
    /// Seconds for which the CPU is watched.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let Options { clients, seconds } = options;
    println!("{clients} idle clients, watched for {seconds} s\n");
    println!("| relay | KiB a client | CPU, % of a core | CPU ms a connect |");
    println!("|---|---|---|---|");
    for kind in [Kind::Iroh, Kind::FoctetTcp, Kind::FoctetQuic] {
        let mut relay = Role::start(&["relay", kind.argument()])?;
        let address = relay.line().await?;
        let (empty, idle) = (relay.resident()?, relay.cpu()?);
        let mut idlers = Role::start(&["idlers", kind.argument(), &address, "0", &clients.to_string()])?;
        idlers.line().await?;
        let connect = (relay.cpu()? - idle) * 1000.0 / *clients as f64;
        tokio::time::sleep(SETTLE).await;
        let each = (relay.resident()? - empty) / *clients as f64;
        let (before, began) = (relay.cpu()?, Instant::now());
        tokio::time::sleep(Duration::from_secs(*seconds)).await;
        let share = (relay.cpu()? - before) / began.elapsed().as_secs_f64() * 100.0;
        println!("| {kind} | {each:.1} | {share:.2} | {connect:.2} |");
    }
    Ok(())
}

/// Joins so many, says so, and waits.
pub(crate) async fn idlers(kind: Kind, relay: &str, first: u64, count: u64) -> anyhow::Result<()> {
    let mut endpoints = Vec::new();
    let numbers: Vec<u64> = (first..first + count).collect();
    for some in numbers.chunks(AT_ONCE as usize) {
        let mut joining = tokio::task::JoinSet::new();
        for &number in some {
            let relay = relay.to_owned();
            joining.spawn(async move {
                if kind == Kind::Iroh {
                    iroh::idler(relay, number).await?;
                    return anyhow::Ok(None);
                }
                let home = RelayAddr::from_str(&relay)?;
                let endpoint = leg::endpoint(number, kind.transport()).relays([home]).build().await?;
                endpoint.online().await;
                Ok(Some(endpoint))
            });
        }
        while let Some(joined) = joining.join_next().await {
            endpoints.extend(joined??);
        }
    }
    println!("joined");
    process::told().await?;
    drop(endpoints);
    Ok(())
}
