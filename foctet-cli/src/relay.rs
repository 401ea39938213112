//! `foctet relay`.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::SecretKey;
use foctet_net::{BindError, KeyFile};
use foctet_relay::{Config, ConfigError, Relay, StartError};

use crate::args::RelayArgs;
use crate::events::Event;
use crate::exit::{Exit, Failure};
use crate::report::{Report, print};
use crate::signals::{Interrupt, OperatorSignals, Wish};

/// The name of the key file in the state directory.
const KEY_FILE: &str = "key";

/// How long clients have to leave after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);

/// How long they have when a person at the keyboard waits.
const DRAIN_AT_ONCE: Duration = Duration::from_secs(1);

/// Runs a relay until it is told to stop.
///
/// # Errors
/// When it cannot start, or Ctrl-C ends it.
pub(crate) async fn run(args: RelayArgs, report: Arc<Report>, _: Interrupt) -> Result<(), Failure> {
    // From here on a signal is a wish; before, it would have ended a relay that is only half there.
    let mut signals = OperatorSignals::new().map_err(|error| system(&error))?;
    let config = config(&args)?;
    let key = KeyFile::load_or_create(&state(&args)?.join(KEY_FILE)).map_err(key_failure)?;
    let relay = start(key, config).await?;
    tell(&report, &relay.addr().to_string())?;
    loop {
        match signals.next().await {
            Wish::Reload => reload(&relay, &args, &report),
            Wish::Drain => {
                relay.shutdown(DRAIN).await;
                return Ok(());
            }
            Wish::Stop => {
                relay.shutdown(DRAIN_AT_ONCE).await;
                return Err(Failure::interrupted("start it again with the same --state to keep its address"));
            }
        }
    }
}

/// The file, and what the command line says beside it.
fn config(args: &RelayArgs) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(file) => Config::read(file).map_err(|error| config_failure(&error))?,
        None => Config::default(),
    };
    if !args.bind.is_empty() {
        config.bind.clone_from(&args.bind);
    }
    if let Some(host) = &args.public_host {
        config.public_host = Some(host.clone());
    }
    config.metrics = args.metrics.or(config.metrics);
    config.access.tokens.extend(args.token.clone());
    config.access.allow = args.allow.clone().or(config.access.allow);
    config.access.deny = args.deny.clone().or(config.access.deny);
    Ok(config)
}

fn state(args: &RelayArgs) -> Result<PathBuf, Failure> {
    args.state.clone().or_else(state_dir).ok_or_else(|| {
        Failure::new(
            Exit::Other,
            "system",
            "the environment names no state directory",
            "set HOME, or name a directory with --state",
        )
    })
}

/// `XDG_STATE_HOME` where it is absolute, as its specification asks, else `~/.local/state`.
#[cfg(not(windows))]
fn state_dir() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join("foctet/relay"))
}

#[cfg(windows)]
fn state_dir() -> Option<PathBuf> {
    env::var_os("LOCALAPPDATA").map(|base| PathBuf::from(base).join("foctet").join("relay"))
}

/// Starts it. Nobody asked for IPv6 who took the default, so that a machine without it has a relay all the same.
async fn start(key: SecretKey, mut config: Config) -> Result<Relay, Failure> {
    let started = match Relay::start(key.clone(), config.clone()).await {
        Err(StartError::Bind(BindError::Udp { addr, source } | BindError::Tcp { addr, source }))
            if config.bind == Config::default().bind
                && addr.is_ipv6()
                && source.kind() != std::io::ErrorKind::AddrInUse =>
        {
            tracing::info!(%source, "no IPv6 here");
            config.bind.retain(SocketAddr::is_ipv4);
            Relay::start(key, config).await
        }
        started => started,
    };
    started.map_err(|error| match error {
        StartError::Config(error) => config_failure(&error),
        StartError::Bind(error) => Failure::from(error),
        error => Failure::new(
            Exit::Other,
            "bind",
            error.to_string(),
            "choose another address or port with --metrics; port 0 takes any that is free",
        ),
    })
}

/// The address: for people alone on stdout, so that it can be piped.
fn tell(report: &Report, address: &str) -> Result<(), Failure> {
    if report.people().is_some() {
        return print(format!("{address}\n").as_bytes()).map_err(|error| system(&error));
    }
    report.event(&Event::Relay { address: address.to_owned() });
    Ok(())
}

/// Puts the files as they are now in force. Where they cannot be used, what was in force stays so.
fn reload(relay: &Relay, args: &RelayArgs, report: &Report) {
    let done = config(args).and_then(|config| relay.reload(&config).map_err(|error| config_failure(&error)));
    let why = done.err().map(|failure| failure.message);
    report.event(&Event::Reloaded { why });
}

fn config_failure(error: &ConfigError) -> Failure {
    let (exit, hint) = match error {
        ConfigError::Read { .. } => (Exit::Disk, "check the path that --config gives"),
        ConfigError::Access(_) => (
            Exit::Usage,
            "check the files that --allow and --deny give: one NodeId a line, `#` begins a comment",
        ),
        ConfigError::Token => (Exit::Usage, "choose another token"),
        ConfigError::PublicHost => (Exit::Usage, "give an IP address or a name, without a port"),
        _ => (Exit::Usage, "see docs/relay.md and deploy/relay.toml for all keys and their values"),
    };
    Failure::new(exit, "config", error.to_string(), hint)
}

/// As with every key file, but that it was another option that named it.
fn key_failure(error: foctet_net::KeyFileError) -> Failure {
    let mut failure = Failure::from(error);
    failure.hint = failure.hint.replace("--identity", "--state");
    failure
}

fn system(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Other, "system", format!("The operating system refused: {error}"), "try again")
}
