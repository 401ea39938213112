//! A peer that vanishes: what was a connection is a pair of sockets between which nothing passes any more.
//!
//! In virtual time, over a proxy on loopback that can be told to swallow everything.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::{NodeAddr, TransportAddr};
use foctet_net::{
    ConnectOptions, Connection, ConnectionError, DirectPolicy, Endpoint, PathEvent, Prefer, ReadError,
    Transport, WriteError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const ALPN: &[u8] = b"silence/1";

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Two ends, and the proxy between them. Ends with the test.
struct Between {
    dialler: Connection,
    acceptor: Connection,
    /// Whether anything passes.
    open: watch::Sender<bool>,
    _endpoints: [Endpoint; 2],
    _proxy: JoinSet<()>,
}

async fn between(transport: Transport) -> Between {
    // No other path shall be found: nothing reaches the peer but through the proxy.
    let build = || Endpoint::builder().alpns([ALPN]).bind(loopback()).direct(DirectPolicy::Never).build();
    let (dialling, accepting) = (build().await.unwrap(), build().await.unwrap());
    let open = watch::Sender::new(true);
    let mut proxy = JoinSet::new();
    let addr = match transport {
        Transport::Quic => {
            let socket = UdpSocket::bind(loopback()).await.unwrap();
            let addr = TransportAddr::udp(socket.local_addr().unwrap());
            proxy.spawn(proxy_udp(socket, accepting.addr().udp().next().unwrap(), open.subscribe()));
            addr
        }
        Transport::Tcp => {
            let listener = TcpListener::bind(loopback()).await.unwrap();
            let addr = TransportAddr::tcp(listener.local_addr().unwrap());
            proxy.spawn(proxy_tcp(listener, accepting.addr().tcp().next().unwrap(), open.subscribe()));
            addr
        }
    };
    let addr = NodeAddr::new(accepting.id()).with_addr(addr);
    let options = ConnectOptions::default().prefer(Prefer::Only(transport));
    let (dialler, acceptor) = tokio::join!(dialling.connect_with(addr, ALPN, options), accepting.accept());
    Between {
        dialler: dialler.unwrap(),
        acceptor: acceptor.unwrap(),
        open,
        _endpoints: [dialling, accepting],
        _proxy: proxy,
    }
}

async fn proxy_udp(front: UdpSocket, to: SocketAddr, open: watch::Receiver<bool>) {
    let front = Arc::new(front);
    let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, from) = front.recv_from(&mut buffer).await.unwrap();
        if !*open.borrow() {
            continue;
        }
        let known = backs.get(&from).cloned();
        let back = match known {
            Some(back) => back,
            None => {
                let back = Arc::new(UdpSocket::bind(loopback()).await.unwrap());
                back.connect(to).await.unwrap();
                backs.insert(from, Arc::clone(&back));
                tasks.spawn(answer_udp(Arc::clone(&front), from, Arc::clone(&back), open.clone()));
                back
            }
        };
        let _ = back.send(&buffer[..length]).await;
    }
}

async fn answer_udp(
    front: Arc<UdpSocket>,
    from: SocketAddr,
    back: Arc<UdpSocket>,
    open: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = back.recv(&mut buffer).await {
        if *open.borrow() {
            front.send_to(&buffer[..length], from).await.unwrap();
        }
    }
}

async fn proxy_tcp(listener: TcpListener, to: SocketAddr, open: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect(to).await.unwrap();
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();
        let (near_read, near_write) = near.into_split();
        let (far_read, far_write) = far.into_split();
        tasks.spawn(pump(near_read, far_write, open.clone()));
        tasks.spawn(pump(far_read, near_write, open.clone()));
    }
}

/// Passes bytes on while open. While not, it does not even read, as behind a link that is down.
async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut open: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        open.wait_for(|open| *open).await.unwrap();
        let length = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = open.wait_for(|open| !*open) => continue,
        };
        open.wait_for(|open| *open).await.unwrap();
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            to.shutdown().await.ok();
            return;
        }
    }
}

async fn a_peer_that_vanishes_times_out(transport: Transport) {
    let between = between(transport).await;
    let (mut send, mut recv) = between.dialler.open_bi().await.unwrap();
    send.write_all(b"!").await.unwrap();
    let (_peer_send, mut peer_recv) = between.acceptor.accept_bi().await.unwrap();
    peer_recv.read_exact(&mut [0]).await.unwrap();
    between.open.send_replace(false);
    let begun = Instant::now();
    send.write_all(b"into the void").await.unwrap();
    let mut buffer = [0; 8];
    let (near, far, read, stopped) = tokio::join!(
        between.dialler.closed(),
        between.acceptor.closed(),
        recv.read(&mut buffer),
        send.stopped()
    );
    assert_eq!(near, ConnectionError::TimedOut);
    assert_eq!(far, ConnectionError::TimedOut);
    assert_eq!(stopped, Err(ConnectionError::TimedOut));
    assert_eq!(read, Err(ReadError::ConnectionLost(ConnectionError::TimedOut)));
    assert_eq!(send.write(b"x").await, Err(WriteError::ConnectionLost(ConnectionError::TimedOut)));
    let took = begun.elapsed();
    // Over QUIC what was sent puts the timeout off, up to three of its probes (RFC 9000, section 10.1).
    assert!((Duration::from_secs(44)..Duration::from_secs(100)).contains(&took), "{took:?}");
}

async fn next_within(events: &mut foctet_net::PathEvents, time: Duration) -> Option<PathEvent> {
    loop {
        match timeout(time, events.next()).await.ok()?? {
            // A path that opened or closed is no matter here.
            PathEvent::Opened(_) | PathEvent::Closed { .. } => {}
            event => return Some(event),
        }
    }
}

async fn a_stalled_path_is_told_within_ten_seconds_and_so_is_its_return(transport: Transport) {
    let between = between(transport).await;
    let mut events = between.dialler.path_events();
    // A healthy connection, idle or at work, never stalls.
    assert_eq!(next_within(&mut events, Duration::from_secs(120)).await, None);
    let mut send = between.dialler.open_uni().await.unwrap();
    send.write_all(b"one byte, then a long wait").await.unwrap();
    assert_eq!(next_within(&mut events, Duration::from_secs(120)).await, None);

    between.open.send_replace(false);
    send.write_all(b"into the void").await.unwrap();
    let begun = Instant::now();
    let stalled = next_within(&mut events, Duration::from_secs(30)).await.expect("it is noticed");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let PathEvent::Stalled(path) = stalled else { panic!("{stalled:?}") };
    assert_eq!(path.transport, transport);

    between.open.send_replace(true);
    let recovered = next_within(&mut events, Duration::from_secs(60)).await.expect("it is noticed");
    assert!(matches!(recovered, PathEvent::Recovered(_)), "{recovered:?}");
    send.finish().unwrap();
    send.delivered().await.unwrap();
}

mod quic {
    use foctet_net::Transport::Quic;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_vanishes_times_out() {
        super::a_peer_that_vanishes_times_out(Quic).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_path_is_told_within_ten_seconds_and_so_is_its_return() {
        super::a_stalled_path_is_told_within_ten_seconds_and_so_is_its_return(Quic).await;
    }
}

mod tcp {
    use foctet_net::Transport::Tcp;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_vanishes_times_out() {
        super::a_peer_that_vanishes_times_out(Tcp).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_path_is_told_within_ten_seconds_and_so_is_its_return() {
        super::a_stalled_path_is_told_within_ten_seconds_and_so_is_its_return(Tcp).await;
    }
}
