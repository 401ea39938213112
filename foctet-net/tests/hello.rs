//! The hello of the dialler, as another version or another program would say it.
//!
//! In virtual time. The diallers here are noq and foctet-mux alone, with a node's identity.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::SecretKey;
use foctet_net::{Endpoint, HandshakeError, HandshakeFailure, Identity, SERVER_NAME, Transport};
use noq::crypto::rustls::QuicClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

const ALPN: &[u8] = b"hello/1";

/// Close codes of the specification.
const NO_HELLO: u64 = 0x0046_4f43_5445_5402;
const BAD_HELLO: u64 = 0x0046_4f43_5445_5403;
const NEWER_HELLO: u64 = 0x0046_4f43_5445_5404;

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A dialler that is no endpoint of ours: a handshake, and then whatever the test wants.
enum Dialler {
    Quic(noq::Connection),
    Tcp(foctet_mux::Connection),
}

impl Dialler {
    async fn dial(transport: Transport, accepting: &Endpoint) -> Self {
        let identity = Identity::new(&SecretKey::from_bytes([3; 32])).unwrap();
        let addr = accepting.addr();
        match transport {
            Transport::Quic => {
                let tls = identity.client_config(accepting.id(), vec![ALPN.to_vec()]);
                let tls = QuicClientConfig::try_from(tls).unwrap();
                let endpoint = noq::Endpoint::client(loopback()).unwrap();
                let config = noq::ClientConfig::new(Arc::new(tls));
                let to = addr.udp().next().unwrap();
                let connection = endpoint.connect_with(config, to, SERVER_NAME).unwrap().await.unwrap();
                Self::Quic(connection)
            }
            Transport::Tcp => {
                let tls = identity.client_config(accepting.id(), vec![[b"qmux-02.", ALPN].concat()]);
                let stream = TcpStream::connect(addr.tcp().next().unwrap()).await.unwrap();
                let name = ServerName::try_from(SERVER_NAME).unwrap();
                let stream = TlsConnector::from(tls).connect(name, stream).await.unwrap();
                let mux = foctet_mux::Connection::new(
                    stream,
                    foctet_mux::Role::Client,
                    foctet_mux::Config::default(),
                );
                mux.established().await.unwrap();
                Self::Tcp(mux)
            }
        }
    }

    /// Opens a unidirectional stream, writes this and finishes it.
    async fn say(&self, words: &[u8]) {
        match self {
            Self::Quic(connection) => {
                let mut stream = connection.open_uni().await.unwrap();
                stream.write_all(words).await.unwrap();
                stream.finish().unwrap();
            }
            Self::Tcp(mux) => {
                let mut stream = mux.open_uni().await.unwrap();
                stream.write_all(words).await.unwrap();
                stream.finish().unwrap();
            }
        }
    }

    /// With which code the acceptor closed the connection.
    async fn closed(&self) -> u64 {
        match self {
            Self::Quic(connection) => match connection.closed().await {
                noq::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
                other => panic!("{other:?}"),
            },
            Self::Tcp(mux) => match mux.closed().await {
                foctet_mux::ConnectionError::ApplicationClosed { code, .. } => code,
                other => panic!("{other:?}"),
            },
        }
    }
}

async fn endpoint() -> Endpoint {
    Endpoint::builder().alpns([ALPN]).bind(loopback()).build().await.unwrap()
}

const TRANSPORTS: [Transport; 2] = [Transport::Quic, Transport::Tcp];

#[tokio::test(start_paused = true)]
async fn the_hello_of_version_1_is_three_bytes() {
    let accepting = endpoint().await;
    for transport in TRANSPORTS {
        let dialler = Dialler::dial(transport, &accepting).await;
        dialler.say(&[1, 1, 0]).await;
        let connection = accepting.accept().await.unwrap();
        assert_eq!(connection.transport(), transport);
        // What comes after it is the application's.
        dialler.say(b"first").await;
        let mut stream = connection.accept_uni().await.unwrap();
        assert_eq!(stream.read_to_end(100).await.unwrap(), b"first");
    }
}

#[tokio::test(start_paused = true)]
async fn hellos_that_cannot_be_taken_end_in_a_code_of_their_own() {
    let long = [&[1, 0x44, 0x00][..], &[0; 1024]].concat();
    for (words, code, expected) in [
        (&[2, 1, 0][..], NEWER_HELLO, HandshakeError::NewerHello { version: 2 }),
        (&[0x7f, 0xff], NEWER_HELLO, HandshakeError::NewerHello { version: 0x3fff }),
        (&[], BAD_HELLO, HandshakeError::BadHello),
        (&[1], BAD_HELLO, HandshakeError::BadHello),
        (&[0, 1, 0], BAD_HELLO, HandshakeError::BadHello),
        (&[1, 2, 0], BAD_HELLO, HandshakeError::BadHello),
        (b"GET / HTTP/1.1\r\n\r\n", NEWER_HELLO, HandshakeError::NewerHello { version: 0x0745 }),
        (&long, BAD_HELLO, HandshakeError::BadHello),
    ] {
        for transport in TRANSPORTS {
            let accepting = endpoint().await;
            let mut failures = accepting.handshake_failures();
            let dialler = Dialler::dial(transport, &accepting).await;
            dialler.say(words).await;
            assert_eq!(dialler.closed().await, code, "{words:?}");
            let HandshakeFailure { transport: over, error, .. } = failures.recv().await.unwrap();
            assert_eq!((over, error), (transport, expected.clone()), "{words:?}");
            assert!(timeout(Duration::from_secs(60), accepting.accept()).await.is_err());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialler_that_says_nothing_is_dropped_unseen_after_five_seconds() {
    for transport in TRANSPORTS {
        let accepting = endpoint().await;
        let mut failures = accepting.handshake_failures();
        let begun = Instant::now();
        let dialler = Dialler::dial(transport, &accepting).await;
        assert_eq!(dialler.closed().await, NO_HELLO);
        let took = begun.elapsed();
        assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&took), "{took:?}");
        assert_eq!(failures.recv().await.unwrap().error, HandshakeError::NoHello);
        assert!(timeout(Duration::from_secs(60), accepting.accept()).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialler_that_never_ends_its_hello_is_dropped_too() {
    for transport in TRANSPORTS {
        let accepting = endpoint().await;
        let dialler = Dialler::dial(transport, &accepting).await;
        let begun = Instant::now();
        match &dialler {
            Dialler::Quic(connection) => {
                let mut stream = connection.open_uni().await.unwrap();
                stream.write_all(&[1, 1]).await.unwrap();
                assert_eq!(dialler.closed().await, NO_HELLO);
            }
            Dialler::Tcp(mux) => {
                let mut stream = mux.open_uni().await.unwrap();
                stream.write_all(&[1, 1]).await.unwrap();
                assert_eq!(dialler.closed().await, NO_HELLO);
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    }
}
