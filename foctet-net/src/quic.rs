//! The QUIC transport: noq on our own sockets.

mod accept;
mod config;
mod congestion;
mod convert;
mod dial;
mod paths;
mod send_room;
mod socket;

pub(crate) use accept::accept;
pub(crate) use config::QuicConfig;
pub(crate) use dial::{Late, QuicDialler, dial};
pub(crate) use paths::{PathsShared, Watched};
pub(crate) use socket::{Legs, Receiver, Sockets, Via, is_mapped};
