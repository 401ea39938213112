//! The command line.

use std::ffi::{OsStr, OsString};

use clap::builder::{FalseyValueParser, Resettable};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

mod bench;
mod duration;
mod network;
mod ping;
mod rate;
mod receive;
mod relay;
mod send;

pub(crate) use bench::BenchArgs;
pub(crate) use network::{NetworkArgs, TransportChoice};
pub(crate) use ping::PingArgs;
pub(crate) use receive::{ConflictChoice, ReceiveArgs};
pub(crate) use relay::RelayArgs;
pub(crate) use send::SendArgs;

/// Move files between two machines: by key, encrypted end to end, with no server in between
#[derive(Debug, Parser)]
#[command(name = "foctet", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "A bare ticket means `receive`: foctet foctet1...")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(visible_alias = "tx", args_override_self = true)]
    Send(SendArgs),
    #[command(visible_aliases = ["rx", "recv"], args_override_self = true)]
    Receive(ReceiveArgs),
    #[command(args_override_self = true)]
    Ping(PingArgs),
    #[command(args_override_self = true)]
    Bench(BenchArgs),
    #[command(args_override_self = true)]
    Relay(RelayArgs),
    /// Print this node's NodeId
    Id(IdArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    /// Key file, created if missing [default: foctet/identity in the configuration directory]
    #[arg(long, value_name = "FILE", env = "FOCTET_IDENTITY")]
    pub(crate) identity: Option<std::path::PathBuf>,
}

/// How the program talks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print one JSON object a line for each event, and nothing else
    #[arg(long, env = "FOCTET_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,
    /// Print only the ticket, questions and errors
    #[arg(short, long, env = "FOCTET_QUIET", value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,
    /// Log what happens; twice for more
    #[arg(short, long, env = "FOCTET_VERBOSE", action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Show no progress bar
    #[arg(long, env = "FOCTET_NO_PROGRESS", value_parser = FalseyValueParser::new())]
    pub(crate) no_progress: bool,
    /// When to use colour; `auto` respects NO_COLOR
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto", env = "FOCTET_COLOR")]
    pub(crate) color: ColorChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// The definition that is parsed, completed and documented. Help names the variables without their values; an empty
/// variable counts as none.
pub(crate) fn command() -> clap::Command {
    Cli::command().mut_subcommands(|subcommand| {
        subcommand.mut_args(|argument| {
            let value = argument.get_env().and_then(std::env::var_os);
            let argument = argument.hide_env_values(true);
            if value.is_some_and(|value| value.is_empty()) {
                argument.env(Resettable::Reset)
            } else {
                argument
            }
        })
    })
}

/// Puts `receive` before a ticket that stands where a command is expected.
pub(crate) fn with_implied_receive(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|first| looks_like_a_ticket(first)) {
        args.insert(1, "receive".into());
    }
    args
}

/// Whether `text` begins as tickets of any version do: the program's name and a digit.
fn looks_like_a_ticket(text: &OsStr) -> bool {
    let Some(text) = text.to_str() else { return false };
    let (Some(name), Some(rest)) = (text.get(..6), text.get(6..)) else { return false };
    name.eq_ignore_ascii_case("foctet") && rest.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(with_implied_receive(args.iter().map(OsString::from)))
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_bare_ticket_means_receive() {
        for ticket in ["foctet1abc", "FOCTET1ABC", "foctet2abc"] {
            let cli = parse(&["foctet", ticket, "-y"]).unwrap();
            assert!(
                matches!(cli.command, Command::Receive(r) if r.ticket.as_deref() == Some(ticket) && r.yes)
            );
        }
        assert!(parse(&["foctet", "foctetx"]).is_err());
    }

    #[test]
    fn aliases_name_the_same_commands() {
        assert!(matches!(parse(&["foctet", "tx", "file"]).unwrap().command, Command::Send(_)));
        for alias in ["rx", "recv"] {
            assert!(matches!(parse(&["foctet", alias, "t"]).unwrap().command, Command::Receive(_)));
        }
    }

    #[test]
    fn every_option_has_a_variable() {
        for command in Cli::command()
            .get_subcommands()
            .filter(|c| ["send", "receive", "ping", "bench", "relay"].contains(&c.get_name()))
        {
            for option in command.get_opts().filter(|o| !["help", "version"].contains(&o.get_id().as_str())) {
                let variable = option.get_env().and_then(OsStr::to_str).unwrap_or_default();
                assert!(variable.starts_with("FOCTET_"), "{} {}", command.get_name(), option.get_id());
            }
        }
    }
}
