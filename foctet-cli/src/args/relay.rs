use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::{ColorChoice, OutputArgs};

/// Run a relay, through which nodes that cannot reach each other connect
///
/// SIGHUP reads the configuration and the lists again. SIGTERM takes nobody new, tells those who are there and waits for them to
/// leave, half a minute at most.
#[derive(Debug, Clone, Args)]
pub(crate) struct RelayArgs {
    /// Configuration in TOML; what is given beside it goes before it
    #[arg(long, value_name = "FILE", env = "FOCTET_RELAY_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Local addresses; the help names the default, which is no link.
    #[arg(
        help = "Local address, one port for UDP and TCP; repeatable [default: 0.0.0.0:4433 and [::]:4433]",
        long,
        value_name = "ADDR:PORT",
        env = "FOCTET_RELAY_BIND",
        value_delimiter = ','
    )]
    pub(crate) bind: Vec<SocketAddr>,
    /// Directory of the relay's key, which is created if missing [default: foctet/relay in the platform's state directory]
    #[arg(long, value_name = "DIR", env = "FOCTET_RELAY_STATE")]
    pub(crate) state: Option<PathBuf>,
    /// Host in the relay's address, where clients reach it by another one than this machine's own
    #[arg(long, value_name = "HOST", env = "FOCTET_RELAY_PUBLIC_HOST")]
    pub(crate) public_host: Option<String>,
    /// Serve Prometheus metrics and health there over HTTP
    #[arg(long, value_name = "ADDR:PORT", env = "FOCTET_RELAY_METRICS")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Token that makes a member of whoever shows it. Other users of this machine can see arguments; the variable and
    /// the configuration are better places
    #[arg(long, value_name = "T", env = "FOCTET_RELAY_TOKEN")]
    pub(crate) token: Option<String>,
    /// File of NodeIds, one a line, that are members
    #[arg(long, value_name = "FILE", env = "FOCTET_RELAY_ALLOW")]
    pub(crate) allow: Option<PathBuf>,
    /// File of NodeIds, one a line, that are not let in
    #[arg(long, value_name = "FILE", env = "FOCTET_RELAY_DENY")]
    pub(crate) deny: Option<PathBuf>,
    /// Print one JSON object a line for each event, and nothing else
    #[arg(long, env = "FOCTET_RELAY_JSON", value_parser = FalseyValueParser::new(), help_heading = "Output")]
    pub(crate) json: bool,
    /// Log what happens; twice for more
    #[arg(short, long, env = "FOCTET_RELAY_VERBOSE", action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

impl RelayArgs {
    /// How the program talks.
    pub(crate) fn talk(&self) -> OutputArgs {
        OutputArgs {
            json: self.json,
            quiet: false,
            verbose: self.verbose,
            no_progress: true,
            color: ColorChoice::Auto,
        }
    }
}
