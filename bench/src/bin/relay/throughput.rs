//! One relayed connection.

use std::collections::BTreeMap;

use clap::Args;

use crate::process::Role;
use crate::relays::Kind;
use crate::samples::Samples;

/// How much of it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// MiB of one measurement.
    #[arg(long, default_value_t = 512)]
    mib: u64,
    /// How often everything is measured; the table shows median (minimum to maximum).
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Only these (repeatable).
    #[arg(long)]
    only: Vec<Kind>,
}

/// Gbit/s; CPU seconds a GiB of the relay, of the sender and of the receiver.
type Figures = [f64; 4];

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let mut samples: BTreeMap<Kind, [Samples; 4]> = BTreeMap::new();
    let kinds: Vec<_> =
        Kind::ALL.into_iter().filter(|kind| options.only.is_empty() || options.only.contains(kind)).collect();
    for round in 1..=options.rounds {
        for &kind in &kinds {
            match once(kind, options.mib << 20).await {
                Ok(figures) => {
                    eprintln!("round {round} of {}: {kind}: {figures:.2?}", options.rounds);
                    let all = samples.entry(kind).or_default();
                    all.iter_mut().zip(figures).for_each(|(samples, figure)| samples.add(figure));
                }
                Err(error) => eprintln!("round {round} of {}: {kind} failed: {error:#}", options.rounds),
            }
        }
    }
    println!("{} MiB, {} rounds; median (least to most)\n", options.mib, options.rounds);
    println!("| one relayed connection | Gbit/s | relay, CPU s/GiB | sender | receiver |");
    println!("|---|---|---|---|---|");
    for (kind, samples) in &samples {
        let cells: Vec<_> = samples.iter().map(Samples::summary).collect();
        println!("| {kind} | {} |", cells.join(" | "));
    }
    let median =
        |kind, index: usize| samples.get(&kind).and_then(|of: &[Samples; 4]| of[index].quantile(0.5));
    println!();
    for kind in [Kind::FoctetQuic, Kind::FoctetTcp] {
        if let (Some(fast), Some(slow), Some(ours), Some(theirs)) =
            (median(kind, 0), median(Kind::Iroh, 0), median(kind, 1), median(Kind::Iroh, 1))
        {
            let (times, share) = (fast / slow, ours / theirs);
            println!("{kind}: {times:.2} times iroh's throughput at {share:.2} of its relay's CPU");
        }
    }
    Ok(())
}

async fn once(kind: Kind, bytes: u64) -> anyhow::Result<Figures> {
    let name = kind.argument();
    let (relay, mut receiver, address);
    if kind == Kind::Forwarder {
        receiver = Role::start(&["receive", name, ""])?;
        let behind = receiver.line().await?;
        let (to, certificate) = behind.split_once(' ').unwrap_or_default();
        let mut forwarder = Role::start(&["relay", name, "--to", to])?;
        address = format!("{} {certificate}", forwarder.line().await?);
        relay = forwarder;
    } else {
        let mut serving = Role::start(&["relay", name])?;
        receiver = Role::start(&["receive", name, &serving.line().await?])?;
        address = receiver.line().await?;
        relay = serving;
    }
    let mut sender = Role::start(&["send", name, &address, &bytes.to_string()])?;
    sender.line().await?;
    let before = [relay.cpu()?, sender.cpu()?, receiver.cpu()?];
    sender.tell("go").await?;
    let seconds: f64 = sender.line().await?.parse()?;
    let after = [relay.cpu()?, sender.cpu()?, receiver.cpu()?];
    let gib = bytes as f64 / (1_u64 << 30) as f64;
    let [relay, sender, receiver] = [0, 1, 2].map(|index: usize| (after[index] - before[index]) / gib);
    Ok([bytes as f64 * 8.0 / 1e9 / seconds, relay, sender, receiver])
}
