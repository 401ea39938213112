//! What every contestant can do, and the list of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;

use crate::answer::{self, Stream};

mod foctet;
mod noq;
mod tcp;
mod tls;
mod yamux;

/// All of them, in the order of the tables.
pub(crate) fn all() -> Vec<Box<dyn Contestant>> {
    vec![
        Box::new(tcp::Tcp),
        Box::new(tls::Tls),
        Box::new(yamux::Yamux),
        Box::new(foctet::Foctet::TCP),
        Box::new(noq::Noq),
        Box::new(foctet::Foctet::QUIC),
    ]
}

/// A future of one of the methods below.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = anyhow::Result<T>> + Send + 'a>>;

/// One way to carry streams between two machines.
pub(crate) trait Contestant: Send + Sync {
    /// As in the tables and after `--only`.
    fn name(&self) -> &'static str;

    /// Starts a server on loopback that gives each stream to [`serve_stream`] until the program ends.
    fn serve(&self) -> Pending<'static, Box<dyn Server>>;
}

/// A server that runs, and what it takes to dial it.
pub(crate) trait Server: Send + Sync {
    /// Everything that a dialler makes once: key, certificate, configuration, socket.
    fn client(&self) -> Pending<'_, Box<dyn Client>>;
}

/// A dialler.
pub(crate) trait Client: Send + Sync {
    /// A connection, with both sides verified as far as the dialler can know.
    fn connect(&self) -> Pending<'_, Box<dyn Link>>;
}

/// A connection.
pub(crate) trait Link: Send + Sync {
    /// A stream to the server; it may not notice before the first byte.
    fn open(&self) -> Pending<'_, Box<dyn Stream>>;

    /// Closes the connection, without waiting for the peer.
    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Any free port on loopback.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Answers one stream in a task of its own.
fn serve_stream(stream: impl Stream + 'static) {
    // An error is a connection that went away; the dialler notices and reports.
    tokio::spawn(answer::answer(stream));
}
