//! TCP alone: the reference. A stream is a connection.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use tokio::net::{TcpListener, TcpStream};

use super::{Card, Client, Contestant, Link, Pending, serve_stream};
use crate::answer::Stream;

pub(crate) struct Tcp;

impl Contestant for Tcp {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn has_streams(&self) -> bool {
        false
    }

    fn serve(&self, address: IpAddr) -> Pending<'static, Card> {
        Box::pin(async move {
            let address = listen(address, |stream| async move {
                serve_stream(stream);
                Ok(())
            })
            .await?;
            Ok(Card { address, identity: Vec::new() })
        })
    }

    fn client(&self, server: &Card, _from: IpAddr) -> Pending<'static, Box<dyn Client>> {
        let address = Address(server.address);
        Box::pin(async move { Ok(Box::new(address) as Box<dyn Client>) })
    }
}

/// Accepts for as long as the program runs and hands every connection to `serve`, in a task of its own.
pub(super) async fn listen<F>(
    address: IpAddr,
    serve: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) -> anyhow::Result<SocketAddr>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind((address, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if stream.set_nodelay(true).is_ok() {
                tokio::spawn(serve(stream));
            }
        }
    });
    Ok(address)
}

/// A connection without delayed small writes.
pub(super) async fn dial(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Where the server is: all that its dialler and its link need.
#[derive(Clone, Copy)]
struct Address(SocketAddr);

impl Client for Address {
    fn connect(&self) -> Pending<'_, Box<dyn Link>> {
        let address = *self;
        Box::pin(async move { Ok(Box::new(address) as Box<dyn Link>) })
    }
}

impl Link for Address {
    fn open(&self) -> Pending<'_, Box<dyn Stream>> {
        Box::pin(async { Ok(Box::new(dial(self.0).await?) as Box<dyn Stream>) })
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
}
