//! Sessions are never resumed, and nothing is taken before a handshake is complete.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foctet_net::Transport;
use noq::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::server::ProducesTickets;
use tokio::net::TcpListener;

use crate::hostile::{Acceptor, BelievesAnything, Peer, SECRET};
use crate::ours::*;

/// Tickets that are nothing but the session itself, counted.
#[derive(Debug, Default)]
struct Tickets {
    given: AtomicUsize,
    returned: AtomicUsize,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        3600
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        self.given.fetch_add(1, Ordering::Relaxed);
        Some(session.to_vec())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.returned.fetch_add(1, Ordering::Relaxed);
        Some(ticket.to_vec())
    }
}

/// Our dialler is given tickets, and never comes back with one.
#[tokio::test]
async fn our_dialler_returns_no_ticket() {
    for transport in TRANSPORTS {
        let tickets = Arc::new(Tickets::default());
        let server = Peer::honest(&peer()).silent();
        let mut config = server.server_config(transport);
        config.ticketer = Arc::clone(&tickets) as _;
        config.send_tls13_tickets = 4;
        let acceptor = Acceptor::with(config, server.pushes, transport).await;
        let addr = acceptor.addr();
        let endpoint = Ours::new().await.endpoint;
        for what in ["the first dial", "the second dial"] {
            let dialling = dial_from(&endpoint, what, peer().node_id(), transport, addr);
            let (_held, result) = tokio::join!(soon(what, acceptor.take_well()), dialling);
            drop(result.unwrap());
        }
        assert_ne!(tickets.given.load(Ordering::Relaxed), 0, "{transport:?}: the test gave no tickets");
        assert_eq!(tickets.returned.load(Ordering::Relaxed), 0, "{transport:?}");
    }
}

/// A dialler's configuration with a store for tickets and the will to send early data.
fn eager(transport: Transport) -> Arc<rustls::ClientConfig> {
    let dialler = Peer::honest(&peer());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(BelievesAnything))
        .with_client_cert_resolver(Arc::new(dialler.clone()));
    config.alpn_protocols = dialler.alpns(transport);
    config.resumption = Resumption::in_memory_sessions(16);
    config.enable_early_data = true;
    Arc::new(config)
}

/// An acceptor with our own identity that gives tickets for early data: what we might have been in a former life.
fn former_life(transport: Transport) -> rustls::ServerConfig {
    let mut config = Peer::honest(&own()).server_config(transport);
    config.max_early_data_size = u32::MAX;
    config.send_tls13_tickets = 4;
    config
}

/// Over TCP: one connection of a blocking client, which writes [`SECRET`] as early data if it can, and then reads
/// the first bytes that come. Gives how much early data it had a ticket for, whether it was accepted, and the bytes.
fn eager_dial(config: &Arc<rustls::ClientConfig>, addr: SocketAddr) -> (usize, bool, usize) {
    let name = ServerName::try_from("foctet").unwrap();
    let mut session = rustls::ClientConnection::new(Arc::clone(config), name).unwrap();
    let early = session.early_data().map_or(0, |mut early| early.write(SECRET).unwrap());
    let mut socket = std::net::TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(GENEROUS)).unwrap();
    let mut bytes = [0; 64];
    let read = rustls::Stream::new(&mut session, &mut socket).read(&mut bytes).unwrap();
    (early, session.is_early_data_accepted(), read)
}

#[tokio::test]
async fn early_data_over_tcp_is_not_read() {
    let config = eager(Transport::Tcp);
    let former = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(former_life(Transport::Tcp)));
    let addr = former.local_addr().unwrap();
    let dial = |addr| {
        let config = Arc::clone(&config);
        tokio::task::spawn_blocking(move || eager_dial(&config, addr))
    };
    let accepting = async {
        let (stream, _) = former.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"hello").await.unwrap();
        stream
    };
    let (_stream, first) = tokio::join!(soon("the former life", accepting), dial(addr));
    assert_eq!(first.unwrap(), (0, false, 5));

    let ours = Ours::new().await;
    let (early, accepted, read) = soon("the old ticket", dial(ours.addr(Transport::Tcp))).await.unwrap();
    assert_eq!(early, SECRET.len(), "the test had no ticket");
    assert!(!accepted);
    // The handshake went on as a full one, and our multiplexer did not take the early bytes for its first record:
    // it speaks.
    assert_ne!(read, 0);
}

#[tokio::test]
async fn early_data_over_quic_is_not_read() {
    let config = QuicClientConfig::try_from(eager(Transport::Quic)).unwrap();
    let config = noq::ClientConfig::new(Arc::new(config));
    let endpoint = noq::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();

    let server = QuicServerConfig::try_from(former_life(Transport::Quic)).unwrap();
    let server = noq::ServerConfig::with_crypto(Arc::new(server));
    let former = noq::Endpoint::server(server, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let connecting = endpoint.connect_with(config.clone(), former.local_addr().unwrap(), "foctet").unwrap();
    let dialling = async {
        let connection = connecting.await.unwrap();
        // The tickets come with or before it.
        connection.accept_uni().await.unwrap();
    };
    let accepting = async {
        let connection = former.accept().await.unwrap().await.unwrap();
        connection.open_uni().await.unwrap().write_all(b"hello").await.unwrap();
        connection
    };
    soon("the former life", async { tokio::join!(dialling, accepting) }).await;

    let ours = Ours::new().await;
    let connecting = endpoint.connect_with(config, ours.addr(Transport::Quic), "foctet").unwrap();
    let Ok((connection, accepted)) = connecting.into_0rtt() else { panic!("the test had no ticket") };
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(SECRET).await.unwrap();
    stream.finish().unwrap();
    assert!(!soon("the old ticket", accepted).await);
    soon("a full handshake", connection.handshake_confirmed()).await.unwrap();
    assert!(matches!(stream.stopped().await, Err(noq::StoppedError::ZeroRttRejected)));
}
