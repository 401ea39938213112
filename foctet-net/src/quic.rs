//! The QUIC transport: noq on our own sockets.

mod accept;
mod config;
mod convert;
mod dial;
mod paths;
mod socket;

pub(crate) use accept::accept;
pub(crate) use config::QuicConfig;
pub(crate) use dial::{QuicDialler, dial};
pub(crate) use paths::{NoRelays, PathsShared, Watched};
pub(crate) use socket::{Receiver, Sockets};
