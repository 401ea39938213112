//! noq alone, with its own endpoint and defaults: QUIC as foctet finds it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use noq::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use noq::{ClientConfig, Connection, Endpoint, ServerConfig};
use rustls::pki_types::CertificateDer;

use super::{Client, Contestant, LOOPBACK, Link, Pending, Server, serve_stream};
use crate::answer::Stream;
use crate::identity::{Identity, NAME};

pub(crate) struct Noq;

impl Contestant for Noq {
    fn name(&self) -> &'static str {
        "noq"
    }

    fn serve(&self) -> Pending<'static, Box<dyn Server>> {
        Box::pin(async {
            let identity = Identity::generate()?;
            let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(identity.server()?)?));
            let endpoint = Endpoint::server(config, LOOPBACK)?;
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
            Ok(Box::new(Peer { address, certificate: identity.certificate() }) as Box<dyn Server>)
        })
    }
}

async fn serve(connection: Connection) {
    while let Ok((send, recv)) = connection.accept_bi().await {
        serve_stream(tokio::io::join(recv, send));
    }
}

struct Peer {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
}

struct Dialler {
    endpoint: Endpoint,
    address: SocketAddr,
}

impl Server for Peer {
    fn client(&self) -> Pending<'_, Box<dyn Client>> {
        Box::pin(async {
            let config = Identity::generate()?.client(self.certificate.clone())?;
            let endpoint = Endpoint::client(LOOPBACK)?;
            endpoint
                .set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?)));
            Ok(Box::new(Dialler { endpoint, address: self.address }) as Box<dyn Client>)
        })
    }
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
