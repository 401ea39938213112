use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::duration::parse_duration;
use super::rate::parse_rate;
use super::{NetworkArgs, OutputArgs};

/// Fetch what a ticket offers
#[derive(Debug, Clone, Args)]
pub(crate) struct ReceiveArgs {
    /// The ticket that `foctet send` printed; `-` reads it from stdin, where other users cannot see it
    #[arg(value_name = "TICKET", env = "FOCTET_CODE")]
    pub(crate) ticket: Option<String>,
    /// Directory to receive into, created if missing; `-` writes one file to stdout, without asking
    #[arg(short, long, value_name = "DIR", default_value = ".", env = "FOCTET_OUTPUT")]
    pub(crate) output: PathBuf,
    /// Receive without asking
    #[arg(short, long, env = "FOCTET_YES", value_parser = FalseyValueParser::new())]
    pub(crate) yes: bool,
    /// What to do about names that exist: receive nothing, keep what is there, receive under another name, replace
    /// what is there [default: ask at a terminal, else fail]
    #[arg(long, value_name = "WHAT", value_enum, env = "FOCTET_ON_CONFLICT")]
    pub(crate) on_conflict: Option<ConflictChoice>,
    /// Most bytes a second to receive, such as 500k, 20MB or 1.5GiB
    #[arg(long, value_name = "RATE", env = "FOCTET_LIMIT", value_parser = parse_rate)]
    pub(crate) limit: Option<NonZeroU64>,
    /// How long to try to reconnect, once the connection is lost, while nothing is gained [default: 10m]
    #[arg(long, value_name = "DUR", env = "FOCTET_RECONNECT", value_parser = parse_duration)]
    pub(crate) reconnect: Option<Duration>,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) talk: OutputArgs,
}

/// What to do about a name that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConflictChoice {
    Fail,
    Skip,
    Rename,
    Overwrite,
}

impl ReceiveArgs {
    /// Whether the payload goes to stdout.
    pub(crate) fn to_stdout(&self) -> bool {
        self.output.as_os_str() == "-"
    }
}
