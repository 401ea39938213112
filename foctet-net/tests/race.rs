//! QUIC and TCP raced: which one wins, and that the acceptor sees the winner alone.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use foctet_core::{NodeAddr, TransportAddr};
use foctet_net::{
    BindError, Builder, ConnectOptions, Connection, ConnectionError, Endpoint, Prefer, Transport, Transports,
};
use tokio::time::{Instant, timeout};

const ALPN: &[u8] = b"race/1";

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

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("something hangs")
}

/// A UDP address at which nothing ever answers, and what keeps it so.
fn silent_udp() -> (UdpSocket, TransportAddr) {
    let socket = UdpSocket::bind(loopback()).unwrap();
    let addr = TransportAddr::udp(socket.local_addr().unwrap());
    (socket, addr)
}

/// A TCP address that takes connections and says nothing, and what keeps it so.
fn silent_tcp() -> (TcpListener, TransportAddr) {
    let listener = TcpListener::bind(loopback()).unwrap();
    let addr = TransportAddr::tcp(listener.local_addr().unwrap());
    (listener, addr)
}

async fn connect(
    dialling: &Endpoint,
    addr: NodeAddr,
    accepting: &Endpoint,
    prefer: Prefer,
) -> (Connection, Connection) {
    let options = ConnectOptions::default().prefer(prefer);
    let (dialler, acceptor) =
        within(async { tokio::join!(dialling.connect_with(addr, ALPN, options), accepting.accept()) }).await;
    (dialler.unwrap(), acceptor.unwrap())
}

/// Shows that the two are the two ends of one connection.
async fn same(dialler: &Connection, acceptor: &Connection, word: &[u8]) {
    assert_eq!(dialler.transport(), acceptor.transport());
    let mut send = dialler.open_uni().await.unwrap();
    send.write_all(word).await.unwrap();
    send.finish().unwrap();
    let mut recv = within(acceptor.accept_uni()).await.unwrap();
    assert_eq!(within(recv.read_to_end(100)).await.unwrap(), word);
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_an_answer_to_a_dial_that_was_given_up() {
    let (dialling, accepting) = (endpoint().await, endpoint().await);
    let (_silent, udp) = silent_udp();
    let tcp =
        accepting.addr().addrs().filter(|addr| matches!(addr, TransportAddr::Tcp(_))).collect::<Vec<_>>();
    let addr = NodeAddr::new(accepting.id()).with_addrs(tcp.into_iter().chain([udp]));
    let (dialler, acceptor) = connect(&dialling, addr, &accepting, Prefer::Throughput).await;
    assert_eq!(dialler.transport(), Transport::Tcp);
    acceptor.close(0, b"");
    within(dialler.closed()).await;
    let before = Instant::now();
    within(dialling.close()).await;
    // The silent address would be given three times QUIC's first timeout, some 3 s, and closing 1 s.
    assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_races_give_one_connection_each() {
    let (dialling, accepting) = (endpoint().await, endpoint().await);
    for prefer in [Prefer::Latency, Prefer::Throughput] {
        let mut kept = Vec::new();
        for round in 0..10_u8 {
            let (dialler, acceptor) = connect(&dialling, accepting.addr(), &accepting, prefer).await;
            same(&dialler, &acceptor, &[round]).await;
            kept.push((dialler, acceptor));
        }
        // Whatever the losers still have to say, they have said by then.
        assert!(timeout(Duration::from_secs(1), accepting.accept()).await.is_err(), "a loser was accepted");
        for (dialler, acceptor) in &kept {
            assert_eq!(dialler.close_reason(), None);
            assert_eq!(acceptor.close_reason(), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quic_wins_where_both_answer_at_once_and_latency_is_wanted() {
    let (dialling, accepting) = (endpoint().await, endpoint().await);
    // Once to warm up: code that runs for the first time is slow.
    connect(&dialling, accepting.addr(), &accepting, Prefer::Latency).await;
    let mut quic = 0;
    for _ in 0..5 {
        let (dialler, _acceptor) = connect(&dialling, accepting.addr(), &accepting, Prefer::Latency).await;
        quic += u32::from(dialler.transport() == Transport::Quic);
    }
    // A busy machine may lose QUIC a race now and then; five in a row would be the rule broken.
    assert!(quic > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp_wins_where_both_answer_and_throughput_is_wanted() {
    let (dialling, accepting) = (endpoint().await, endpoint().await);
    connect(&dialling, accepting.addr(), &accepting, Prefer::Throughput).await;
    let mut tcp = 0;
    for _ in 0..5 {
        let (dialler, acceptor) = connect(&dialling, accepting.addr(), &accepting, Prefer::Throughput).await;
        same(&dialler, &acceptor, b"fast").await;
        tcp += u32::from(dialler.transport() == Transport::Tcp);
    }
    assert!(tcp > 0);
}

#[tokio::test]
async fn tcp_takes_over_where_udp_is_blocked() {
    let (dialling, accepting) = (endpoint().await, endpoint().await);
    let (_socket, nothing) = silent_udp();
    for prefer in [Prefer::Latency, Prefer::Throughput] {
        let addr = NodeAddr::new(accepting.id())
            .with_addr(nothing)
            .with_addrs(accepting.addr().tcp().map(TransportAddr::tcp).collect::<Vec<_>>());
        let (dialler, acceptor) = connect(&dialling, addr, &accepting, prefer).await;
        assert_eq!(dialler.transport(), Transport::Tcp);
        same(&dialler, &acceptor, b"around").await;
    }
}

#[tokio::test]
async fn quic_is_taken_where_tcp_does_not_answer_in_time() {
    let (dialling, accepting) = (endpoint().await, endpoint().await);
    let (_listener, nothing) = silent_tcp();
    for prefer in [Prefer::Latency, Prefer::Throughput] {
        let addr = NodeAddr::new(accepting.id())
            .with_addr(nothing)
            .with_addrs(accepting.addr().udp().map(TransportAddr::udp).collect::<Vec<_>>());
        let (dialler, acceptor) = connect(&dialling, addr, &accepting, prefer).await;
        assert_eq!(dialler.transport(), Transport::Quic);
        same(&dialler, &acceptor, b"around").await;
    }
}

#[tokio::test]
async fn only_means_only() {
    let (dialling, accepting) = (endpoint().await, endpoint().await);
    for transport in [Transport::Quic, Transport::Tcp] {
        for _ in 0..3 {
            let (dialler, acceptor) =
                connect(&dialling, accepting.addr(), &accepting, Prefer::Only(transport)).await;
            assert_eq!(dialler.transport(), transport);
            assert_eq!(acceptor.transport(), transport);
            let mut send = dialler.open_uni().await.unwrap();
            send.finish().unwrap();
            within(send.delivered()).await.unwrap();
            assert!(dialler.rtt() > Duration::ZERO);
            assert_eq!(dialler.paths()[0].rtt, dialler.stats().rtt);
        }
    }
}

#[tokio::test]
async fn the_first_flight_goes_to_every_udp_address() {
    let (dialling, accepting) = (endpoint().await, endpoint().await);
    // Dead addresses before and after the one that answers: the dial is one, and loses no time on them.
    let (dead, _sockets): (Vec<_>, Vec<_>) = (0..4)
        .map(|_| {
            let (socket, addr) = silent_udp();
            (addr, socket)
        })
        .unzip();
    let alive = TransportAddr::udp(accepting.addr().udp().next().unwrap());
    for at in 0..=dead.len() {
        let mut addrs = dead.clone();
        addrs.insert(at, alive);
        let addr = NodeAddr::new(accepting.id()).with_addrs(addrs);
        let (dialler, acceptor) = connect(&dialling, addr, &accepting, Prefer::Only(Transport::Quic)).await;
        same(&dialler, &acceptor, b"found").await;
        assert_eq!(TransportAddr::udp(dialler.remote_address()), alive);
        assert_eq!(dialler.paths().len(), 1);
    }
}

#[tokio::test]
async fn a_wrong_node_at_one_address_does_not_hide_the_right_one_at_another() {
    let (dialling, accepting, wrong) = (endpoint().await, endpoint().await, endpoint().await);
    for transport in [Transport::Quic, Transport::Tcp] {
        let both = |endpoint: &Endpoint| {
            let addr = endpoint.addr();
            match transport {
                Transport::Quic => addr.udp().map(TransportAddr::udp).collect::<Vec<_>>(),
                Transport::Tcp => addr.tcp().map(TransportAddr::tcp).collect(),
            }
        };
        for wrong_first in [true, false] {
            let mut addrs = [both(&wrong), both(&accepting)];
            if !wrong_first {
                addrs.reverse();
            }
            let addr = NodeAddr::new(accepting.id()).with_addrs(addrs.concat());
            let (dialler, acceptor) = connect(&dialling, addr, &accepting, Prefer::Only(transport)).await;
            assert_eq!(dialler.remote_id(), accepting.id());
            same(&dialler, &acceptor, b"right").await;
        }
    }
}

#[tokio::test]
async fn one_port_serves_both_transports() {
    for transports in [Transports::All, Transports::Only(Transport::Quic), Transports::Only(Transport::Tcp)] {
        let endpoint = Endpoint::builder().alpns([ALPN]).transports(transports).build().await.unwrap();
        let addrs = endpoint.local_addrs();
        let ports: Vec<_> = addrs.iter().map(|addr| addr.socket_addr().port()).collect();
        assert!(ports.iter().all(|port| *port != 0 && *port == ports[0]), "{addrs:?}");
        let has = |wanted: fn(&TransportAddr) -> bool| addrs.iter().any(wanted);
        assert_eq!(has(|addr| matches!(addr, TransportAddr::Udp(_))), transports.contains(Transport::Quic));
        assert_eq!(has(|addr| matches!(addr, TransportAddr::Tcp(_))), transports.contains(Transport::Tcp));
    }
}

#[tokio::test]
async fn several_addresses_can_be_bound_and_each_is_reached() {
    let other: SocketAddr = "127.0.0.2:0".parse().unwrap();
    let accepting = builder().bind(other).build().await.unwrap();
    let dialling = endpoint().await;
    assert_eq!(accepting.local_addrs().len(), 4);
    for addr in accepting.local_addrs() {
        let only = match addr {
            TransportAddr::Udp(_) => Transport::Quic,
            _ => Transport::Tcp,
        };
        let addr = NodeAddr::new(accepting.id()).with_addr(addr);
        let (dialler, acceptor) = connect(&dialling, addr, &accepting, Prefer::Only(only)).await;
        same(&dialler, &acceptor, b"here").await;
    }
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_so() {
    let taken = TcpListener::bind(loopback()).unwrap();
    let addr = taken.local_addr().unwrap();
    let error = Endpoint::builder().bind(addr).build().await.unwrap_err();
    assert!(
        matches!(&error, BindError::Tcp { addr: at, source }
            if *at == addr && source.kind() == std::io::ErrorKind::AddrInUse),
        "{error:?}"
    );
    let taken = UdpSocket::bind(loopback()).unwrap();
    let error = Endpoint::builder().bind(taken.local_addr().unwrap()).build().await.unwrap_err();
    assert!(matches!(error, BindError::Udp { .. }), "{error:?}");
    let elsewhere: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let error = Endpoint::builder().bind(elsewhere).build().await.unwrap_err();
    assert!(matches!(error, BindError::Udp { addr, .. } if addr == elsewhere), "{error:?}");
}

#[tokio::test]
async fn a_dial_that_is_dropped_leaves_nothing_to_accept() {
    let (dialling, accepting) = (endpoint().await, endpoint().await);
    for delay in [0, 1, 2, 5, 10, 20] {
        let dial = dialling.connect(accepting.addr(), ALPN);
        // However far it came. If it is through, the connection is dropped, which the acceptor sees.
        let _ = timeout(Duration::from_millis(delay), dial).await;
    }
    let (dialler, acceptor) = loop {
        let (dialler, acceptor) =
            connect(&dialling, accepting.addr(), &accepting, Prefer::Only(Transport::Quic)).await;
        if acceptor.close_reason().is_none() {
            break (dialler, acceptor);
        }
        let reason = acceptor.closed().await;
        assert!(matches!(reason, ConnectionError::ApplicationClosed { .. }), "{reason:?}");
    };
    drop(acceptor);
    within(dialler.closed()).await;
}
