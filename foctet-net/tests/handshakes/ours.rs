//! Our side of a handshake: endpoints, and what they say about what went wrong.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use foctet_core::{NodeAddr, NodeId, SecretKey, TransportAddr};
use foctet_net::{
    AttemptError, ConnectError, ConnectOptions, Connection, Endpoint, HandshakeError, HandshakeFailure,
    IdentityError, Prefer, Rejection, TlsError, Transport,
};
use tokio::sync::broadcast;

pub const ALPN: &[u8] = b"test/1";

pub const TRANSPORTS: [Transport; 2] = [Transport::Quic, Transport::Tcp];

/// Far longer than anything here takes; only a hang meets it.
pub const GENEROUS: Duration = Duration::from_secs(30);

/// The alert for an identity that is none.
pub const CERTIFICATE_UNKNOWN: u8 = 46;
/// The alert for a node that the application refuses.
pub const ACCESS_DENIED: u8 = 49;
/// The alert for no certificate.
pub const CERTIFICATE_REQUIRED: u8 = 116;
/// The alert for a version that is not spoken.
pub const PROTOCOL_VERSION: u8 = 70;
/// The alert for no application protocol in common.
pub const NO_APPLICATION_PROTOCOL: u8 = 120;

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes([seed; 32])
}

/// The key of the endpoint under test.
pub fn own() -> SecretKey {
    key(1)
}

/// The key of its peer.
pub fn peer() -> SecretKey {
    key(2)
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(GENEROUS, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing happened for {GENEROUS:?}"),
    }
}

pub fn node(id: NodeId, transport: Transport, addr: SocketAddr) -> NodeAddr {
    NodeAddr::new(id).with_addr(match transport {
        Transport::Quic => TransportAddr::udp(addr),
        Transport::Tcp => TransportAddr::tcp(addr),
    })
}

/// An endpoint that waits for diallers, and what it says about those that fail.
pub struct Ours {
    pub endpoint: Endpoint,
    pub failures: broadcast::Receiver<HandshakeFailure>,
}

impl Ours {
    pub async fn new() -> Self {
        Self::authorizing(|_| true).await
    }

    pub async fn authorizing(authorize: impl Fn(NodeId) -> bool + Send + Sync + 'static) -> Self {
        let endpoint = Endpoint::builder()
            .secret_key(own())
            .alpns([ALPN])
            .bind((Ipv4Addr::LOCALHOST, 0).into())
            .authorize(authorize)
            .build()
            .await
            .unwrap();
        let failures = endpoint.handshake_failures();
        Self { endpoint, failures }
    }

    pub fn addr(&self, transport: Transport) -> SocketAddr {
        let is_wanted = |addr: &TransportAddr| match transport {
            Transport::Quic => matches!(addr, TransportAddr::Udp(_)),
            Transport::Tcp => matches!(addr, TransportAddr::Tcp(_)),
        };
        let addr = self.endpoint.local_addrs().into_iter().find(is_wanted).unwrap();
        addr.socket_addr()
    }

    /// The next failure, and certainty that the application saw no connection before it.
    pub async fn failure(&mut self, what: &str) -> HandshakeError {
        tokio::select! {
            biased;
            connection = self.endpoint.accept() => panic!("{what}: the application saw {connection:?}"),
            failure = soon(what, self.failures.recv()) => failure.unwrap().error,
        }
    }
}

/// Dials `expected` at `addr`.
pub async fn dial(
    what: &str,
    expected: NodeId,
    transport: Transport,
    addr: SocketAddr,
) -> Result<Connection, ConnectError> {
    let endpoint = Endpoint::builder()
        .secret_key(own())
        .alpns([ALPN])
        .bind((Ipv4Addr::LOCALHOST, 0).into())
        .build()
        .await
        .unwrap();
    dial_from(&endpoint, what, expected, transport, addr).await
}

pub async fn dial_from(
    endpoint: &Endpoint,
    what: &str,
    expected: NodeId,
    transport: Transport,
    addr: SocketAddr,
) -> Result<Connection, ConnectError> {
    let options = ConnectOptions::default().prefer(Prefer::Only(transport));
    soon(what, endpoint.connect_with(node(expected, transport, addr), ALPN, options)).await
}

/// What TLS has to do with a dial that failed.
#[track_caller]
pub fn tls(what: &str, result: Result<Connection, ConnectError>) -> TlsError {
    match result {
        Ok(_) => panic!("{what}: connected"),
        Err(ConnectError::WrongIdentity { expected, got }) => {
            TlsError::Identity(IdentityError::WrongIdentity { expected, got })
        }
        Err(ConnectError::Identity(error)) => TlsError::Identity(error),
        Err(ConnectError::Refused) => TlsError::Rejected(Rejection::NotAuthorized),
        Err(ConnectError::Rejected(rejection)) => TlsError::Rejected(rejection),
        Err(ConnectError::AlpnRefused) => TlsError::Rejected(Rejection::Alpn),
        Err(ConnectError::Unreachable { attempts }) => match attempts.as_slice() {
            [attempt] => match &attempt.error {
                AttemptError::Tls(error) => error.clone(),
                other => panic!("{what}: {other:?}"),
            },
            other => panic!("{what}: {other:?}"),
        },
        Err(other) => panic!("{what}: {other:?}"),
    }
}
