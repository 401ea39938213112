//! tokio-rustls over TCP: the ceiling. A stream is a connection.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::{Card, Client, Contestant, Link, Pending, serve_stream, tcp};
use crate::answer::Stream;
use crate::identity::{Identity, NAME};

pub(crate) struct Tls;

impl Contestant for Tls {
    fn name(&self) -> &'static str {
        "tls"
    }

    fn has_streams(&self) -> bool {
        false
    }

    fn serve(&self, address: IpAddr) -> Pending<'static, Card> {
        Box::pin(listen(address, |stream| async move {
            serve_stream(stream);
            Ok(())
        }))
    }

    fn client(&self, server: &Card, _from: IpAddr) -> Pending<'static, Box<dyn Client>> {
        let server = server.clone();
        Box::pin(async move { Ok(Box::new(Dialler::new(server)?) as Box<dyn Client>) })
    }
}

/// As [`tcp::listen`], with the handshake done.
pub(super) async fn listen<F>(
    address: IpAddr,
    serve: impl Fn(server::TlsStream<TcpStream>) -> F + Send + Sync + 'static,
) -> anyhow::Result<Card>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let identity = Identity::generate()?;
    let acceptor = TlsAcceptor::from(Arc::new(identity.server()?));
    let serve = Arc::new(serve);
    let address = tcp::listen(address, move |stream| {
        let (acceptor, serve) = (acceptor.clone(), serve.clone());
        async move { serve(acceptor.accept(stream).await?).await }
    })
    .await?;
    Ok(Card { address, identity: identity.certificate().to_vec() })
}

/// A dialler of one server, with a key of its own.
#[derive(Clone)]
pub(super) struct Dialler {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Dialler {
    pub(super) fn new(server: Card) -> anyhow::Result<Self> {
        let config = Identity::generate()?.client(server.identity.into())?;
        Ok(Self { address: server.address, config: Arc::new(config) })
    }

    pub(super) async fn dial(&self) -> anyhow::Result<client::TlsStream<TcpStream>> {
        let stream = tcp::dial(self.address).await?;
        let name = ServerName::try_from(NAME)?;
        Ok(TlsConnector::from(self.config.clone()).connect(name, stream).await?)
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
