use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::socket::{Sockets, is_mapped};
use crate::path::{PathEvent, PathInfo, PathKind, Transport};

/// In place of an address that is not known any more.
const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Paths are numbered from 0 and never renumbered. Nothing opens one beside the first yet; looking at this
/// many finds those that a peer may open.
const PATHS_LOOKED_AT: u32 = 2 * super::config::MAX_PATHS;

/// The open paths of a connection.
pub(crate) fn paths(connection: &noq::Connection, sockets: &Sockets) -> Vec<PathInfo> {
    open_paths(connection).filter_map(|path| info(&path, sockets)).collect()
}

/// The peer's address on the path in use, or the relay's; unspecified once there is none.
pub(crate) fn remote_address(connection: &noq::Connection, sockets: &Sockets) -> SocketAddr {
    in_use(connection).and_then(|path| info(&path, sockets)).map_or_else(|| UNKNOWN, |path| path.remote)
}

/// The round-trip time of the path in use.
pub(crate) fn rtt(connection: &noq::Connection) -> Duration {
    in_use(connection).map(|path| path.stats().rtt).unwrap_or_default()
}

/// The path that application data takes: the first that is available, or else the first at all.
fn in_use(connection: &noq::Connection) -> Option<noq::Path> {
    open_paths(connection)
        .find(|path| path.status().is_ok_and(|status| status == noq::PathStatus::Available))
        .or_else(|| open_paths(connection).next())
}

/// What an event of noq's means for the application, if anything.
pub(crate) fn path_event(
    connection: &noq::Connection,
    sockets: &Sockets,
    event: &noq::PathEvent,
) -> Option<PathEvent> {
    match event {
        noq::PathEvent::Established { id, .. } => {
            connection.path(*id).and_then(|path| info(&path, sockets)).map(PathEvent::Opened)
        }
        noq::PathEvent::Abandoned { id, reason, .. } => Some(PathEvent::Closed {
            transport: Transport::Quic,
            remote: connection.path(*id).and_then(|path| info(&path, sockets)).map(|path| path.remote),
            why: format!("{reason:?}").into(),
        }),
        _ => None,
    }
}

fn open_paths(connection: &noq::Connection) -> impl Iterator<Item = noq::Path> + '_ {
    (0..PATHS_LOOKED_AT).filter_map(|id| connection.path(noq::PathId::from(id)))
}

fn info(path: &noq::Path, sockets: &Sockets) -> Option<PathInfo> {
    let addr = path.remote_address().ok()?;
    let (kind, remote, relay) = if is_mapped(addr.ip()) {
        let relay = sockets.relayed().via(addr)?.relay;
        let place = sockets.relayed().place(relay);
        // A relay that is gone has no address; the path to it ends soon.
        (PathKind::Relay, place.unwrap_or(UNKNOWN), Some(relay))
    } else {
        (PathKind::Direct, canonical(addr), None)
    };
    Some(PathInfo {
        kind,
        transport: Transport::Quic,
        remote,
        relay,
        rtt: path.stats().rtt,
        in_use: path.status().is_ok_and(|status| status == noq::PathStatus::Available),
    })
}

/// An IPv4 address as such, and not in the IPv6 form that the socket adapter shows to noq.
pub(super) fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
