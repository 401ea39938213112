//! The TCP transport: TLS 1.3, and QMux over it.

mod config;
mod convert;
mod dial;
mod goodbye;
mod listener;
mod spliced;
pub(crate) mod tls;
mod unjudged;

pub(crate) use config::{TcpConfig, mux_config};
pub(crate) use dial::dial;
pub(crate) use listener::{listen, take_spliced};
pub(crate) use spliced::dial_spliced;
