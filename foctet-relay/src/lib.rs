//! A relay: a node that carries packets and streams between nodes that cannot reach each other, and cannot read them.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use foctet_core::SecretKey;
//! use foctet_relay::{Config, Relay};
//!
//! # let random = [0; 32];
//! let relay = Relay::start(SecretKey::generate(random), Config::default()).await?;
//! println!("{}", relay.addr());
//! // Clients come and go. In the end:
//! relay.shutdown(std::time::Duration::from_secs(30)).await;
//! # Ok(())
//! # }
//! ```
//!
//! What it says to its clients is in `docs/spec/relay.md`, what an operator has to know in `docs/relay.md`.
#![forbid(unsafe_code)]

mod access;
pub use access::{AccessError, NodeList};

mod clients;

mod config;
pub use config::{AccessConfig, Config, ConfigError, LimitsConfig};

mod control;

mod forward;

mod leg;

mod metrics;
pub use metrics::Metrics;

mod relay;
pub use relay::{Relay, StartError};

mod splice;

mod web;
