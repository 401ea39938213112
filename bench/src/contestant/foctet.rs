//! foctet, as an application uses it, over either of its transports.

use std::pin::Pin;

use foctet_core::NodeAddr;
use foctet_net::{ConnectOptions, Connection, Endpoint, Prefer, Transport};

use super::{Client, Contestant, LOOPBACK, Link, Pending, Server, serve_stream};
use crate::answer::Stream;
use crate::identity::ALPN;

#[derive(Clone, Copy)]
pub(crate) struct Foctet {
    name: &'static str,
    transport: Transport,
}

impl Foctet {
    pub(crate) const TCP: Self = Self { name: "foctet over tcp", transport: Transport::Tcp };
    pub(crate) const QUIC: Self = Self { name: "foctet over quic", transport: Transport::Quic };
}

impl Contestant for Foctet {
    fn name(&self) -> &'static str {
        self.name
    }

    fn serve(&self) -> Pending<'static, Box<dyn Server>> {
        let transport = self.transport;
        Box::pin(async move {
            let endpoint = Endpoint::builder().alpns([ALPN]).bind(LOOPBACK).build().await?;
            let peer = Peer { address: endpoint.addr(), transport };
            tokio::spawn(async move {
                while let Some(connection) = endpoint.accept().await {
                    tokio::spawn(serve(connection));
                }
            });
            Ok(Box::new(peer) as Box<dyn Server>)
        })
    }
}

async fn serve(connection: Connection) {
    while let Ok((send, recv)) = connection.accept_bi().await {
        serve_stream(tokio::io::join(recv, send));
    }
}

struct Peer {
    address: NodeAddr,
    transport: Transport,
}

struct Dialler {
    endpoint: Endpoint,
    address: NodeAddr,
    transport: Transport,
}

impl Server for Peer {
    fn client(&self) -> Pending<'_, Box<dyn Client>> {
        Box::pin(async {
            let endpoint = Endpoint::builder().bind(LOOPBACK).build().await?;
            let dialler = Dialler { endpoint, address: self.address.clone(), transport: self.transport };
            Ok(Box::new(dialler) as Box<dyn Client>)
        })
    }
}

impl Client for Dialler {
    fn connect(&self) -> Pending<'_, Box<dyn Link>> {
        Box::pin(async {
            let options = ConnectOptions::default().prefer(Prefer::Only(self.transport));
            let connection = self.endpoint.connect_with(self.address.clone(), ALPN, options).await?;
            Ok(Box::new(connection) as Box<dyn Link>)
        })
    }
}

impl Link for Connection {
    fn open(&self) -> Pending<'_, Box<dyn Stream>> {
        Box::pin(async {
            let (send, recv) = self.open_bi().await?;
            Ok(Box::new(tokio::io::join(recv, send)) as Box<dyn Stream>)
        })
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Connection::close(&self, 0, b"");
        Box::pin(async {})
    }
}
