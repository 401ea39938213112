//! quinn, with its own endpoint and defaults.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig};

use super::{Card, Client, Contestant, Link, Pending, serve_stream};
use crate::answer::Stream;
use crate::identity::{Identity, NAME};

pub(crate) struct Quinn;

impl Contestant for Quinn {
    fn name(&self) -> &'static str {
        "quinn"
    }

    fn serve(&self, address: IpAddr) -> Pending<'static, Card> {
        Box::pin(async move {
            let identity = Identity::generate()?;
            let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(identity.server()?)?));
            let endpoint = Endpoint::server(config, (address, 0).into())?;
            let address = endpoint.local_addr()?;
            tokio::spawn(async move {
                while let Some(incoming) = endpoint.accept().await {
                    tokio::spawn(async move {
                        if let Ok(connection) = incoming.await {
                            serve(connection).await;
                        }
                    });
                }
            });
            Ok(Card { address, identity: identity.certificate().to_vec() })
        })
    }

    fn client(&self, server: &Card, from: IpAddr) -> Pending<'static, Box<dyn Client>> {
        let server = server.clone();
        Box::pin(async move {
            let config = Identity::generate()?.client(server.identity.into())?;
            let mut endpoint = Endpoint::client((from, 0).into())?;
            endpoint
                .set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?)));
            Ok(Box::new(Dialler { endpoint, address: server.address }) as Box<dyn Client>)
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
    address: SocketAddr,
}

impl Client for Dialler {
    fn connect(&self) -> Pending<'_, Box<dyn Link>> {
        Box::pin(async {
            let connection = self.endpoint.connect(self.address, NAME)?.await?;
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
