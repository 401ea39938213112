//! iroh without relays, lookup or port mapping: dialled at the address where it is.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use anyhow::Context as _;
use iroh::endpoint::{Builder, Connection, PortmapperConfig, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode};

use super::{Card, Client, Contestant, Link, Pending, serve_stream};
use crate::answer::Stream;
use crate::identity::{ALPN, provider};

pub(crate) struct Iroh;

impl Contestant for Iroh {
    fn name(&self) -> &'static str {
        "iroh"
    }

    fn serve(&self, address: IpAddr) -> Pending<'static, Card> {
        Box::pin(async move {
            let endpoint = builder(address)?.alpns(vec![ALPN.to_vec()]).bind().await?;
            let address = *endpoint.bound_sockets().first().context("no socket")?;
            let identity = endpoint.id().as_bytes().to_vec();
            tokio::spawn(async move {
                while let Some(incoming) = endpoint.accept().await {
                    tokio::spawn(async move {
                        if let Ok(connection) = incoming.await {
                            serve(connection).await;
                        }
                    });
                }
            });
            Ok(Card { address, identity })
        })
    }

    fn client(&self, server: &Card, from: IpAddr) -> Pending<'static, Box<dyn Client>> {
        let server = server.clone();
        Box::pin(async move {
            let id = EndpointId::from_bytes(server.identity.as_slice().try_into()?)?;
            let address = EndpointAddr::new(id).with_ip_addr(server.address);
            let endpoint = builder(from)?.bind().await?;
            Ok(Box::new(Dialler { endpoint, address }) as Box<dyn Client>)
        })
    }
}

fn builder(address: IpAddr) -> anyhow::Result<Builder> {
    Ok(Endpoint::builder(presets::Empty)
        .crypto_provider(provider())
        .relay_mode(RelayMode::Disabled)
        .portmapper_config(PortmapperConfig::Disabled)
        .clear_ip_transports()
        .bind_addr(SocketAddr::from((address, 0)))?)
}

async fn serve(connection: Connection) {
    while let Ok((send, recv)) = connection.accept_bi().await {
        serve_stream(tokio::io::join(recv, send));
    }
}

struct Dialler {
    endpoint: Endpoint,
    address: EndpointAddr,
}

impl Client for Dialler {
    fn connect(&self) -> Pending<'_, Box<dyn Link>> {
        Box::pin(async {
            let connection = self.endpoint.connect(self.address.clone(), ALPN).await?;
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
        Connection::close(&self, 0_u32.into(), b"");
        Box::pin(async {})
    }
}
