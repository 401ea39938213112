//! The run: every contestant on every link, in turns.

use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use testbed::link::Shape;
use testbed::{Node, Testbed, Uplink};

use crate::iperf::Iperf;
use crate::kind::Kind;
use crate::role::Role;
use crate::table::Table;

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Round trip time of the link in milliseconds (repeatable) [default: 100 200].
    #[arg(long)]
    rtt: Vec<u64>,
    /// Loss in percent, in each direction (repeatable) [default: 0 1].
    #[arg(long)]
    loss: Vec<f64>,
    /// Rate in Mbit/s, in each direction.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// What the line's queue holds, in milliseconds of its rate.
    #[arg(long, default_value_t = 50)]
    queue: u64,
    /// Seconds before the measured time.
    #[arg(long, default_value_t = 3)]
    warm_up: u32,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How often everything is measured; the table shows median (minimum to maximum).
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Streams of the contestant that has several.
    #[arg(long, default_value_t = 8)]
    streams: u32,
    /// Only these (repeatable).
    #[arg(long)]
    only: Vec<Kind>,
    /// With an iperf3 on the same link.
    #[arg(long)]
    beside: bool,
    /// The congestion control of iperf3, by the kernel's name for it [default: the kernel's own choice].
    #[arg(long)]
    congestion: Option<String>,
    /// Prints each second's rate.
    #[arg(long)]
    trace: bool,
    /// What the link's chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What one contestant did on one link.
pub(crate) struct Measured {
    /// Bits a second.
    pub(crate) rate: f64,
    /// CPU seconds of both ends.
    pub(crate) cpu: f64,
    pub(crate) seconds: f64,
    /// Bits a second of the iperf3 beside it.
    pub(crate) beside: Option<f64>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let or =
        |given: &Vec<f64>, default: &[f64]| if given.is_empty() { default.to_vec() } else { given.clone() };
    let rtts: Vec<f64> = options.rtt.iter().map(|&rtt| rtt as f64).collect();
    let (rtts, losses) = (or(&rtts, &[100.0, 200.0]), or(&options.loss, &[0.0, 1.0]));
    let mut table = Table::default();
    for round in 1..=options.rounds {
        for &rtt in &rtts {
            for &loss in &losses {
                for kind in Kind::ALL {
                    if !options.only.is_empty() && !options.only.contains(&kind) {
                        continue;
                    }
                    eprint!("round {round} of {}: {rtt} ms, {loss} %: {kind}: ", options.rounds);
                    match once(options, rtt, loss, kind) {
                        Ok(measured) => {
                            eprintln!("{:.0} Mbit/s", measured.rate / 1e6);
                            table.add((rtt, loss, kind), &measured);
                        }
                        Err(error) => eprintln!("failed: {error:#}"),
                    }
                }
            }
        }
    }
    println!(
        "{} Mbit/s with a queue of {} ms; {} s after {} s; {} streams where there are several; {} rounds; {}, the kernel's \
         congestion control: {}\n",
        options.rate,
        options.queue,
        options.seconds,
        options.warm_up,
        options.streams,
        options.rounds,
        crate::iperf::version(),
        options.congestion.clone().unwrap_or_else(crate::iperf::congestion_control)
    );
    table.print(options.rate as f64 * 1e6);
    Ok(())
}

fn once(options: &Options, rtt: f64, loss: f64, kind: Kind) -> anyhow::Result<Measured> {
    let rate = options.rate * 1_000_000;
    let shape = Shape {
        delay: Duration::from_secs_f64(rtt / 2000.0),
        rate: Some(rate),
        queue: Some((rate / 8000 * options.queue).max(32 * 1024)),
        loss: loss / 100.0,
        seed: options.seed,
        ..Shape::default()
    };
    let mut bed = Testbed::new("link")?;
    let from = bed.public_host("from", &Uplink::default().link(shape))?;
    let to = bed.public_host("to", &Uplink::default())?;
    if kind == Kind::Iperf {
        let congestion = options.congestion.as_deref();
        return Iperf::measure(&from, &to, congestion, options.warm_up, options.seconds);
    }
    let all = options.warm_up + options.seconds;
    let congestion = options.congestion.as_deref();
    let mut beside = options.beside.then(|| Iperf::start(&from, &to, congestion, all + 2)).transpose()?;
    let mut measured = connection(options, &from, &to, kind)?;
    if let Some(beside) = &mut beside {
        measured.beside = Some(beside.rate(options.warm_up, all)?);
    }
    if options.trace {
        eprintln!("passed, lost by chance, no room: {:?}", bed.link("from").map(|link| link.counts()));
    }
    Ok(measured)
}

fn connection(options: &Options, from: &Node, to: &Node, kind: Kind) -> anyhow::Result<Measured> {
    let program = std::env::current_exe()?;
    let name = kind.argument();
    let on = |node: &Node, arguments: &[&str]| -> anyhow::Result<Role> {
        let mut command: Command = node.command(&program);
        command.args(arguments);
        Role::start(command)
    };
    let mut receiver = on(to, &["receive", name, &to.ipv4_text()])?;
    let address = receiver.line()?;
    let streams = if kind == Kind::FoctetQuicStreams { options.streams } else { 1 };
    let sender = on(from, &["send", name, &streams.to_string(), &address])?;
    let warm_up = f64::from(options.warm_up);
    let until = warm_up + f64::from(options.seconds);
    let (mut began, mut last) = (None, (0.0, 0.0));
    loop {
        let line = receiver.line()?;
        let (seconds, bytes) = line.split_once(' ').context("seconds and bytes")?;
        let (seconds, bytes): (f64, f64) = (seconds.parse()?, bytes.parse()?);
        if options.trace && seconds - last.0 >= 0.9 {
            eprint!("{:.0} ", (bytes - last.1) * 8e-6 / (seconds - last.0));
            last = (seconds, bytes);
        }
        if seconds < warm_up {
            continue;
        }
        let cpu = sender.cpu()? + receiver.cpu()?;
        let (first_seconds, first_bytes, first_cpu) = *began.get_or_insert((seconds, bytes, cpu));
        if seconds >= until {
            let seconds = seconds - first_seconds;
            let rate = (bytes - first_bytes) * 8.0 / seconds;
            return Ok(Measured { rate, cpu: cpu - first_cpu, seconds, beside: None });
        }
    }
}
