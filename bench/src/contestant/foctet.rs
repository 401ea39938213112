//! foctet, as an application uses it, over either of its transports.

use std::net::IpAddr;
use std::pin::Pin;

use anyhow::Context as _;
use foctet_core::{NodeAddr, NodeId, TransportAddr};
use foctet_net::{ConnectOptions, Connection, Endpoint, Prefer, Transport};

use super::{Card, Client, Contestant, Link, Pending, serve_stream};
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

    fn serve(&self, address: IpAddr) -> Pending<'static, Card> {
        let transport = self.transport;
        Box::pin(async move {
            let endpoint = Endpoint::builder().alpns([ALPN]).bind((address, 0).into()).build().await?;
            let reached = endpoint.addr();
            let address = match transport {
                Transport::Tcp => reached.tcp().next(),
                _ => reached.udp().next(),
            };
            let address = address.context("no address for this transport")?;
            tokio::spawn(async move {
                while let Some(connection) = endpoint.accept().await {
                    tokio::spawn(serve(connection));
                }
            });
            Ok(Card { address, identity: reached.id().as_bytes().to_vec() })
        })
    }

    fn client(&self, server: &Card, from: IpAddr) -> Pending<'static, Box<dyn Client>> {
        let (server, transport) = (server.clone(), self.transport);
        Box::pin(async move {
            let id = NodeId::from_bytes(server.identity.as_slice().try_into()?)?;
            let address = match transport {
                Transport::Tcp => TransportAddr::tcp(server.address),
                _ => TransportAddr::udp(server.address),
            };
            let address = NodeAddr::new(id).with_addr(address);
            let endpoint = Endpoint::builder().bind((from, 0).into()).build().await?;
            Ok(Box::new(Dialler { endpoint, address, transport }) as Box<dyn Client>)
        })
    }
}

async fn serve(connection: Connection) {
    while let Ok((send, recv)) = connection.accept_bi().await {
        serve_stream(tokio::io::join(recv, send));
    }
}

struct Dialler {
    endpoint: Endpoint,
    address: NodeAddr,
    transport: Transport,
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
