use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use foctet_net::{
    ConnectError, ConnectOptions, ConnectionError, Endpoint, PathKind, Prefer, Transport, Transports,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::pair::{ALPN, OTHER_ALPN, Pair, addr_over, connect, loopback, pattern};

pub async fn both_sides_know_each_other_and_the_protocol(pair: Pair) {
    assert_eq!(pair.dialler.remote_id(), pair.accepting.id());
    assert_eq!(pair.acceptor.remote_id(), pair.dialling.id());
    for connection in [&pair.dialler, &pair.acceptor] {
        assert_eq!(connection.alpn(), ALPN);
        assert_eq!(connection.transport(), pair.transport);
    }
}

pub async fn several_protocols_are_spoken_at_once(pair: Pair) {
    let (dialler, acceptor) = connect(&pair.dialling, &pair.accepting, pair.transport, OTHER_ALPN).await;
    assert_eq!(dialler.alpn(), OTHER_ALPN);
    assert_eq!(acceptor.alpn(), OTHER_ALPN);
    // They are connections of their own.
    pair.dialler.close(0, b"");
    pair.acceptor.closed().await;
    assert_eq!(dialler.close_reason(), None);
    assert_eq!(acceptor.close_reason(), None);
}

pub async fn an_unknown_protocol_is_refused(pair: Pair) {
    let mut failures = pair.accepting.handshake_failures();
    let options = ConnectOptions::default().prefer(Prefer::Only(pair.transport));
    let addr = addr_over(&pair.accepting, pair.transport);
    let error = pair.dialling.connect_with(addr, b"unheard-of", options).await.unwrap_err();
    match (pair.transport, &error) {
        (_, ConnectError::AlpnRefused) => {}
        // noq says nothing to a dialler whose address is not validated, which it is not at that point.
        (Transport::Quic, ConnectError::Unreachable { .. }) => {}
        _ => panic!("{error:?}"),
    }
    let failure = failures.recv().await.unwrap();
    assert_eq!(failure.transport, pair.transport);
    assert_eq!(failure.error, foctet_net::HandshakeError::Tls(foctet_net::TlsError::NoAlpn));
}

pub async fn a_connection_tells_its_path_and_counts(pair: Pair) {
    let ((mut send, _recv), (_peer_send, mut peer_recv)) = pair.stream().await;
    let sent = pattern(100_000);
    send.write_all(&sent).await.unwrap();
    send.finish().unwrap();
    peer_recv.read_to_end(200_000).await.unwrap();
    send.delivered().await.unwrap();
    let port = pair.accepting.local_addrs()[0].socket_addr().port();
    assert_eq!(pair.dialler.remote_address().port(), port);
    for connection in [&pair.dialler, &pair.acceptor] {
        let paths = connection.paths();
        assert_eq!(paths.len(), 1, "{paths:?}");
        assert_eq!(paths[0].kind, PathKind::Direct);
        assert_eq!(paths[0].transport, pair.transport);
        assert_eq!(paths[0].remote, connection.remote_address());
        assert!(paths[0].remote.ip().is_loopback() && paths[0].remote.is_ipv4());
        assert!(paths[0].in_use);
    }
    assert!(pair.dialler.stats().bytes_sent >= 100_000);
    assert!(pair.acceptor.stats().bytes_received >= 100_000);
    let mut events = pair.acceptor.path_events();
    pair.dialler.close(0, b"");
    while events.next().await.is_some() {}
}

pub async fn many_connections_share_an_endpoint(pair: Pair) {
    const CONNECTIONS: usize = 30;
    let accepting = pair.accepting.clone();
    let answering = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let connection = accepting.accept().await.unwrap();
            connections.spawn(async move {
                let (mut send, mut recv) = connection.accept_bi().await.unwrap();
                let question = recv.read_to_end(100).await.unwrap();
                send.write_all(&question).await.unwrap();
                send.finish().unwrap();
                connection.closed().await
            });
        }
        connections.join_all().await
    });
    let mut dialling = JoinSet::new();
    for n in 0..CONNECTIONS {
        let (endpoint, addr) = (pair.dialling.clone(), addr_over(&pair.accepting, pair.transport));
        let options = ConnectOptions::default().prefer(Prefer::Only(pair.transport));
        dialling.spawn(async move {
            let connection = endpoint.connect_with(addr, ALPN, options).await.unwrap();
            let (mut send, mut recv) = connection.open_bi().await.unwrap();
            send.write_all(n.to_string().as_bytes()).await.unwrap();
            send.finish().unwrap();
            assert_eq!(recv.read_to_end(100).await.unwrap(), n.to_string().as_bytes());
            connection.close(n as u64, b"");
        });
    }
    dialling.join_all().await;
    let mut codes: Vec<_> = answering
        .await
        .unwrap()
        .into_iter()
        .map(|error| match error {
            ConnectionError::ApplicationClosed { code, .. } => code,
            other => panic!("{other:?}"),
        })
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, (0..CONNECTIONS as u64).collect::<Vec<_>>());
    assert_eq!(pair.dialler.close_reason(), None);
}

pub async fn a_closed_endpoint_accepts_and_dials_nothing_and_frees_its_ports(pair: Pair) {
    let bound = pair.accepting.local_addrs()[0].socket_addr();
    let waiting = tokio::spawn({
        let accepting = pair.accepting.clone();
        async move { accepting.accept().await.is_none() }
    });
    pair.accepting.close().await;
    assert!(pair.accepting.is_closed());
    assert!(waiting.await.unwrap());
    assert!(pair.accepting.accept().await.is_none());
    let dialled = pair.accepting.connect(pair.dialling.addr(), ALPN).await;
    assert_eq!(dialled.map(|_| ()), Err(ConnectError::EndpointClosed));
    assert_eq!(pair.acceptor.close_reason(), Some(ConnectionError::LocallyClosed));
    let expected = ConnectionError::ApplicationClosed { code: 0, reason: "endpoint closed".into() };
    assert_eq!(pair.dialler.closed().await, expected);
    // Though handles of the endpoint and the connection are still held here.
    match pair.transport {
        Transport::Quic => drop(UdpSocket::bind(bound).unwrap()),
        Transport::Tcp => drop(TcpListener::bind(bound).unwrap()),
    }
    pair.accepting.close().await;
}

pub async fn connections_outlive_a_dropped_endpoint(pair: Pair) {
    let Pair { dialler, acceptor, dialling, accepting, transport } = pair;
    let addr = addr_over(&accepting, transport);
    drop((dialling, accepting));
    let mut send = dialler.open_uni().await.unwrap();
    send.write_all(b"still here").await.unwrap();
    send.finish().unwrap();
    assert_eq!(acceptor.accept_uni().await.unwrap().read_to_end(100).await.unwrap(), b"still here");
    // But nobody accepts there any more.
    let other = Endpoint::builder()
        .bind(loopback())
        .transports(Transports::Only(transport))
        .handshake_timeout(Duration::from_secs(2))
        .build()
        .await
        .unwrap();
    let error = other.connect(addr, ALPN).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
}

pub async fn an_idle_connection_is_kept_alive(pair: Pair) {
    const IDLE: Duration = Duration::from_millis(800);
    let build = || {
        Endpoint::builder()
            .alpns([ALPN])
            .bind(loopback())
            .transports(Transports::Only(pair.transport))
            .max_idle_timeout(IDLE)
            .build()
    };
    let (dialling, accepting) = (build().await.unwrap(), build().await.unwrap());
    let (dialler, acceptor) = connect(&dialling, &accepting, pair.transport, ALPN).await;
    assert!(timeout(IDLE * 4, dialler.closed()).await.is_err());
    assert_eq!(acceptor.close_reason(), None);
}
