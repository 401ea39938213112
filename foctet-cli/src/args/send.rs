use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;

use super::rate::parse_rate;
use super::{NetworkArgs, OutputArgs};

/// Offer files and directories to whoever holds the ticket that this prints
#[derive(Debug, Clone, Args)]
pub(crate) struct SendArgs {
    /// Files and directories to offer
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// End after N receivers have verified everything
    #[arg(short = 'n', long, value_name = "N", default_value = "1", env = "FOCTET_RECEIVERS")]
    pub(crate) receivers: NonZeroU32,
    /// Serve receivers until interrupted
    #[arg(long, env = "FOCTET_KEEP", value_parser = FalseyValueParser::new())]
    pub(crate) keep: bool,
    /// Most bytes a second to send, to all receivers together, such as 500k, 20MB or 1.5GiB
    #[arg(long, value_name = "RATE", env = "FOCTET_LIMIT", value_parser = parse_rate)]
    pub(crate) limit: Option<NonZeroU64>,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) talk: OutputArgs,
}

impl SendArgs {
    /// Settles `-n` against `--keep`: the command line goes before the environment; both on one of them is refused.
    pub(crate) fn settle_receivers(&mut self, matches: &clap::ArgMatches) -> Result<(), String> {
        let receivers = matches.value_source("receivers");
        if !self.keep || matches!(receivers, None | Some(ValueSource::DefaultValue)) {
            return Ok(());
        }
        if matches.value_source("keep") == receivers {
            return Err("--keep serves any number of receivers, and cannot be combined with -n".to_owned());
        }
        self.keep = receivers == Some(ValueSource::EnvVariable);
        Ok(())
    }
}
