//! tokio-rustls over TCP: the ceiling. A stream is a connection.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::{Client, Contestant, Link, Pending, Server, serve_stream, tcp};
use crate::answer::Stream;
use crate::identity::{Identity, NAME};

pub(crate) struct Tls;

impl Contestant for Tls {
    fn name(&self) -> &'static str {
        "tls"
    }

    fn serve(&self) -> Pending<'static, Box<dyn Server>> {
        Box::pin(async {
            let peer = listen(|stream| async move {
                serve_stream(stream);
                Ok(())
            })
            .await?;
            Ok(Box::new(peer) as Box<dyn Server>)
        })
    }
}

/// Where a server listens, and its certificate.
pub(super) struct Peer {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
}

/// As [`tcp::listen`], with the handshake done.
pub(super) async fn listen<F>(
    serve: impl Fn(server::TlsStream<TcpStream>) -> F + Send + Sync + 'static,
) -> anyhow::Result<Peer>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let identity = Identity::generate()?;
    let acceptor = TlsAcceptor::from(Arc::new(identity.server()?));
    let serve = Arc::new(serve);
    let address = tcp::listen(move |stream| {
        let (acceptor, serve) = (acceptor.clone(), serve.clone());
        async move { serve(acceptor.accept(stream).await?).await }
    })
    .await?;
    Ok(Peer { address, certificate: identity.certificate() })
}

/// A dialler of one server, with a key of its own.
#[derive(Clone)]
pub(super) struct Dialler {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Peer {
    pub(super) fn dialler(&self) -> anyhow::Result<Dialler> {
        let config = Identity::generate()?.client(self.certificate.clone())?;
        Ok(Dialler { address: self.address, config: Arc::new(config) })
    }
}

impl Dialler {
    pub(super) async fn dial(&self) -> anyhow::Result<client::TlsStream<TcpStream>> {
        let stream = tcp::dial(self.address).await?;
        let name = ServerName::try_from(NAME)?;
        Ok(TlsConnector::from(self.config.clone()).connect(name, stream).await?)
    }
}

impl Server for Peer {
    fn client(&self) -> Pending<'_, Box<dyn Client>> {
        Box::pin(async { Ok(Box::new(self.dialler()?) as Box<dyn Client>) })
    }
}

impl Client for Dialler {
    fn connect(&self) -> Pending<'_, Box<dyn Link>> {
        let link = self.clone();
        Box::pin(async move { Ok(Box::new(link) as Box<dyn Link>) })
    }
}

impl Link for Dialler {
    fn open(&self) -> Pending<'_, Box<dyn Stream>> {
        Box::pin(async { Ok(Box::new(self.dial().await?) as Box<dyn Stream>) })
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
}
