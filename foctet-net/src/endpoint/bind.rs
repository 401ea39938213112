use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use super::addresses::Listening;
use crate::error::{BindError, IoFailure};
use crate::os;
use crate::path::{Transport, Transports};

/// How many ports are tried when the system may choose: one that is free for UDP is most often free for TCP.
const TRIES: u32 = 32;

/// One address, and the sockets bound to it.
pub(super) struct Bound {
    pub(super) addr: SocketAddr,
    pub(super) udp: Option<UdpSocket>,
    pub(super) tcp: Option<TcpListener>,
    has_udp: bool,
    pub(super) listens_tcp: bool,
}

/// Binds every address asked for, each to one port for both transports; or, if none was asked for, all IPv4 and, where
/// it can be had, all IPv6 addresses, on one port.
pub(super) fn bind(addrs: &[SocketAddr], transports: Transports) -> Result<Vec<Bound>, BindError> {
    if !addrs.is_empty() {
        return addrs.iter().map(|addr| bind_one(*addr, transports)).collect();
    }
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let mut v4_failure = None;
    for _ in 0..TRIES {
        match bind_one(v4, transports) {
            Ok(first) => match try_bind(SocketAddr::new(v6.ip(), first.addr.port()), transports) {
                Ok(second) => return Ok(vec![first, second]),
                Err(failed) if failed.is_conflict() => {}
                Err(failed) => {
                    tracing::debug!(error = %failed.source, "no IPv6 here");
                    return Ok(vec![first]);
                }
            },
            Err(failed) => {
                v4_failure = Some(failed);
                break;
            }
        }
    }
    match v4_failure {
        // The machine may have IPv6 alone.
        Some(failed) => match bind_one(v6, transports) {
            Ok(only) => Ok(vec![only]),
            Err(_) if lacks_family(&failed) => Err(BindError::NoFamily),
            Err(_) => Err(failed),
        },
        None => Err(BindError::NoCommonPort { addr: v4, tries: TRIES }),
    }
}

/// Binds one address; where the port is ours to choose, one that both transports have free.
fn bind_one(addr: SocketAddr, transports: Transports) -> Result<Bound, BindError> {
    let tries = if addr.port() == 0 { TRIES } else { 1 };
    for attempt in 1..=tries {
        match try_bind(addr, transports) {
            Err(failed) if failed.is_conflict() && attempt < tries => {}
            Err(failed) if failed.is_conflict() && tries > 1 => {
                return Err(BindError::NoCommonPort { addr, tries });
            }
            bound => return bound.map_err(|failed| failed.at(addr)),
        }
    }
    Err(BindError::NoCommonPort { addr, tries })
}

/// Which socket the system refused.
struct Failed {
    transport: Transport,
    source: io::Error,
}

impl Failed {
    fn is_conflict(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }

    fn at(self, addr: SocketAddr) -> BindError {
        let source = IoFailure::from(self.source);
        match self.transport {
            Transport::Quic => BindError::Udp { addr, source },
            Transport::Tcp => BindError::Tcp { addr, source },
        }
    }
}

fn try_bind(addr: SocketAddr, transports: Transports) -> Result<Bound, Failed> {
    let mut bound = Bound { addr, udp: None, tcp: None, has_udp: false, listens_tcp: false };
    if transports.contains(Transport::Quic) {
        let failed = |source| Failed { transport: Transport::Quic, source };
        let socket = os::udp_socket(bound.addr).map_err(failed)?;
        bound.addr = socket.local_addr().map_err(failed)?;
        bound.udp = Some(socket);
        bound.has_udp = true;
    }
    if transports.contains(Transport::Tcp) {
        let failed = |source| Failed { transport: Transport::Tcp, source };
        let listener = os::tcp_listener(bound.addr).map_err(failed)?;
        bound.addr = listener.local_addr().map_err(failed)?;
        bound.tcp = Some(listener);
    }
    Ok(bound)
}

fn lacks_family(error: &BindError) -> bool {
    let (BindError::Udp { source, .. } | BindError::Tcp { source, .. }) = error else { return false };
    // EAFNOSUPPORT has no kind of its own in every version of the standard library.
    matches!(source.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || format!("{:?}", source.kind()) == "Uncategorized"
}

impl Bound {
    pub(super) fn listening(&self) -> Listening {
        Listening { addr: self.addr, udp: self.has_udp, tcp: self.listens_tcp }
    }
}
