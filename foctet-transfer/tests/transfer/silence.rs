//! A network that swallows everything for a while: neither side is told, and both find out by the silence.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foctet_core::{NodeAddr, TransportAddr};
use foctet_net::{DirectPolicy, Endpoint, Transport, Transports};
use foctet_transfer::wire::ALPN;
use foctet_transfer::{Event, Incoming, Offer, Reconnect, SaveOptions, ScanOptions, SendError, Sender};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::pair::secret;
use crate::tree::{noise, snapshot, write};

/// How long both sides bear silence here.
const IDLE: Duration = Duration::from_millis(1500);

/// Passes packets between one client and `to` while `open`.
async fn pass(socket: UdpSocket, to: SocketAddr, open: Arc<AtomicBool>) {
    let mut packet = vec![0; 65_536];
    let mut client = None;
    loop {
        let Ok((len, from)) = socket.recv_from(&mut packet).await else { continue };
        if from != to {
            client = Some(from);
        }
        let target = if from == to { client } else { Some(to) };
        if let (Some(target), true) = (target, open.load(Ordering::Relaxed)) {
            socket.send_to(&packet[..len], target).await.ok();
        }
    }
}

async fn endpoint() -> Endpoint {
    let builder = Endpoint::builder().alpns([ALPN]).bind(([127, 0, 0, 1], 0).into());
    let builder = builder.transports(Transports::Only(Transport::Quic)).max_idle_timeout(IDLE);
    // Else they would find a path around what swallows everything.
    let builder = builder.direct(DirectPolicy::Never);
    builder.build().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_goes_on_after_silence_that_nobody_was_told_of() {
    let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(from.path().join("f"), noise(1, 24 << 20));
    let offer = Offer::scan(&[from.path().join("f")], &ScanOptions::default()).unwrap();
    let sender = Sender::new(Arc::new(offer), secret());
    let (sending, receiving) = (endpoint().await, endpoint().await);

    let to = sending.addr().udp().next().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let through = TransportAddr::Udp(socket.local_addr().unwrap());
    let through = NodeAddr::new(sending.id()).with_addr(through);
    let open = Arc::new(AtomicBool::new(true));
    let passing = tokio::spawn(pass(socket, to, Arc::clone(&open)));

    let serving = tokio::spawn(async move {
        let mut served = JoinSet::new();
        for _ in 0..2 {
            let (connection, sender) = (sending.accept().await.unwrap(), sender.clone());
            served.spawn(async move { sender.serve(&connection, |_| ()).await });
        }
        served.join_all().await
    });
    let reconnect = {
        let (receiving, through) = (receiving.clone(), through.clone());
        Reconnect::new(move || {
            let (receiving, through) = (receiving.clone(), through.clone());
            async move { receiving.connect(through, ALPN).await }
        })
    };
    let swallowed = AtomicBool::new(false);
    let events = |event| match event {
        Event::Progress { bytes, .. } if bytes >= 4 << 20 && !swallowed.swap(true, Ordering::Relaxed) => {
            open.store(false, Ordering::Relaxed);
        }
        Event::Interrupted { .. } => open.store(true, Ordering::Relaxed),
        _ => {}
    };
    let connection = receiving.connect(through, ALPN).await.unwrap();
    let incoming = Incoming::fetch_and_hold(&connection, &secret(), reconnect, |_| ()).await.unwrap();
    let received = incoming.save_into(into.path(), &SaveOptions::default(), events).await.unwrap();
    assert_eq!(received.bytes, 24 << 20);
    assert_eq!(snapshot(into.path()), snapshot(from.path()));
    let sent = serving.await.unwrap();
    assert_eq!(sent.iter().filter(|sent| sent.is_ok()).count(), 1, "{sent:?}");
    for lost in sent.iter().filter_map(|sent| sent.as_ref().err()) {
        assert!(matches!(lost, SendError::ConnectionLost(_) | SendError::Replaced), "{lost:?}");
    }
    passing.abort();
}
