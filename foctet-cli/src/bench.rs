//! `foctet bench`.
//!
//! Two ends measure together, and speak `foctet_core::bench` (docs/spec/bench.md): a server, which is [`serve`], and a client.
//! Alone on a machine, the client starts the server as a process of its own ([`local`]), so that the CPU time of each is known;
//! with a ticket it is another machine's ([`remote`]).

use std::sync::Arc;

use crate::args::BenchArgs;
use crate::exit::Failure;
use crate::report::Report;
use crate::signals::Interrupt;

mod client;
mod counter;
mod disk;
mod error;
mod figures;
mod frames;
mod judgement;
mod local;
mod measures;
mod peer_process;
mod remote;
mod samples;
mod seat;
mod serve;
mod settings;
mod speeds;
mod table;
mod usage;

pub(crate) use error::BenchError;
pub(crate) use figures::Figure;

/// Measures what `args` ask for.
///
/// # Errors
/// When the other side cannot be reached, refuses, or is lost on the way; when this machine refuses what it takes.
pub(crate) async fn run(args: BenchArgs, report: Arc<Report>, interrupt: Interrupt) -> Result<(), Failure> {
    if args.serve {
        serve::run(args, report, interrupt).await.map_err(|failure| failure.about("foctet bench"))
    } else if args.ticket.as_deref().is_some_and(|ticket| !ticket.trim().is_empty()) {
        remote::run(args, report, interrupt).await.map_err(|failure| failure.about("foctet bench --serve"))
    } else {
        local::run(args, report, interrupt).await
    }
}
