//! Two endpoints on loopback and a connection between them.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use foctet_core::{NodeAddr, TransportAddr};
use foctet_net::{
    ConnectOptions, Connection, Endpoint, Prefer, RecvStream, SendStream, Transport, Transports,
};

/// The application protocol of these tests.
pub const ALPN: &[u8] = b"conformance/1";
/// Another that acceptors speak.
pub const OTHER_ALPN: &[u8] = b"conformance/2";

/// Far more than anything here takes: what is still waiting then hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Pair {
    pub transport: Transport,
    pub dialling: Endpoint,
    pub accepting: Endpoint,
    pub dialler: Connection,
    pub acceptor: Connection,
}

pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub async fn endpoint(transport: Transport) -> Endpoint {
    Endpoint::builder()
        .alpns([ALPN, OTHER_ALPN])
        .bind(loopback())
        .transports(Transports::Only(transport))
        .build()
        .await
        .unwrap()
}

/// Where an endpoint is reached over one transport alone.
pub fn addr_over(endpoint: &Endpoint, transport: Transport) -> NodeAddr {
    let addrs = endpoint
        .addr()
        .addrs()
        .filter(|addr| match addr {
            TransportAddr::Udp(_) => transport == Transport::Quic,
            _ => transport == Transport::Tcp,
        })
        .collect::<Vec<_>>();
    NodeAddr::new(endpoint.id()).with_addrs(addrs)
}

impl Pair {
    pub async fn new(transport: Transport) -> Self {
        let (dialling, accepting) = (endpoint(transport).await, endpoint(transport).await);
        let (dialler, acceptor) = connect(&dialling, &accepting, transport, ALPN).await;
        Self { transport, dialling, accepting, dialler, acceptor }
    }

    /// A stream in both directions: the dialler's halves, then the acceptor's. The dialler has written one byte, which
    /// is read.
    pub async fn stream(&self) -> ((SendStream, RecvStream), (SendStream, RecvStream)) {
        let (mut send, recv) = self.dialler.open_bi().await.unwrap();
        send.write_all(b"!").await.unwrap();
        let (peer_send, mut peer_recv) = self.acceptor.accept_bi().await.unwrap();
        peer_recv.read_exact(&mut [0]).await.unwrap();
        ((send, recv), (peer_send, peer_recv))
    }
}

/// Long enough, on a clock that stands still while anything runs, for what makes progress to show it.
pub const STUCK: Duration = Duration::from_secs(2);

/// What one side may buffer for one stream, with room to spare: the receiver's window, the sender's, the kernel's.
pub const ENOUGH: usize = 64 << 20;

/// Writes until nothing is taken any more, and says how many bytes that was.
pub async fn fill(send: &mut SendStream) -> usize {
    let chunk = [1; 1 << 16];
    let mut written = 0;
    while let Ok(wrote) = tokio::time::timeout(STUCK, send.write(&chunk)).await {
        written += wrote.unwrap();
        assert!(written < ENOUGH, "nothing holds the writer up");
    }
    written
}

pub async fn connect(
    dialling: &Endpoint,
    accepting: &Endpoint,
    transport: Transport,
    alpn: &[u8],
) -> (Connection, Connection) {
    let options = ConnectOptions::default().prefer(Prefer::Only(transport));
    let (dialler, acceptor) = tokio::join!(
        dialling.connect_with(addr_over(accepting, transport), alpn, options),
        accepting.accept()
    );
    (dialler.unwrap(), acceptor.unwrap())
}

/// Runs one behaviour over one transport.
pub async fn run<F: Future<Output = ()>>(transport: Transport, behaviour: impl FnOnce(Pair) -> F) {
    let test = async { behaviour(Pair::new(transport).await).await };
    tokio::time::timeout(PATIENCE, test).await.expect("something hangs");
}

/// Bytes that are wrong when they are shifted.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ (at >> 11) as u8).collect()
}

/// Polls a future once, which must not be enough, and drops it.
pub async fn cancel<F: Future>(future: F) {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending(), "it was not waiting");
        std::task::Poll::Ready(())
    })
    .await;
}
