use std::net::SocketAddr;
use std::path::PathBuf;

use foctet_core::relay::router::{ClientLimits, Rate};
use foctet_core::{RelayHost, RelayToken};
use serde::Deserialize;

use crate::access::{Access, AccessError, NodeList};

/// The port that a relay binds if it is not told another.
const PORT: u16 = 4433;

/// How a relay is set up. Every field has a default that works; `deploy/relay.toml` shows them all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses, each one port for UDP and TCP. Not changed by a reload.
    pub bind: Vec<SocketAddr>,
    /// The host in the relay's address, where the interfaces' addresses are not what clients reach. Not changed by a
    /// reload.
    pub public_host: Option<String>,
    /// Where metrics and health are served, over HTTP. Not changed by a reload.
    pub metrics: Option<SocketAddr>,
    /// Who may come in.
    pub access: AccessConfig,
    /// What clients may use up.
    pub limits: LimitsConfig,
}

/// Who may come in. Without any of it, everybody may.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// Tokens, each of which makes a member of whoever shows it.
    pub tokens: Vec<String>,
    /// A file of NodeIds that are members.
    pub allow: Option<PathBuf>,
    /// A file of NodeIds that are not let in.
    pub deny: Option<PathBuf>,
    /// Whether others may come in where there are tokens or a list of members: they may talk to members only, at the
    /// limits of guests.
    pub guests: bool,
}

/// What clients may use up. Rates of 0 are without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Legs in all. 32 KiB each when idle.
    pub connections: usize,
    /// Legs from one IP address (an IPv6 /64 counts as one): a large office behind one NAT.
    pub connections_per_address: usize,
    /// Memory for the queues of all clients, in bytes: it bounds the number of legs too, since each may fill its own.
    pub memory: u64,
    /// Bytes a second that a member may send, and at once.
    pub bytes_per_second: u64,
    /// As above, after a pause.
    pub bytes_burst: u64,
    /// Packets a second that a member may send, and at once.
    pub packets_per_second: u64,
    /// As above, after a pause.
    pub packets_burst: u64,
    /// Bytes a second that a client may send to one peer, and a quarter of that at once.
    pub pair_bytes_per_second: u64,
    /// Bytes a second that a guest may send, and a quarter of that at once.
    pub guest_bytes_per_second: u64,
    /// Bytes a second that the relay carries in all, and a quarter of that at once.
    pub total_bytes_per_second: u64,
    /// Packets that wait for a client that takes them too slowly; the newest go when there are more.
    pub queue_packets: usize,
    /// Signals a second that a client may send, and twice that at once.
    pub signals_per_second: u64,
    /// Spliced streams that a client may have opened at once.
    pub splices: u32,
    /// Channels that a client may number.
    pub channels: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: vec![SocketAddr::from(([0, 0, 0, 0], PORT)), SocketAddr::from(([0_u16; 8], PORT))],
            public_host: None,
            metrics: None,
            access: AccessConfig::default(),
            limits: LimitsConfig::default(),
        }
    }
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self { tokens: Vec::new(), allow: None, deny: None, guests: true }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_address: 1024,
            memory: 5 << 30,
            // A gigabit: what one machine's link carries, and nobody is slowed down by a relay that is idle.
            bytes_per_second: 125_000_000,
            bytes_burst: 32 << 20,
            // As many as fill that, if they are as large as packets mostly are.
            packets_per_second: 120_000,
            packets_burst: 32_768,
            pair_bytes_per_second: 0,
            // 20 Mbit/s: enough to talk, too little to be worth an attack.
            guest_bytes_per_second: 2_500_000,
            total_bytes_per_second: 0,
            queue_packets: 64,
            signals_per_second: 10,
            splices: 64,
            channels: 256,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It is no TOML, has an unknown key, or a value of the wrong kind.
    #[error("{0}")]
    Parse(Box<str>),
    /// A list of nodes cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A token has characters that no token has.
    #[error("a token has 1 to 128 letters, digits or any of -._~")]
    Token,
    /// `public_host` is no host.
    #[error("public_host is neither an IP address nor a name")]
    PublicHost,
    /// A number makes no sense.
    #[error("{key} must be at least {least}")]
    TooSmall {
        /// Its key.
        key: &'static str,
        /// The smallest that makes sense.
        least: u64,
    },
}

impl Config {
    /// Reads a configuration out of TOML.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Parse`], which names the line and the key.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Parse(error.to_string().trim_end().into()))
    }

    /// Reads a configuration out of a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Read`] or [`ConfigError::Parse`].
    pub fn read(path: &std::path::Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    pub(crate) fn public_host(&self) -> Result<Option<RelayHost>, ConfigError> {
        self.public_host
            .as_deref()
            .map(|host| RelayHost::parse(host.trim_matches(['[', ']'])).map_err(|_| ConfigError::PublicHost))
            .transpose()
    }
}

impl AccessConfig {
    /// Reads the lists. This blocks.
    pub(crate) fn load(&self) -> Result<Access, ConfigError> {
        let tokens = self.tokens.iter().map(|token| RelayToken::new(token).map_err(|_| ConfigError::Token));
        Ok(Access {
            tokens: tokens.collect::<Result<_, _>>()?,
            allow: self.allow.as_deref().map(NodeList::read).transpose()?,
            deny: self.deny.as_deref().map(NodeList::read).transpose()?.unwrap_or_default(),
            guests: self.guests,
        })
    }
}

/// Bytes that are set aside for one leg: its queue of packets, 256 KiB with the default, and the connection itself.
const MEMORY_PER_LEG: u64 = 288 * 1024;

impl LimitsConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let least = |key, value: u64, least| {
            if value < least { Err(ConfigError::TooSmall { key, least }) } else { Ok(()) }
        };
        least("limits.connections", self.connections as u64, 1)?;
        least("limits.connections_per_address", self.connections_per_address as u64, 1)?;
        least("limits.queue_packets", self.queue_packets as u64, 1)?;
        least("limits.memory", self.memory, MEMORY_PER_LEG)?;
        // A packet that every path of QUIC carries has to fit; a longer one than the burst never passes.
        least("limits.bytes_burst", self.bytes_burst, 1500)?;
        least("limits.packets_burst", self.packets_burst, 1)
    }

    /// Legs in all, with the bound on memory.
    pub(crate) fn legs(&self) -> usize {
        let by_memory = usize::try_from(self.memory / MEMORY_PER_LEG).unwrap_or(usize::MAX);
        self.connections.min(by_memory).max(1)
    }

    pub(crate) fn member(&self) -> ClientLimits {
        ClientLimits {
            bytes: Rate { per_second: self.bytes_per_second, burst: self.bytes_burst },
            packets: Rate { per_second: self.packets_per_second, burst: self.packets_burst },
            pair: with_quarter(self.pair_bytes_per_second),
            signals: Rate {
                per_second: self.signals_per_second,
                burst: self.signals_per_second.saturating_mul(2),
            },
            splices: self.splices,
        }
    }

    pub(crate) fn guest(&self) -> ClientLimits {
        let member = self.member();
        let bytes = with_quarter(self.guest_bytes_per_second);
        if bytes.per_second == 0 { member } else { ClientLimits { bytes, ..member } }
    }

    pub(crate) fn total(&self) -> Rate {
        with_quarter(self.total_bytes_per_second)
    }
}

/// A burst of a quarter of a second, and room for a few packets in any case.
fn with_quarter(per_second: u64) -> Rate {
    Rate { per_second, burst: (per_second / 4).max(64 * 1024) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_default_and_an_unknown_key_is_named() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
        let error = Config::parse("[limits]\nconections = 3\n").unwrap_err().to_string();
        assert!(error.contains("conections") && error.contains("line 2"), "{error}");
        let config =
            Config::parse("bind = [\"127.0.0.1:1\"]\n[limits]\nsplices = 3\n[access]\nguests = false\n")
                .unwrap();
        assert_eq!((config.limits.splices, config.access.guests), (3, false));
        assert_eq!(config.limits.connections, LimitsConfig::default().connections);
    }

    #[test]
    fn the_file_that_is_shipped_says_what_the_defaults_are() {
        let shipped = Config::parse(include_str!("../../deploy/relay.toml")).unwrap();
        assert_eq!(shipped, Config::default());
    }

    #[test]
    fn the_bound_on_memory_bounds_the_legs() {
        let limits = LimitsConfig { memory: 10 * MEMORY_PER_LEG, ..LimitsConfig::default() };
        assert_eq!(limits.legs(), 10);
        let limits = LimitsConfig { queue_packets: 0, ..limits };
        assert!(matches!(limits.check(), Err(ConfigError::TooSmall { key: "limits.queue_packets", .. })));
        LimitsConfig::default().check().unwrap();
    }

    #[test]
    fn a_host_is_taken_with_and_without_brackets() {
        let host =
            |text: &str| Config { public_host: Some(text.to_owned()), ..Config::default() }.public_host();
        assert_eq!(host("[2001:db8::1]").unwrap(), host("2001:db8::1").unwrap());
        assert!(host("relay.example").unwrap().is_some());
        assert!(host("a b").is_err());
    }
}
