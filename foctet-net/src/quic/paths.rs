//! The paths of QUIC connections: what `foctet_core::path` judges, done to noq.

mod driver;
mod follower;
mod shared;
mod teller;
mod watched;

use std::net::SocketAddr;

pub(crate) use shared::PathsShared;
pub(crate) use watched::Watched;

/// An IPv4 address as such, and not in the IPv6 form that the socket adapter shows to noq.
pub(super) fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
