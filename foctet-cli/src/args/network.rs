use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use foctet_core::RelayAddr;

use super::duration::parse_duration;

/// What every command that uses the network takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Transport to use: `auto` takes TCP where a direct connection can be had, QUIC elsewhere
    #[arg(long, value_name = "T", value_enum, default_value = "auto", env = "FOCTET_TRANSPORT")]
    pub(crate) transport: TransportChoice,
    /// Local address, one port for UDP and TCP; repeatable [default: any address, any port]
    #[arg(long, value_name = "ADDR:PORT", env = "FOCTET_BIND", value_delimiter = ',')]
    pub(crate) bind: Vec<SocketAddr>,
    /// Lasting key file, created if missing [default: a fresh key]
    #[arg(long, value_name = "FILE", env = "FOCTET_IDENTITY")]
    pub(crate) identity: Option<PathBuf>,
    /// Bound on an attempt to reach the peer, such as 500ms, 10s or 2m; `send` waits for ever
    #[arg(long, value_name = "DUR", default_value = "60s", env = "FOCTET_TIMEOUT", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
    /// Relay to be reached through, foctet-relay://NODEID@HOST:PORT; repeatable
    #[arg(long, value_name = "ADDR", env = "FOCTET_RELAY", value_delimiter = ',', hide_env_values = true)]
    pub(crate) relay: Vec<RelayAddr>,
    /// Never use a relay
    #[arg(long, env = "FOCTET_NO_RELAY", value_parser = FalseyValueParser::new())]
    pub(crate) no_relay: bool,
    /// Never go direct, and tell the peer no address of this machine
    #[arg(long, env = "FOCTET_RELAY_ONLY", conflicts_with = "no_relay", value_parser = FalseyValueParser::new())]
    pub(crate) relay_only: bool,
    /// No discovery on the local network
    #[arg(long, env = "FOCTET_NO_LAN", value_parser = FalseyValueParser::new())]
    pub(crate) no_lan: bool,
}

/// The transports that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportChoice {
    Auto,
    Quic,
    Tcp,
}
