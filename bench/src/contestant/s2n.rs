//! s2n-quic with its defaults, and rustls in the place of s2n-tls.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use anyhow::Context as _;
use s2n_quic::client::Connect;
use s2n_quic::connection::Handle;
use s2n_quic::provider::tls::rustls::{Client as ClientTls, Server as ServerTls};
use s2n_quic::{Client as Endpoint, Connection, Server};

use super::{Card, Client, Contestant, Link, Pending, serve_stream};
use crate::answer::Stream;
use crate::identity::{Identity, NAME};

pub(crate) struct S2n;

impl Contestant for S2n {
    fn name(&self) -> &'static str {
        "s2n-quic"
    }

    fn serve(&self, address: IpAddr) -> Pending<'static, Card> {
        Box::pin(async move {
            let identity = Identity::generate()?;
            let mut server = Server::builder()
                .with_tls(ServerTls::from(identity.server()?))?
                .with_io(SocketAddr::from((address, 0)))?
                .start()?;
            let address = server.local_addr()?;
            tokio::spawn(async move {
                while let Some(connection) = server.accept().await {
                    tokio::spawn(serve(connection));
                }
            });
            Ok(Card { address, identity: identity.certificate().to_vec() })
        })
    }

    fn client(&self, server: &Card, from: IpAddr) -> Pending<'static, Box<dyn Client>> {
        let server = server.clone();
        Box::pin(async move {
            let config = Identity::generate()?.client(server.identity.into())?;
            let endpoint = Endpoint::builder()
                .with_tls(ClientTls::from(config))?
                .with_io(SocketAddr::from((from, 0)))?
                .start()?;
            Ok(Box::new(Dialler { endpoint, address: server.address }) as Box<dyn Client>)
        })
    }
}

async fn serve(mut connection: Connection) {
    while let Ok(Some(stream)) = connection.accept_bidirectional_stream().await {
        serve_stream(stream);
    }
}

struct Dialler {
    endpoint: Endpoint,
    address: SocketAddr,
}

/// Its streams are opened through clones of the handle, because opening takes it mutably.
struct Session(Handle);

impl Client for Dialler {
    fn connect(&self) -> Pending<'_, Box<dyn Link>> {
        Box::pin(async {
            let connect = Connect::new(self.address).with_server_name(NAME);
            let connection = self.endpoint.connect(connect).await.context("connecting")?;
            // The acceptor can go: the server opens no streams.
            let (handle, _) = connection.split();
            Ok(Box::new(Session(handle)) as Box<dyn Link>)
        })
    }
}

impl Link for Session {
    fn open(&self) -> Pending<'_, Box<dyn Stream>> {
        Box::pin(async {
            let stream = self.0.clone().open_bidirectional_stream().await?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.close(0_u32.into());
        Box::pin(async {})
    }
}
