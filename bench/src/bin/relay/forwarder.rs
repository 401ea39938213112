//! A program that copies bytes between two TCP sockets, under end-to-end TLS: what relaying costs at least.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

use crate::answer::{CHUNK, answer};
use crate::identity::{Identity, NAME};

/// Forwards whatever comes to one place.
pub(crate) async fn start(bind: SocketAddr, to: SocketAddr) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut to = TcpStream::connect(to).await?;
                from.set_nodelay(true)?;
                to.set_nodelay(true)?;
                tokio::io::copy_bidirectional_with_sizes(&mut from, &mut to, CHUNK, CHUNK).await
            });
        }
    });
    Ok(address)
}

/// Accepts TLS: where, and with which certificate in hexadecimal.
pub(crate) async fn receive() -> anyhow::Result<String> {
    let identity = Identity::generate()?;
    let acceptor = TlsAcceptor::from(Arc::new(identity.server()?));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                answer(acceptor.accept(stream).await?).await
            });
        }
    });
    let certificate: String = identity.certificate().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{address} {certificate}"))
}

/// Dials through the forwarder.
pub(crate) async fn dial(address: &str) -> anyhow::Result<client::TlsStream<TcpStream>> {
    let (address, certificate) = address.split_once(' ').context("an address and a certificate")?;
    let digits: Vec<char> = certificate.chars().collect();
    let bytes = digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16));
    let certificate = CertificateDer::from(bytes.collect::<Result<Vec<_>, _>>()?);
    let config = Identity::generate()?.client(certificate)?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(NAME)?, stream).await?)
}
