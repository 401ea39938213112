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
        match try_bind_any_port(v4, transports) {
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
        Some(failed) => match try_bind_any_port(v6, transports) {
            Ok(only) => Ok(vec![only]),
            Err(also) if os::lacks_family(&failed.source) && os::lacks_family(&also.source) => {
                Err(BindError::NoFamily)
            }
            Err(_) => Err(failed.at(v4)),
        },
        None => Err(BindError::NoCommonPort { addr: v4, tries: TRIES }),
    }
}

/// Binds one address; where the port is ours to choose, one that both transports have free.
fn bind_one(addr: SocketAddr, transports: Transports) -> Result<Bound, BindError> {
    if addr.port() != 0 {
        return try_bind(addr, transports).map_err(|failed| failed.at(addr));
    }
    match try_bind_any_port(addr, transports) {
        Err(failed) if failed.is_conflict() => Err(BindError::NoCommonPort { addr, tries: TRIES }),
        bound => bound.map_err(|failed| failed.at(addr)),
    }
}

fn try_bind_any_port(addr: SocketAddr, transports: Transports) -> Result<Bound, Failed> {
    let mut bound = try_bind(addr, transports);
    for _ in 1..TRIES {
        match &bound {
            Err(failed) if failed.is_conflict() => bound = try_bind(addr, transports),
            _ => break,
        }
    }
    bound
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

impl Bound {
    pub(super) fn listening(&self) -> Listening {
        Listening { addr: self.addr, udp: self.has_udp, tcp: self.listens_tcp }
    }
}
