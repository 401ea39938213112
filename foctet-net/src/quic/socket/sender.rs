use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use noq::UdpSender;
use noq::udp::{Transmit, is_msg_size_err};

use super::{Sockets, UdpSocket, from_noq, is_mapped};

type Writable = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

/// What one task of noq's sends through. Each has a waker of its own, so that tasks do not steal one another's.
pub(super) struct Sender {
    sockets: Arc<Sockets>,
    from: From,
    /// The wait for room in a socket's send buffer, if there was none the last time.
    waiting: Option<Writable>,
}

/// Which task that is.
pub(super) enum From {
    /// The endpoint's: it answers who is no connection's peer.
    Endpoint,
    /// A connection's, and where it first sent.
    Connection(Option<SocketAddr>),
}

impl Sender {
    pub(super) fn new(sockets: Arc<Sockets>, from: From) -> Self {
        Self { sockets, from, waiting: None }
    }
}

impl From {
    fn first(&mut self, destination: SocketAddr) -> Option<SocketAddr> {
        match self {
            Self::Endpoint => None,
            Self::Connection(first) => Some(*first.get_or_insert(destination)),
        }
    }
}

impl UdpSender for Sender {
    fn poll_send(
        mut self: Pin<&mut Self>,
        transmit: &Transmit<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let outgoing = Transmit {
            destination: from_noq(transmit.destination),
            ecn: transmit.ecn,
            contents: transmit.contents,
            segment_size: transmit.segment_size,
            src_ip: transmit.src_ip.map(|ip| ip.to_canonical()),
        };
        let first = this.from.first(outgoing.destination);
        let flight = this.sockets.fan_out.flight_of(transmit.contents);
        if is_mapped(outgoing.destination.ip()) {
            // It never waits, or one relayed path would hold up every other path of its connection.
            this.sockets.relayed.send(outgoing.destination, outgoing.contents, outgoing.segment_size);
        } else if this.waiting.is_none() && !this.sockets.admits(&outgoing, first) {
            tracing::debug!(to = %outgoing.destination, "a UDP packet was held back: nobody is heard from there");
        } else {
            match this.sockets.route(outgoing.destination, outgoing.src_ip) {
                Some(socket) => {
                    let sent = ready!(poll_socket(&socket, &mut this.waiting, &outgoing, cx));
                    if let Err(error) = &sent
                        && !is_msg_size_err(error)
                    {
                        tracing::debug!(%error, to = %outgoing.destination, "a UDP packet was not sent");
                    }
                    if let Some(flight) = &flight {
                        flight.note(outgoing.destination, sent);
                    }
                }
                None => tracing::debug!(to = %outgoing.destination, "no UDP socket of this family"),
            }
        }
        if let Some(flight) = flight {
            flight.keep(outgoing.contents, outgoing.segment_size);
            for &copy in flight.copies(outgoing.destination) {
                let transmit = Transmit {
                    destination: copy,
                    ecn: outgoing.ecn,
                    contents: outgoing.contents,
                    segment_size: outgoing.segment_size,
                    src_ip: None,
                };
                // Never waits: a copy that finds no room is a packet lost, and is sent again in time.
                if is_mapped(copy.ip()) {
                    this.sockets.relayed.send(copy, outgoing.contents, outgoing.segment_size);
                } else if this.sockets.admits(&transmit, first)
                    && let Some(socket) = this.sockets.route(copy, None)
                {
                    flight.note(copy, socket.try_send(&transmit));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn max_transmit_segments(&self) -> NonZeroUsize {
        self.sockets.max_transmit_segments()
    }
}

/// Sends, waiting for room. The result is what the kernel says of this packet, and no reason to stop.
fn poll_socket(
    socket: &Arc<UdpSocket>,
    waiting: &mut Option<Writable>,
    transmit: &Transmit<'_>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    loop {
        if let Some(writable) = waiting {
            let writable = ready!(writable.as_mut().poll(cx));
            *waiting = None;
            if let Err(error) = writable {
                return Poll::Ready(Err(error));
            }
        }
        match try_send(socket, transmit) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let socket = Arc::clone(socket);
                *waiting = Some(Box::pin(async move { socket.io.writable().await }));
            }
            sent => return Poll::Ready(sent),
        }
    }
}

/// Sends from the address that noq wants. Where the kernel has no way from there, as when the machine is in another network
/// by now, from the one that it chooses: noq keeps to an address until something comes in at another.
fn try_send(socket: &UdpSocket, transmit: &Transmit<'_>) -> io::Result<()> {
    match socket.try_send(transmit) {
        Err(error)
            if transmit.src_ip.is_some()
                && error.kind() != io::ErrorKind::WouldBlock
                && !is_msg_size_err(&error) =>
        {
            let from_anywhere = Transmit {
                destination: transmit.destination,
                ecn: transmit.ecn,
                contents: transmit.contents,
                segment_size: transmit.segment_size,
                src_ip: None,
            };
            socket.try_send(&from_anywhere)
        }
        sent => sent,
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_packet_gets_out_although_its_source_address_is_gone() {
        let bind = |addr: [u8; 4]| std::net::UdpSocket::bind(SocketAddr::from((addr, 0))).unwrap();
        let (from, to) = (bind([0, 0, 0, 0]), bind([127, 0, 0, 1]));
        from.set_nonblocking(true).unwrap();
        let socket = UdpSocket::new(from).unwrap();
        let transmit = Transmit {
            destination: to.local_addr().unwrap(),
            ecn: None,
            contents: b"x",
            segment_size: None,
            // Nobody's (RFC 5737).
            src_ip: Some([192, 0, 2, 1].into()),
        };
        socket.io.writable().await.unwrap();
        try_send(&socket, &transmit).unwrap();
        to.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        assert_eq!(to.recv(&mut [0; 8]).unwrap(), 1);
    }
}
