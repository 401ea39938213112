//! Several paths of one connection: found, chosen, left when they die.
//!
//! In virtual time. The first path leads through a proxy on loopback that can be told to swallow everything; the others
//! are found by NAT traversal, which finds what there is on loopback too.
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
    ConnectOptions, Connection, DirectPolicy, Endpoint, PathEvent, PathEvents, Prefer, Transport,
};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const ALPN: &[u8] = b"paths/1";

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Two ends, and the proxy between them. Ends with the test.
struct Between {
    dialler: Connection,
    acceptor: Connection,
    /// Whether the proxy passes anything.
    open: watch::Sender<bool>,
    proxy: SocketAddr,
    straight: SocketAddr,
    _endpoints: [Endpoint; 2],
    _tasks: JoinSet<()>,
}

async fn between(policy: DirectPolicy) -> Between {
    let build = || Endpoint::builder().alpns([ALPN]).bind(loopback()).direct(policy).build();
    let (dialling, accepting) = (build().await.unwrap(), build().await.unwrap());
    let open = watch::Sender::new(true);
    let mut tasks = JoinSet::new();
    let socket = UdpSocket::bind(loopback()).await.unwrap();
    let proxy = socket.local_addr().unwrap();
    let straight = accepting.addr().udp().next().unwrap();
    tasks.spawn(pass(socket, straight, open.subscribe()));
    let addr = NodeAddr::new(accepting.id()).with_addr(TransportAddr::udp(proxy));
    let options = ConnectOptions::default().prefer(Prefer::Only(Transport::Quic));
    let (dialler, acceptor) = tokio::join!(dialling.connect_with(addr, ALPN, options), accepting.accept());
    Between {
        dialler: dialler.unwrap(),
        acceptor: acceptor.unwrap(),
        open,
        proxy,
        straight,
        _endpoints: [dialling, accepting],
        _tasks: tasks,
    }
}

async fn pass(front: UdpSocket, to: SocketAddr, open: watch::Receiver<bool>) {
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
                tasks.spawn(pass_back(Arc::clone(&front), from, Arc::clone(&back), open.clone()));
                back
            }
        };
        let _ = back.send(&buffer[..length]).await;
    }
}

async fn pass_back(front: Arc<UdpSocket>, to: SocketAddr, back: Arc<UdpSocket>, open: watch::Receiver<bool>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = back.recv(&mut buffer).await {
        if *open.borrow() {
            let _ = front.send_to(&buffer[..length], to).await;
        }
    }
}

fn in_use(connection: &Connection) -> SocketAddr {
    let used: Vec<_> = connection.paths().into_iter().filter(|path| path.in_use).collect();
    assert_eq!(used.len(), 1, "{used:?}");
    assert_eq!(used[0].remote, connection.remote_address());
    used[0].remote
}

async fn event(events: &mut PathEvents, which: impl Fn(&PathEvent) -> bool) -> PathEvent {
    let wanted = async {
        loop {
            let event = events.next().await.expect("the connection lives");
            if which(&event) {
                return event;
            }
        }
    };
    timeout(Duration::from_secs(30), wanted).await.expect("in time")
}

async fn second_path(connection: &Connection) {
    let found = async {
        while connection.paths().len() < 2 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), found).await.expect("a second path opens");
}

/// Sends until told to stop; the other end notes the longest time without anything new.
async fn longest_stall(from: &Connection, to: &Connection, meanwhile: impl Future<Output = ()>) -> Duration {
    let mut send = from.open_uni().await.unwrap();
    send.write_all(b"!").await.unwrap();
    let mut recv = to.accept_uni().await.unwrap();
    recv.read_exact(&mut [0]).await.unwrap();
    let stop = watch::Sender::new(false);
    let sending = async {
        let block = [7; 1000];
        while !*stop.borrow() {
            send.write_all(&block).await.unwrap();
            sleep(Duration::from_millis(5)).await;
        }
        send.finish().unwrap();
        send.delivered().await.unwrap();
    };
    let receiving = async {
        let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
        let mut buffer = [0; 4096];
        while recv.read(&mut buffer).await.unwrap().is_some() {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        longest
    };
    let control = async {
        meanwhile.await;
        stop.send_replace(true);
    };
    let ((), longest, ()) = tokio::join!(sending, receiving, control);
    longest
}

#[tokio::test(start_paused = true)]
async fn a_second_path_is_found_and_takes_over_when_the_first_falls_silent() {
    for dialler_sends in [true, false] {
        let between = between(DirectPolicy::WhenAccepted).await;
        let (dialler, acceptor) = (&between.dialler, &between.acceptor);
        let mut events = dialler.path_events();
        second_path(dialler).await;
        second_path(acceptor).await;
        assert_eq!(in_use(dialler), between.proxy, "an idle, healthy path is not left");

        let (from, to) = if dialler_sends { (dialler, acceptor) } else { (acceptor, dialler) };
        let stall = longest_stall(from, to, async {
            sleep(Duration::from_secs(3)).await;
            between.open.send_replace(false);
            sleep(Duration::from_secs(7)).await;
        })
        .await;
        println!("longest stall: {stall:?}, dialler sends: {dialler_sends}");
        assert!(stall < Duration::from_secs(1), "{stall:?}");
        assert_eq!(in_use(dialler), between.straight);
        assert_eq!(dialler.paths().len(), 1, "the dead one is closed");
        assert_eq!(acceptor.paths().len(), 1);
        let selected = event(&mut events, |event| matches!(event, PathEvent::Selected { .. })).await;
        let PathEvent::Selected { path, why } = selected else { unreachable!() };
        assert!(path.remote == between.proxy || path.remote == between.straight, "{path:?} {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_address_is_told_before_it_is_allowed() {
    let between = between(DirectPolicy::Manual).await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(between.dialler.paths().len(), 1);
    between.dialler.allow_direct();
    sleep(Duration::from_secs(20)).await;
    assert_eq!(between.dialler.paths().len(), 1, "the acceptor has told nothing");
    between.acceptor.allow_direct();
    second_path(&between.dialler).await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_tells_its_addresses_has_one_path() {
    let between = between(DirectPolicy::Never).await;
    between.dialler.allow_direct();
    between.acceptor.allow_direct();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(between.dialler.paths().len(), 1);
    assert_eq!(between.acceptor.paths().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_only_path_is_over_within_three_seconds_of_its_end() {
    for seconds in [5, 10, 25] {
        let between = between(DirectPolicy::Never).await;
        let outage = Duration::from_secs(seconds);
        let stall = longest_stall(&between.dialler, &between.acceptor, async {
            sleep(Duration::from_secs(3)).await;
            between.open.send_replace(false);
            sleep(outage).await;
            between.open.send_replace(true);
            sleep(Duration::from_secs(5)).await;
        })
        .await;
        println!("outage of {outage:?}: longest stall {stall:?}");
        assert!(stall < outage + Duration::from_secs(3), "{stall:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn healthy_paths_are_neither_closed_nor_changed() {
    let between = between(DirectPolicy::WhenAccepted).await;
    second_path(&between.dialler).await;
    let mut events = between.dialler.path_events();
    let stall = longest_stall(&between.dialler, &between.acceptor, sleep(Duration::from_secs(30))).await;
    assert!(stall < Duration::from_secs(1), "{stall:?}");
    let changes = async {
        loop {
            match events.next().await.expect("the connection lives") {
                PathEvent::Opened(_) => {}
                other => return other,
            }
        }
    };
    let change = timeout(Duration::from_secs(300), changes).await;
    assert!(change.is_err(), "{change:?}");
    assert_eq!(in_use(&between.dialler), between.proxy);
}
