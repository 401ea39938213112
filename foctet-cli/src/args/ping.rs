use std::num::NonZeroU32;

use clap::Args;

use super::{NetworkArgs, OutputArgs};

/// Measure round trips to the sender of a ticket, and tell which path they take
#[derive(Debug, Clone, Args)]
pub(crate) struct PingArgs {
    /// The ticket that `foctet send` printed; `-` reads it from stdin, where other users cannot see it
    #[arg(value_name = "TICKET", env = "FOCTET_CODE")]
    pub(crate) ticket: Option<String>,
    /// End after N round trips [default: when interrupted]
    #[arg(short = 'c', long, value_name = "N", env = "FOCTET_COUNT")]
    pub(crate) count: Option<NonZeroU32>,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) talk: OutputArgs,
}
