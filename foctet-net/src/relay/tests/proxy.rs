//! What lies between a client and a relay, and can be told to swallow everything.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::fake::loopback;
use crate::Transport;

/// Passes on what it gets for as long as it is open. Ends when dropped.
pub(super) struct Proxy {
    pub(super) addr: SocketAddr,
    open: watch::Sender<bool>,
    /// How often connections were made to hang: those of before do.
    hung: watch::Sender<u64>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn start(transport: Transport, to: SocketAddr) -> Self {
        let open = watch::Sender::new(true);
        let hung = watch::Sender::new(0);
        let mut tasks = JoinSet::new();
        let addr = match transport {
            Transport::Quic => {
                let socket = UdpSocket::bind(loopback()).await.unwrap();
                let addr = socket.local_addr().unwrap();
                tasks.spawn(pass_udp(socket, to, open.subscribe()));
                addr
            }
            Transport::Tcp => {
                let listener = TcpListener::bind(loopback()).await.unwrap();
                let addr = listener.local_addr().unwrap();
                tasks.spawn(pass_tcp(listener, to, open.subscribe(), hung.subscribe()));
                addr
            }
        };
        Self { addr, open, hung, _tasks: tasks }
    }

    pub(super) fn swallow(&self, swallow: bool) {
        self.open.send_replace(!swallow);
    }

    /// The TCP connections that there are pass on nothing any more, as those do whose timers are far apart. New ones do.
    pub(super) fn hang(&self) {
        self.hung.send_modify(|hung| *hung += 1);
    }
}

async fn pass_udp(front: UdpSocket, to: SocketAddr, open: watch::Receiver<bool>) {
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
        back.send(&buffer[..length]).await.ok();
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

async fn pass_tcp(
    listener: TcpListener,
    to: SocketAddr,
    open: watch::Receiver<bool>,
    hung: watch::Receiver<u64>,
) {
    let mut tasks = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect(to).await.unwrap();
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();
        let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
        tasks.spawn(pump(near_read, far_write, open.clone(), hung.clone()));
        tasks.spawn(pump(far_read, near_write, open.clone(), hung.clone()));
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut open: watch::Receiver<bool>,
    mut hung: watch::Receiver<u64>,
) {
    let mut buffer = vec![0; 65_536];
    hung.mark_unchanged();
    loop {
        let length = from.read(&mut buffer).await.unwrap_or(0);
        if hung.has_changed().unwrap_or(true) {
            return std::future::pending().await;
        }
        open.wait_for(|open| *open).await.unwrap();
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            to.shutdown().await.ok();
            return;
        }
    }
}
