//! From the command line to an exit code.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;

use crate::args::{Cli, Command, with_implied_receive};
use crate::exit::{Exit, Failure};
use crate::report::{Report, Role, error_lines, print};
use crate::signals::Interrupt;
use crate::{args, completions, logging, man};

/// Threads that run the transfer: one for the network, one for hashing, and no more than help.
const MIN_WORKERS: usize = 2;
const MAX_WORKERS: usize = 4;

/// How long the end waits for threads that still tidy up: removing a partial takes less, and whatever takes longer, such
/// as a write to a pipe that no one reads, has no claim on the user's time.
const CLEAN_UP: Duration = Duration::from_secs(2);

/// And how long where the user does not want to wait: what a thread of a library needs to come to a point where the process
/// may end.
const CLEAN_UP_AT_ONCE: Duration = Duration::from_millis(200);

/// Runs the program.
pub(crate) fn run() -> Exit {
    match parse() {
        Ok(command) => dispatch(command),
        Err(exit) => exit,
    }
}

fn parse() -> Result<Command, Exit> {
    let line = with_implied_receive(std::env::args_os());
    let json = wants_json(&line);
    let parsed = args::command().try_get_matches_from(line).and_then(|matches| {
        let mut command = Cli::from_arg_matches(&matches)?.command;
        let settled = match (&mut command, matches.subcommand()) {
            (Command::Send(send), Some(("send", matches))) => send.settle_receivers(matches),
            (Command::Bench(bench), Some(("bench", matches))) => bench.settle_ticket(matches),
            _ => Ok(()),
        };
        settled.map_err(|message| args::command().error(ErrorKind::ArgumentConflict, message))?;
        Ok(command)
    });
    parsed.map_err(|error| match error.kind() {
        // Who asks for help and closes the pipe has read enough.
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            Exit::Success
        }
        _ if json => {
            let text = error.render().to_string();
            let cause = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let failure = Failure::new(Exit::Usage, "usage", cause, "foctet --help lists what there is");
            let _ = print(format!("{}\n", failure.event().to_json()).as_bytes());
            Exit::Usage
        }
        _ => {
            let _ = error.print();
            Exit::Usage
        }
    })
}

/// Whether events were asked for on a command line that may not parse.
fn wants_json(args: &[std::ffi::OsString]) -> bool {
    let on_line = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    let value = std::env::var("FOCTET_JSON").unwrap_or_default().to_ascii_lowercase();
    on_line || !["", "0", "n", "no", "f", "false", "off"].contains(&value.as_str())
}

fn dispatch(command: Command) -> Exit {
    match command {
        Command::Send(args) => {
            let report = Report::new(&args.talk, Role::Sender, false);
            with_network(report, args.talk.verbose, |report, interrupt| {
                crate::send::run(args, report, interrupt)
            })
        }
        Command::Receive(args) => {
            let report = Report::new(&args.talk, Role::Receiver, args.to_stdout());
            with_network(report, args.talk.verbose, |report, interrupt| {
                crate::receive::run(args, report, interrupt)
            })
        }
        Command::Ping(args) => {
            let report = Report::new(&args.talk, Role::Receiver, false);
            with_network(report, args.talk.verbose, |report, interrupt| {
                crate::ping::run(args, report, interrupt)
            })
        }
        Command::Bench(args) => {
            let report = Report::new(&args.talk, Role::Bench, false);
            with_network(report, args.talk.verbose, |report, interrupt| {
                crate::bench::run(args, report, interrupt)
            })
        }
        Command::Relay(args) => {
            let talk = args.talk();
            with_network(Report::new(&talk, Role::Sender, false), talk.verbose, |report, interrupt| {
                crate::relay::run(args, report, interrupt)
            })
        }
        Command::Id(args) => finish_printing(crate::id::line(args.identity.as_deref())),
        Command::Completions { shell } => finish_printing(Ok(completions::script(shell))),
        Command::Man => finish_printing(man::page().map_err(|error| internal(&error))),
    }
}

/// Runs `command` on a runtime of its own, and tells how it ended.
fn with_network<F>(report: Report, verbose: u8, command: impl FnOnce(Arc<Report>, Interrupt) -> F) -> Exit
where
    F: Future<Output = Result<(), Failure>>,
{
    let report = Arc::new(report);
    logging::start(&report, verbose);
    let workers = std::thread::available_parallelism().map_or(MIN_WORKERS, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.clamp(MIN_WORKERS, MAX_WORKERS))
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(async {
                let interrupt = match Interrupt::install() {
                    Ok(interrupt) => interrupt,
                    Err(error) => return Some(Err(internal(&error))),
                };
                let insisting = interrupt.clone();
                tokio::select! {
                    biased;
                    () = insisting.insisted() => None,
                    result = command(Arc::clone(&report), interrupt) => Some(result),
                }
            });
            runtime.shutdown_timeout(if result.is_some() { CLEAN_UP } else { CLEAN_UP_AT_ONCE });
            match result {
                Some(result) => result,
                None => {
                    report.clear();
                    return Exit::Interrupted;
                }
            }
        }
        Err(error) => Err(internal(&error)),
    };
    report.clear();
    match result {
        Ok(()) => Exit::Success,
        // Whoever closes the output has read enough, and wants no words about it.
        Err(failure) if failure.code == Failure::OUTPUT_CLOSED && report.people().is_some() => failure.exit,
        Err(failure) => {
            report.event(&failure.event());
            failure.exit
        }
    }
}

/// Prints what a command without a network made.
fn finish_printing(made: Result<Vec<u8>, Failure>) -> Exit {
    let printed = made.and_then(|bytes| print(&bytes).map_err(|error| internal(&error)));
    match printed {
        Ok(()) => Exit::Success,
        Err(failure) => {
            let _ = io::Write::write_all(
                &mut io::stderr(),
                format!("{}\n", error_lines(&failure.message, &failure.hint, false)).as_bytes(),
            );
            failure.exit
        }
    }
}

fn internal(error: &io::Error) -> Failure {
    Failure::new(Exit::Other, "system", format!("The operating system refused: {error}"), "")
}
