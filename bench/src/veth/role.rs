//! The two processes.

use std::io::Write as _;
use std::net::IpAddr;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::contestant;
use crate::measure::{Measure, Pair};
use crate::options::Amounts;
use crate::usage::Usage;

/// Serves until standard input ends. Prints the card, and for each line read the CPU seconds used so far.
pub(crate) async fn serve(contestant: &str, address: IpAddr) -> anyhow::Result<()> {
    let card = contestant::named(contestant)?.serve(address).await?;
    let mut output = std::io::stdout();
    writeln!(output, "{card}")?;
    let start = Usage::default();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        writeln!(output, "{}", start.elapsed()?)?;
    }
    Ok(())
}

/// Sends over one stream, and prints Gbit/s and CPU seconds a GiB.
pub(crate) async fn dial(contestant: &str, server: &str, from: IpAddr, bytes: u64) -> anyhow::Result<()> {
    let contestant = contestant::named(contestant)?;
    let pair = Pair { contestant: contestant.as_ref(), server: server.parse()?, from };
    let amounts = Amounts { bytes, round_trips: 1, streams: 1, handshakes: 1 };
    let figures = Measure::Throughput(1).take(&pair, &amounts).await;
    anyhow::ensure!(!figures.is_empty(), "the measurement failed");
    let figures: Vec<_> = figures.iter().map(|(_, value)| value.to_string()).collect();
    Ok(writeln!(std::io::stdout(), "{}", figures.join(" "))?)
}
