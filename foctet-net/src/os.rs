//! Everything that asks the operating system for sockets and interfaces.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// What we ask for as the kernel's buffer of a UDP socket, in bytes each way: at 10 Gbit/s that is 3 ms, about
/// as long as a busy machine leaves a task waiting. The kernel gives less where its limit is lower.
const UDP_BUFFER: usize = 4 * 1024 * 1024;

/// Connections that may wait for us to accept them; the kernel's own limit may be lower.
const TCP_BACKLOG: i32 = 1024;

/// A UDP socket; an IPv6 one takes no IPv4.
pub(crate) fn udp_socket(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // Best effort: a smaller buffer only costs speed.
    socket.set_recv_buffer_size(UDP_BUFFER).ok();
    socket.set_send_buffer_size(UDP_BUFFER).ok();
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// A TCP listener; an IPv6 one takes no IPv4.
pub(crate) fn tcp_listener(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // So that a restart need not wait for the last run's connections to leave TIME_WAIT. On Windows the option
    // means something else, and is not needed.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(TCP_BACKLOG)?;
    Ok(socket.into())
}

/// EAFNOSUPPORT, which has no [`io::ErrorKind`] of its own.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_SUCH_FAMILY: i32 = 97;
#[cfg(windows)]
const NO_SUCH_FAMILY: i32 = 10047;
#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
const NO_SUCH_FAMILY: i32 = 47;

/// Whether a socket could not be had because the machine has no addresses of its family.
pub(crate) fn lacks_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

/// Whether an error of `accept` concerns one connection only, so that the next call may well succeed; others
/// (no more file descriptors, no memory) need a pause.
pub(crate) fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// One address of one network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InterfaceAddr {
    pub(crate) name: String,
    pub(crate) ip: IpAddr,
}

/// The addresses of the interfaces that are up; none where the system will not say.
pub(crate) fn interface_addrs() -> Vec<InterfaceAddr> {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces
            .into_iter()
            .filter(|interface| interface.is_oper_up() || interface.is_loopback())
            .map(|interface| InterfaceAddr { ip: interface.ip(), name: interface.name })
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "cannot list the network interfaces");
            Vec::new()
        }
    }
}
