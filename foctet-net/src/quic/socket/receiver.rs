use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use noq::udp::RecvMeta;
use noq::{AsyncUdpSocket, UdpSender};
use tokio::time::{Instant, Sleep, sleep};

use super::sender::{From, Sender};
use super::{Sockets, UdpSocket, ip_to_noq, to_noq};

/// Errors in a row that are read away from a socket in one go. The kernel queues one for each ICMP message, and
/// reading clears it.
const ERRORS_IN_A_ROW: usize = 16;

/// How long a socket rests that gives nothing but errors.
const REST: Duration = Duration::from_millis(100);

/// How long one address need not be noted again as one that answers.
const HEARD_FOR: Duration = Duration::from_secs(1);

/// What noq takes for its socket.
pub(crate) struct Receiver {
    sockets: Arc<Sockets>,
    /// Which socket is asked first, so that none starves another; the packets from relays count as one more.
    next: usize,
    /// Who was heard last, and when: most packets come from few.
    heard: Option<(SocketAddr, Instant)>,
    /// For each socket, until when it rests after errors.
    resting: Vec<Option<Pin<Box<Sleep>>>>,
    /// Whether noq has the sender of its endpoint: it asks for that before there is any connection.
    has_own: AtomicBool,
}

impl Receiver {
    pub(crate) fn new(sockets: Arc<Sockets>) -> Self {
        let resting = sockets.list().iter().map(|_| None).collect();
        Self { sockets, next: 0, heard: None, resting, has_own: AtomicBool::new(false) }
    }
}

impl AsyncUdpSocket for Receiver {
    fn create_sender(&self) -> Pin<Box<dyn UdpSender>> {
        let from =
            if self.has_own.swap(true, Ordering::Relaxed) { From::Connection(None) } else { From::Endpoint };
        Box::pin(Sender::new(Arc::clone(&self.sockets), from))
    }

    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let sockets = self.sockets.list();
        let sources = sockets.len() + 1;
        for offset in 0..sources {
            let index = (self.next + offset) % sources;
            if index == sockets.len() {
                if let Poll::Ready(received) = self.sockets.relayed.inbox().poll_recv(cx, buffers, meta) {
                    self.next = index + 1;
                    for (meta, buffer) in meta.iter_mut().zip(buffers.iter()).take(received) {
                        if !self.sockets.fan_out.admits(buffer.get(..meta.len).unwrap_or_default()) {
                            meta.len = 0;
                        }
                    }
                    return Poll::Ready(Ok(received));
                }
                continue;
            }
            let (Some(socket), Some(resting)) = (sockets.get(index), self.resting.get_mut(index)) else {
                continue;
            };
            if let Poll::Ready(received) = poll_socket(socket, resting, cx, buffers, meta) {
                self.next = index + 1;
                for (meta, buffer) in meta.iter_mut().zip(buffers.iter()).take(received) {
                    if !self.sockets.hears(meta.addr) {
                        meta.len = 0;
                        continue;
                    }
                    note_heard(&mut self.heard, &self.sockets, meta.addr);
                    // What came in one buffer came from one address, and so from one node.
                    if !self.sockets.fan_out.admits(buffer.get(..meta.len).unwrap_or_default()) {
                        meta.len = 0;
                    }
                    meta.addr = to_noq(meta.addr);
                    meta.dst_ip = meta.dst_ip.map(ip_to_noq);
                }
                return Poll::Ready(Ok(received));
            }
        }
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.sockets.nominal)
    }

    fn max_receive_segments(&self) -> NonZeroUsize {
        self.sockets.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.sockets.may_fragment()
    }
}

fn note_heard(last: &mut Option<(SocketAddr, Instant)>, sockets: &Sockets, from: SocketAddr) {
    let now = Instant::now();
    if last.is_none_or(|(addr, at)| addr != from || now.duration_since(at) >= HEARD_FOR) {
        *last = Some((from, now));
        sockets.guard.heard(from);
    }
}

/// Takes what one socket has. Never an error: noq would end the endpoint for it.
fn poll_socket(
    socket: &UdpSocket,
    resting: &mut Option<Pin<Box<Sleep>>>,
    cx: &mut Context<'_>,
    buffers: &mut [IoSliceMut<'_>],
    meta: &mut [RecvMeta],
) -> Poll<usize> {
    loop {
        if let Some(rest) = resting {
            ready!(rest.as_mut().poll(cx));
            *resting = None;
        }
        let mut errors = 0;
        while errors < ERRORS_IN_A_ROW {
            let received = match ready!(socket.io.poll_recv_ready(cx)) {
                Ok(()) => socket.try_recv(buffers, meta),
                Err(error) => Err(error),
            };
            match received {
                Ok(received) => return Poll::Ready(received),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    tracing::debug!(%error, "a UDP socket reports an error");
                    errors += 1;
                }
            }
        }
        *resting = Some(Box::pin(sleep(REST)));
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("nominal", &self.sockets.nominal).finish_non_exhaustive()
    }
}
