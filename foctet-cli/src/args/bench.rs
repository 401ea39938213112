use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;

use super::duration::parse_duration;
use super::rate::parse_rate;
use super::{NetworkArgs, OutputArgs};

/// The longest that one measurement takes: more tells nothing new.
const LONGEST: Duration = Duration::from_secs(30);

/// The most rounds: more than anybody waits for, and few enough to remember every figure.
const MAX_ROUNDS: u32 = 1000;

/// Measure throughput and latency: against another node, or on this machine alone
///
/// Without a ticket two processes on this machine measure over loopback, over both transports and through a relay. With
/// the ticket that `foctet bench --serve` printed on another machine, the two measure the path between them, their disks and
/// processors, and tell which of them bounds a transfer.
#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArgs {
    /// The ticket that `foctet bench --serve` printed; `-` reads it from stdin, where other users cannot see it
    #[arg(value_name = "TICKET", env = "FOCTET_CODE")]
    pub(crate) ticket: Option<String>,
    /// Each figure is the median of so many
    #[arg(long, value_name = "N", default_value = "5", env = "FOCTET_BENCH_ROUNDS", value_parser = parse_rounds)]
    pub(crate) rounds: NonZeroU32,
    /// How long each measurement takes, 30s at most
    #[arg(long, value_name = "DUR", default_value = "1s", env = "FOCTET_BENCH_TIME", value_parser = parse_time)]
    pub(crate) time: Duration,
    /// Directory whose disk is measured with the other node, by writing a file that is removed again [default: the
    /// current directory]
    #[arg(long, value_name = "DIR", env = "FOCTET_BENCH_DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Do not touch this machine's disk
    #[arg(long, env = "FOCTET_BENCH_NO_DISK", value_parser = FalseyValueParser::new())]
    pub(crate) no_disk: bool,
    /// Print a ticket, and measure with whoever has it, one node at a time, until interrupted
    #[arg(long, env = "FOCTET_BENCH_SERVE", value_parser = FalseyValueParser::new(), help_heading = "Serving")]
    pub(crate) serve: bool,
    /// With --serve: end after one node
    #[arg(long, env = "FOCTET_BENCH_ONCE", value_parser = FalseyValueParser::new(), help_heading = "Serving")]
    pub(crate) once: bool,
    /// With --serve: most bytes written to this machine's disk for one node
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "256MiB",
        env = "FOCTET_BENCH_DISK_LIMIT",
        value_parser = parse_rate,
        help_heading = "Serving"
    )]
    pub(crate) disk_limit: NonZeroU64,
    /// With --serve: how long one node may go on
    #[arg(
        long,
        value_name = "DUR",
        default_value = "10m",
        env = "FOCTET_BENCH_SESSION",
        value_parser = parse_duration,
        help_heading = "Serving"
    )]
    pub(crate) session: Duration,
    /// With --serve: end when stdin does, as the process that started this one has it.
    #[arg(long, hide = true, env = "FOCTET_BENCH_UNTIL_EOF", value_parser = FalseyValueParser::new())]
    pub(crate) until_eof: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) talk: OutputArgs,
}

impl BenchArgs {
    /// Settles a ticket against `--serve`: what the environment says gives way; both on the command line are refused.
    pub(crate) fn settle_ticket(&mut self, matches: &clap::ArgMatches) -> Result<(), String> {
        if !self.serve || self.ticket.is_none() {
            return Ok(());
        }
        match (matches.value_source("ticket"), matches.value_source("serve")) {
            (Some(ValueSource::CommandLine), Some(ValueSource::CommandLine)) => {
                Err("--serve prints a ticket, and takes none".to_owned())
            }
            (Some(ValueSource::CommandLine), _) => {
                self.serve = false;
                Ok(())
            }
            _ => {
                self.ticket = None;
                Ok(())
            }
        }
    }
}

fn parse_rounds(text: &str) -> Result<NonZeroU32, String> {
    let rounds = text.trim().parse().ok().filter(|rounds: &NonZeroU32| rounds.get() <= MAX_ROUNDS);
    rounds.ok_or_else(|| format!("expected a number from 1 to {MAX_ROUNDS}"))
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if time > LONGEST { Err("the longest is 30s".to_owned()) } else { Ok(time) }
}
