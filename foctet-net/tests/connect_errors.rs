//! Why a connect fails, for every reason that it can have.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use foctet_core::{NodeAddr, SecretKey, TransportAddr};
use foctet_net::{
    Attempt, AttemptError, BindError, Builder, ConnectError, ConnectOptions, Endpoint, MAX_ALPN_LENGTH,
    Place, Prefer, Transport, Transports,
};
use tokio::time::{Instant, timeout};

const ALPN: &[u8] = b"errors/1";

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn builder() -> Builder {
    Endpoint::builder().alpns([ALPN]).bind(loopback())
}

async fn endpoint() -> Endpoint {
    builder().build().await.unwrap()
}

/// A node that is nowhere.
fn nobody() -> NodeAddr {
    NodeAddr::new(SecretKey::from_bytes([77; 32]).node_id())
}

async fn error_of(endpoint: &Endpoint, addr: NodeAddr, options: ConnectOptions) -> ConnectError {
    timeout(PATIENCE, endpoint.connect_with(addr, ALPN, options)).await.expect("hangs").unwrap_err()
}

/// An address at which nobody listens: it was free a moment ago.
fn closed_tcp() -> TransportAddr {
    TransportAddr::tcp(TcpListener::bind(loopback()).unwrap().local_addr().unwrap())
}

fn attempt<'a>(attempts: &'a [Attempt], addr: &TransportAddr) -> &'a AttemptError {
    &attempts.iter().find(|attempt| attempt.at == Place::Addr(*addr)).expect("every address is named").error
}

#[tokio::test]
async fn no_address_is_told_before_anything_is_sent() {
    let endpoint = endpoint().await;
    let options = ConnectOptions::default();
    assert_eq!(error_of(&endpoint, nobody(), options).await, ConnectError::NoAddresses);
    let tcp_alone = nobody().with_addr(closed_tcp());
    let quic = options.prefer(Prefer::Only(Transport::Quic));
    assert_eq!(error_of(&endpoint, tcp_alone.clone(), quic).await, ConnectError::NoAddresses);
    let no_tcp = builder().transports(Transports::Only(Transport::Quic)).build().await.unwrap();
    assert_eq!(error_of(&no_tcp, tcp_alone, options).await, ConnectError::NoAddresses);
}

#[tokio::test]
async fn a_node_does_not_dial_itself() {
    let endpoint = endpoint().await;
    let error = error_of(&endpoint, endpoint.addr(), ConnectOptions::default()).await;
    assert_eq!(error, ConnectError::SelfConnect);
}

#[tokio::test]
async fn a_protocol_needs_a_name_that_fits() {
    let endpoint = endpoint().await;
    let longest = vec![b'x'; MAX_ALPN_LENGTH];
    for bad in [vec![], vec![b'x'; MAX_ALPN_LENGTH + 1]] {
        let error = endpoint.connect(nobody(), &bad).await.unwrap_err();
        assert_eq!(error, ConnectError::InvalidAlpn { length: bad.len(), max: MAX_ALPN_LENGTH });
        let error = builder().alpns([longest.clone(), bad.clone()]).build().await.unwrap_err();
        assert_eq!(error, BindError::InvalidAlpn { length: bad.len(), max: MAX_ALPN_LENGTH });
    }
    let accepting = builder().alpns([longest.clone()]).build().await.unwrap();
    for transport in [Transport::Quic, Transport::Tcp] {
        let options = ConnectOptions::default().prefer(Prefer::Only(transport));
        let connection = endpoint.connect_with(accepting.addr(), &longest, options).await.unwrap();
        assert_eq!(connection.alpn(), longest);
    }
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_says_refused() {
    let endpoint = endpoint().await;
    let closed = closed_tcp();
    let error = error_of(&endpoint, nobody().with_addr(closed), ConnectOptions::default()).await;
    let ConnectError::Unreachable { attempts } = &error else { panic!("{error:?}") };
    let AttemptError::Io(failure) = attempt(attempts, &closed) else { panic!("{error:?}") };
    assert_eq!(failure.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(error.to_string(), format!("nothing answered at {closed} (connection refused)"));
}

#[tokio::test(start_paused = true)]
async fn silence_is_given_up_after_the_handshake_timeout() {
    let endpoint = endpoint().await;
    let socket = UdpSocket::bind(loopback()).unwrap();
    let listener = TcpListener::bind(loopback()).unwrap();
    let udp = TransportAddr::udp(socket.local_addr().unwrap());
    let tcp = TransportAddr::tcp(listener.local_addr().unwrap());
    let begun = Instant::now();
    let error = error_of(&endpoint, nobody().with_addrs([udp, tcp]), ConnectOptions::default()).await;
    let ConnectError::Unreachable { attempts } = &error else { panic!("{error:?}") };
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempt(attempts, &udp), &AttemptError::TimedOut);
    assert_eq!(attempt(attempts, &tcp), &AttemptError::TimedOut);
    assert_eq!(error.to_string(), format!("nothing answered at {udp} (timed out), {tcp} (timed out)"));
    let took = begun.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_time_for_a_connect_is_kept() {
    let endpoint = endpoint().await;
    let socket = UdpSocket::bind(loopback()).unwrap();
    let udp = TransportAddr::udp(socket.local_addr().unwrap());
    let closed = closed_tcp();
    let begun = Instant::now();
    let options = ConnectOptions::default().timeout(Duration::from_secs(3));
    let error = error_of(&endpoint, nobody().with_addrs([udp, closed]), options).await;
    let ConnectError::TimedOut { attempts } = &error else { panic!("{error:?}") };
    assert_eq!(attempt(attempts, &udp), &AttemptError::TimedOut);
    assert!(matches!(attempt(attempts, &closed), AttemptError::Io(_)), "{error:?}");
    let took = begun.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_millis(3100)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_family_without_a_socket_is_told_so() {
    // Bound to IPv4 alone.
    let endpoint = endpoint().await;
    let v6 = TransportAddr::udp("[2001:db8::1]:9".parse().unwrap());
    let error = error_of(&endpoint, nobody().with_addr(v6), ConnectOptions::default()).await;
    let ConnectError::Unreachable { attempts } = &error else { panic!("{error:?}") };
    assert_eq!(attempt(attempts, &v6), &AttemptError::NoSocket);
}

#[tokio::test]
async fn an_address_that_names_no_host_is_never_dialled() {
    let endpoint = endpoint().await;
    let addrs =
        ["udp:0.0.0.0:9", "tcp:0.0.0.0:9", "udp:224.0.0.1:9", "udp:255.255.255.255:9", "tcp:127.0.0.1:0"]
            .map(|addr| addr.parse::<TransportAddr>().unwrap());
    let error = error_of(&endpoint, nobody().with_addrs(addrs), ConnectOptions::default()).await;
    let ConnectError::Unreachable { attempts } = &error else { panic!("{error:?}") };
    assert_eq!(attempts.len(), addrs.len());
    for addr in &addrs {
        assert!(matches!(attempt(attempts, addr), AttemptError::Io(_)), "{error:?}");
    }
}

#[tokio::test]
async fn another_node_at_the_address_is_named() {
    let (dialling, other) = (endpoint().await, endpoint().await);
    let expected = nobody().id();
    for transport in [Transport::Quic, Transport::Tcp] {
        let addr = NodeAddr::new(expected).with_addrs(other.addr().addrs().collect::<Vec<_>>());
        let options = ConnectOptions::default().prefer(Prefer::Only(transport));
        let error = error_of(&dialling, addr, options).await;
        assert_eq!(error, ConnectError::WrongIdentity { expected, got: other.id() });
    }
    let mut both = endpoint().await.handshake_failures();
    assert!(both.try_recv().is_err());
}

#[tokio::test]
async fn what_speaks_another_protocol_is_no_node() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let endpoint = endpoint().await;
    let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let ssh = TransportAddr::tcp(listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let error = error_of(&endpoint, nobody().with_addr(ssh), ConnectOptions::default()).await;
    let ConnectError::Unreachable { attempts } = &error else { panic!("{error:?}") };
    assert!(matches!(attempt(attempts, &ssh), AttemptError::Tls(_)), "{error:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn closing_the_endpoint_ends_its_dials() {
    let endpoint = endpoint().await;
    let socket = UdpSocket::bind(loopback()).unwrap();
    let addr = nobody().with_addr(TransportAddr::udp(socket.local_addr().unwrap()));
    let dial = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.connect(addr, ALPN).await.map(|_| ()) }
    });
    tokio::task::yield_now().await;
    timeout(PATIENCE, endpoint.close()).await.unwrap();
    assert_eq!(timeout(PATIENCE, dial).await.unwrap().unwrap(), Err(ConnectError::EndpointClosed));
}
