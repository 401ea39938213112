//! The relays.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use foctet_core::SecretKey;
use foctet_net::Transport;
use foctet_relay::{Config, Relay};
use iroh_relay::server::{RelayConfig, Server, ServerConfig};

use crate::{forwarder, process};

/// A way to be relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    Iroh,
    FoctetQuic,
    FoctetTcp,
    Forwarder,
}

/// How a relay runs.
#[derive(Debug, Args)]
pub(crate) struct Options {
    kind: Kind,
    /// Its port, for those that are restarted.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Packets a second of one client; 0 without limit.
    #[arg(long, default_value_t = 0)]
    packets: u64,
    /// Where a forwarder forwards to.
    #[arg(long)]
    to: Option<SocketAddr>,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Iroh, Self::FoctetQuic, Self::FoctetTcp, Self::Forwarder];

    /// What the role's argument is.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Iroh => "iroh",
            Self::FoctetQuic => "foctet-quic",
            Self::FoctetTcp => "foctet-tcp",
            Self::Forwarder => "forwarder",
        }
    }

    /// What a foctet endpoint uses for it.
    pub(crate) fn transport(self) -> Transport {
        if self == Self::FoctetTcp { Transport::Tcp } else { Transport::Quic }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iroh => "iroh through iroh-relay",
            Self::FoctetQuic => "foctet, relayed QUIC",
            Self::FoctetTcp => "foctet, spliced TCP",
            Self::Forwarder => "TLS through a TCP forwarder",
        })
    }
}

/// Runs one and prints its address, until told to end.
pub(crate) async fn serve(options: &Options) -> anyhow::Result<()> {
    let loopback = SocketAddr::from(([127, 0, 0, 1], options.port));
    match options.kind {
        Kind::Iroh => {
            let mut config = ServerConfig::default();
            config.relay = Some(RelayConfig::new(loopback));
            let server = Server::spawn(config).await?;
            println!("http://{}", server.http_addr().context("it serves HTTP")?);
            process::told().await?;
        }
        Kind::FoctetQuic | Kind::FoctetTcp => {
            let mut config = Config { bind: vec![loopback], ..Config::default() };
            config.limits.connections_per_address = config.limits.connections;
            config.limits.bytes_per_second = 0;
            config.limits.packets_per_second = options.packets;
            config.limits.packets_burst = options.packets.max(1);
            let relay = Relay::start(SecretKey::from_bytes([1; 32]), config).await?;
            println!("{}", relay.addr());
            process::told().await?;
            relay.shutdown(Duration::ZERO).await;
        }
        Kind::Forwarder => {
            let to = options.to.context("a forwarder needs --to")?;
            println!("{}", forwarder::start(loopback, to).await?);
            process::told().await?;
        }
    }
    Ok(())
}
