use std::net::SocketAddr;
use std::time::Duration;

use crate::path::{PathEvent, PathInfo, PathKind, Transport};

/// Paths are numbered from 0 and never renumbered. Nothing opens one beside the first yet; looking at this
/// many finds those that a peer may open.
const PATHS_LOOKED_AT: u32 = 2 * super::config::MAX_PATHS;

/// The open paths of a connection.
pub(crate) fn paths(connection: &noq::Connection) -> Vec<PathInfo> {
    open_paths(connection).filter_map(|path| info(&path)).collect()
}

/// The peer's address on the first path; unspecified once there is none.
pub(crate) fn remote_address(connection: &noq::Connection) -> SocketAddr {
    open_paths(connection)
        .find_map(|path| path.remote_address().ok())
        .map_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)), canonical)
}

/// The round-trip time of the first path.
pub(crate) fn rtt(connection: &noq::Connection) -> Duration {
    open_paths(connection).next().map(|path| path.stats().rtt).unwrap_or_default()
}

/// What an event of noq's means for the application, if anything.
pub(crate) fn path_event(connection: &noq::Connection, event: &noq::PathEvent) -> Option<PathEvent> {
    match event {
        noq::PathEvent::Established { id, .. } => {
            connection.path(*id).as_ref().and_then(info).map(PathEvent::Opened)
        }
        noq::PathEvent::Abandoned { id, reason, .. } => Some(PathEvent::Closed {
            transport: Transport::Quic,
            remote: connection.path(*id).and_then(|path| path.remote_address().ok()).map(canonical),
            why: format!("{reason:?}").into(),
        }),
        _ => None,
    }
}

fn open_paths(connection: &noq::Connection) -> impl Iterator<Item = noq::Path> + '_ {
    (0..PATHS_LOOKED_AT).filter_map(|id| connection.path(noq::PathId::from(id)))
}

fn info(path: &noq::Path) -> Option<PathInfo> {
    Some(PathInfo {
        kind: PathKind::Direct,
        transport: Transport::Quic,
        remote: canonical(path.remote_address().ok()?),
        relay: None,
        rtt: path.stats().rtt,
        in_use: path.status().is_ok_and(|status| status == noq::PathStatus::Available),
    })
}

/// An IPv4 address as such, and not in the IPv6 form that the socket adapter shows to noq.
pub(super) fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
