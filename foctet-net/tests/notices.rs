//! Notices of an acceptor's relays, as another program would take or write them.
//!
//! In virtual time. The peers here are noq alone, with a node's identity.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::{NodeAddr, Notice, NoticeReader, RelayAddr, RelayHost, SecretKey, TransportAddr};
use foctet_net::{Connection, DirectPolicy, Endpoint, Identity, SERVER_NAME, Transport, Transports};
use noq::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use tokio::time::{Instant, sleep, timeout};

const ALPN: &[u8] = b"notices/1";

/// The close code of the specification.
const NO_HELLO: u64 = 0x0046_4f43_5445_5402;

/// The longest that anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A relay that nobody is.
fn nowhere(n: u8) -> RelayAddr {
    let id = SecretKey::from_bytes([n; 32]).node_id();
    RelayAddr::new(id, RelayHost::Ip([127, 0, 0, 1].into()), 1)
}

fn transport(paths: u32) -> Arc<noq::TransportConfig> {
    let mut transport = noq::TransportConfig::default();
    transport.max_concurrent_multipath_paths(paths);
    Arc::new(transport)
}

/// A dialler that is no endpoint of ours.
async fn dial(accepting: &Endpoint, paths: u32) -> noq::Connection {
    let identity = Identity::new(&SecretKey::from_bytes([3; 32])).unwrap();
    let tls = identity.client_config(accepting.id(), vec![ALPN.to_vec()]);
    let mut config = noq::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    config.transport_config(transport(paths));
    let endpoint = noq::Endpoint::client(loopback()).unwrap();
    let to = accepting.addr().udp().next().unwrap();
    endpoint.connect_with(config, to, SERVER_NAME).unwrap().await.unwrap()
}

async fn say(connection: &noq::Connection, hello: &[u8]) {
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(hello).await.unwrap();
    stream.finish().unwrap();
}

async fn next(stream: &mut noq::RecvStream, reader: &mut NoticeReader) -> Notice {
    loop {
        if let Some(notice) = reader.next().unwrap() {
            return notice;
        }
        reader.push(&stream.read_chunk(1500).await.unwrap().expect("the stream stays open"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialler_that_asks_for_notices_gets_them_once_it_is_accepted_and_at_most_one_a_second() {
    for policy in [DirectPolicy::WhenAccepted, DirectPolicy::Never, DirectPolicy::Manual] {
        let relays = [nowhere(1), nowhere(2)];
        let builder =
            Endpoint::builder().alpns([ALPN]).bind(loopback()).direct(policy).relays(relays.clone());
        let accepting = builder.build().await.unwrap();
        let connection = dial(&accepting, 4).await;
        say(&connection, &[1, 1, 1]).await;
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.finish().unwrap();
        let mut reader = NoticeReader::default();
        let early = timeout(Duration::from_secs(20), next(&mut recv, &mut reader)).await;
        assert!(early.is_err(), "nobody has accepted: {early:?}");

        let accepted = timeout(PATIENCE, accepting.accept()).await.unwrap().unwrap();
        if policy == DirectPolicy::Manual {
            let early = timeout(Duration::from_secs(20), next(&mut recv, &mut reader)).await;
            assert!(early.is_err(), "the application has not allowed it: {early:?}");
            accepted.allow_direct();
        }
        let told = timeout(PATIENCE, next(&mut recv, &mut reader)).await.unwrap();
        assert_eq!(told, Notice::Relays(relays.to_vec()));

        // As fast as it can be changed.
        let begun = Instant::now();
        for n in 3..40 {
            accepting.set_relays([nowhere(n)]);
            sleep(Duration::from_millis(50)).await;
        }
        let mut notices = 0;
        while timeout(PATIENCE, next(&mut recv, &mut reader)).await.unwrap()
            != Notice::Relays(vec![nowhere(39)])
        {
            notices += 1;
        }
        assert!(notices <= 3, "{notices} in {:?}", begun.elapsed());

        // What comes after it is the application's.
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(b"first").await.unwrap();
        let (_send, mut recv) = timeout(PATIENCE, accepted.accept_bi()).await.unwrap().unwrap();
        assert_eq!(recv.id().value(), 4);
        assert_eq!(recv.read_chunk(10).await.unwrap().unwrap(), "first");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialler_that_asks_for_notices_and_opens_no_stream_for_them_has_not_said_hello() {
    let accepting = Endpoint::builder().alpns([ALPN]).bind(loopback()).build().await.unwrap();
    let connection = dial(&accepting, 4).await;
    say(&connection, &[1, 1, 1]).await;
    match timeout(PATIENCE, connection.closed()).await.unwrap() {
        noq::ConnectionError::ApplicationClosed(close) => assert_eq!(close.error_code.into_inner(), NO_HELLO),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_is_one_path_nobody_takes_notices() {
    let accepting = Endpoint::builder().alpns([ALPN]).bind(loopback()).build().await.unwrap();
    let connection = dial(&accepting, 0).await;
    say(&connection, &[1, 1, 1]).await;
    let accepted = timeout(PATIENCE, accepting.accept()).await.unwrap().unwrap();
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    send.write_all(b"first").await.unwrap();
    assert_eq!(timeout(PATIENCE, accepted.accept_bi()).await.unwrap().unwrap().1.id().value(), 0);
}

/// An acceptor that is no endpoint of ours, and a connection to it whose notices it writes.
struct Acceptor {
    connection: Connection,
    notices: noq::SendStream,
    theirs: noq::Connection,
    _endpoint: noq::Endpoint,
}

async fn acceptor(dialling: &Endpoint, relays: impl IntoIterator<Item = RelayAddr>) -> Acceptor {
    let identity = Identity::new(&SecretKey::from_bytes([4; 32])).unwrap();
    let tls = identity.server_config(vec![ALPN.to_vec()], Arc::new(|_| true)).unwrap();
    let mut config = noq::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    config.transport_config(transport(4));
    let endpoint = noq::Endpoint::server(config, loopback()).unwrap();
    let place = TransportAddr::udp(endpoint.local_addr().unwrap());
    let addr = NodeAddr::new(identity.id()).with_addr(place).with_relays(relays);
    let accept = async {
        let theirs = endpoint.accept().await.unwrap().await.unwrap();
        let hello = theirs.accept_uni().await.unwrap().read_to_end(256).await.unwrap();
        assert_eq!(hello, [1, 1, 1]);
        let (notices, mut nothing) = theirs.accept_bi().await.unwrap();
        assert_eq!(nothing.read_to_end(0).await.unwrap(), b"");
        (theirs, notices)
    };
    let connecting = async { tokio::join!(dialling.connect(addr, ALPN), accept) };
    let (connection, (theirs, notices)) = timeout(PATIENCE, connecting).await.unwrap();
    Acceptor { connection: connection.unwrap(), notices, theirs, _endpoint: endpoint }
}

#[tokio::test(start_paused = true)]
async fn however_many_relays_a_peer_tells_of_few_are_dialled() {
    let dialling = Endpoint::builder()
        .bind(loopback())
        .relay_transports(Transports::Only(Transport::Tcp))
        .build()
        .await
        .unwrap();
    let mut peer = acceptor(&dialling, [nowhere(1), nowhere(2)]).await;
    let flood = async {
        // Four new ones in each, as many as the streams' window takes, and on.
        loop {
            for n in (10..250).step_by(4) {
                let relays = (n..n + 4).map(nowhere).collect();
                peer.notices.write_all(&Notice::Relays(relays).encode()).await.unwrap();
            }
        }
    };
    let mut tried = BTreeSet::new();
    let mut state = dialling.watch_relays();
    let look = async {
        loop {
            let ids: Vec<_> = state.borrow_and_update().relays.iter().map(|relay| relay.addr.id()).collect();
            assert!(ids.len() <= 4, "{ids:?}");
            tried.extend(ids);
            state.changed().await.unwrap();
        }
    };
    let minute = timeout(Duration::from_secs(60), async { tokio::join!(flood, look) });
    assert!(minute.await.is_err());
    assert!((6..=2 + 3 * 4).contains(&tried.len()), "{}", tried.len());
    assert_eq!(peer.connection.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn malformed_notices_and_their_end_cost_nothing_but_further_ones() {
    let dialling = Endpoint::builder()
        .bind(loopback())
        .relay_transports(Transports::Only(Transport::Tcp))
        .build()
        .await
        .unwrap();
    for words in [&[1, 0xff, 0xff][..], &[1, 0, 1, 7], &[9, 0, 0], &[]] {
        let mut peer = acceptor(&dialling, [nowhere(1)]).await;
        let skipped = words.first() == Some(&9);
        peer.notices.write_all(words).await.unwrap();
        if words.is_empty() {
            peer.notices.finish().unwrap();
        } else {
            peer.notices.write_all(&Notice::Relays(vec![nowhere(2)]).encode()).await.unwrap();
        }
        let knows = |relay: RelayAddr| dialling.relays().iter().any(|status| status.addr.id() == relay.id());
        sleep(Duration::from_secs(10)).await;
        assert_eq!(knows(nowhere(2)), skipped, "{words:?}");
        assert!(skipped || knows(nowhere(1)), "{words:?}");
        // Both ends live.
        let mut stream = peer.theirs.open_uni().await.unwrap();
        stream.write_all(b"here").await.unwrap();
        let mut theirs = timeout(PATIENCE, peer.connection.accept_uni()).await.unwrap().unwrap();
        assert_eq!(theirs.read_chunk(10).await.unwrap().unwrap(), "here");
        drop((theirs, peer));
        sleep(Duration::from_secs(60)).await;
        assert!(dialling.relays().is_empty(), "nothing is left behind");
    }
}
