mod relayed;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foctet_core::NodeId;
use relayed::Relayed;
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::endpoint::{EndpointLimits, Live};
use crate::error::{ConnectionError, HandshakeError, HandshakeFailure};
use crate::hello;
use crate::limits;
use crate::path::Transport;

/// What comes in, from its first packet to the application's `accept`.
pub(crate) struct Arrivals {
    handshake_timeout: Duration,
    accepted: mpsc::Sender<Connection>,
    failures: broadcast::Sender<HandshakeFailure>,
    live: Arc<Live>,
    half_open: Mutex<HalfOpen>,
    relayed: Mutex<Relayed>,
}

/// How many handshakes are under way, and whose.
struct HalfOpen {
    max: usize,
    max_per_ip: usize,
    quic: usize,
    tcp: usize,
    sources: HashMap<(Transport, IpAddr), usize>,
}

/// One handshake's place within the bounds, given back when dropped.
pub(crate) struct Slot {
    arrivals: Arc<Arrivals>,
    transport: Transport,
    remote: SocketAddr,
    /// The relay and the peer, as it names it.
    relayed: Option<(NodeId, NodeId)>,
}

impl Arrivals {
    pub(crate) fn new(
        handshake_timeout: Duration,
        bounds: &EndpointLimits,
        accepted: mpsc::Sender<Connection>,
        failures: broadcast::Sender<HandshakeFailure>,
        live: Arc<Live>,
    ) -> Self {
        let half_open = Mutex::new(HalfOpen::new(bounds.half_open, bounds.half_open_per_ip));
        Self { handshake_timeout, accepted, failures, live, half_open, relayed: Mutex::default() }
    }

    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    /// How many handshakes are under way over a transport.
    pub(crate) fn half_open(&self, transport: Transport) -> usize {
        let half_open = self.half_open.lock().unwrap_or_else(PoisonError::into_inner);
        half_open.of(transport)
    }

    /// Makes room for a handshake, unless too many are under way.
    pub(crate) fn begin(self: &Arc<Self>, transport: Transport, remote: SocketAddr) -> Option<Slot> {
        let begun = {
            let mut half_open = self.half_open.lock().unwrap_or_else(PoisonError::into_inner);
            half_open.begin(transport, source(remote))
        };
        if !begun {
            self.failed(transport, remote, HandshakeError::Overloaded);
            return None;
        }
        Some(Slot { arrivals: Arc::clone(self), transport, remote, relayed: None })
    }

    /// As [`begin`](Self::begin), over a stream that a relay has spliced; `remote` is the relay's address.
    pub(crate) fn begin_relayed(
        self: &Arc<Self>,
        relay: NodeId,
        peer: NodeId,
        remote: SocketAddr,
    ) -> Option<Slot> {
        let transport = Transport::Tcp;
        if !self.relayed.lock().unwrap_or_else(PoisonError::into_inner).begin(relay, peer) {
            self.failed(transport, remote, HandshakeError::Overloaded);
            return None;
        }
        Some(Slot { arrivals: Arc::clone(self), transport, remote, relayed: Some((relay, peer)) })
    }

    /// Hands a connection to the application once its dialler has said hello.
    pub(crate) async fn admit(&self, connection: Connection, slot: Slot) {
        self.live.add(&connection);
        let heard = async {
            let hello = hello::hear(&connection).await?;
            if hello.takes_notices {
                connection.take_notices_stream().await.map_err(HandshakeError::ConnectionLost)?;
            }
            Ok(())
        };
        match timeout(limits::HELLO_TIMEOUT, heard).await.unwrap_or(Err(HandshakeError::NoHello)) {
            Ok(()) => {}
            Err(HandshakeError::ConnectionLost(ConnectionError::ApplicationClosed { .. })) => {
                tracing::debug!(id = %connection.remote_id().fmt_short(), "the dialler chose another connection");
                return;
            }
            Err(error) => {
                connection.close(hello::close_code(&error), b"");
                self.failed(slot.transport, slot.remote, error);
                return;
            }
        }
        // An application that does not accept keeps the slot taken, and so holds up newcomers, not us.
        tokio::select! {
            permit = self.accepted.reserve() => match permit {
                Ok(permit) => permit.send(connection),
                Err(_) => tracing::debug!("a connection came while the endpoint was closing"),
            },
            error = connection.closed() => {
                self.failed(slot.transport, slot.remote, HandshakeError::ConnectionLost(error));
            }
        }
    }

    pub(crate) fn failed(&self, transport: Transport, remote: SocketAddr, error: HandshakeError) {
        tracing::debug!(%transport, %remote, %error, "an incoming connection failed");
        // Nobody may be listening, which is fine.
        self.failures.send(HandshakeFailure { transport, remote, error }).ok();
    }
}

impl HalfOpen {
    fn new(max: usize, max_per_ip: usize) -> Self {
        Self { max, max_per_ip, quic: 0, tcp: 0, sources: HashMap::new() }
    }

    fn of(&self, transport: Transport) -> usize {
        match transport {
            Transport::Quic => self.quic,
            Transport::Tcp => self.tcp,
        }
    }

    fn of_mut(&mut self, transport: Transport) -> &mut usize {
        match transport {
            Transport::Quic => &mut self.quic,
            Transport::Tcp => &mut self.tcp,
        }
    }

    fn begin(&mut self, transport: Transport, source: IpAddr) -> bool {
        let from_source = self.sources.get(&(transport, source)).copied().unwrap_or_default();
        if self.of(transport) >= self.max || from_source >= self.max_per_ip {
            return false;
        }
        *self.of_mut(transport) += 1;
        self.sources.insert((transport, source), from_source + 1);
        true
    }

    fn end(&mut self, transport: Transport, source: IpAddr) {
        let count = self.of_mut(transport);
        *count = count.saturating_sub(1);
        if let Some(from_source) = self.sources.get_mut(&(transport, source)) {
            *from_source = from_source.saturating_sub(1);
            if *from_source == 0 {
                self.sources.remove(&(transport, source));
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some((relay, peer)) = self.relayed {
            self.arrivals.relayed.lock().unwrap_or_else(PoisonError::into_inner).end(relay, peer);
            return;
        }
        let mut half_open = self.arrivals.half_open.lock().unwrap_or_else(PoisonError::into_inner);
        half_open.end(self.transport, source(self.remote));
    }
}

/// What counts as one source: an IPv4 address, or an IPv6 /64, which is the least that one customer gets.
fn source(remote: SocketAddr) -> IpAddr {
    match remote.ip() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_cannot_take_every_place() {
        let mut half_open = HalfOpen::new(limits::MAX_HALF_OPEN, limits::MAX_HALF_OPEN_PER_IP);
        let greedy = source("192.0.2.1:1".parse().unwrap());
        let begun = (0..1000).filter(|_| half_open.begin(Transport::Tcp, greedy)).count();
        assert_eq!(begun, limits::MAX_HALF_OPEN_PER_IP);
        assert!(half_open.begin(Transport::Tcp, source("192.0.2.2:1".parse().unwrap())));
        assert!(half_open.begin(Transport::Quic, greedy), "the transports are counted apart");
        half_open.end(Transport::Tcp, greedy);
        assert!(half_open.begin(Transport::Tcp, greedy));
    }

    #[test]
    fn many_sources_together_are_bounded_too_and_leave_nothing_behind() {
        let mut half_open = HalfOpen::new(limits::MAX_HALF_OPEN, limits::MAX_HALF_OPEN_PER_IP);
        let sources: Vec<IpAddr> = (0..2000_u32).map(|n| IpAddr::V4(n.into())).collect();
        let begun: Vec<_> = sources.iter().filter(|ip| half_open.begin(Transport::Quic, **ip)).collect();
        assert_eq!(begun.len(), limits::MAX_HALF_OPEN);
        for ip in begun {
            half_open.end(Transport::Quic, *ip);
        }
        assert_eq!(half_open.quic, 0);
        assert!(half_open.sources.is_empty());
    }

    #[test]
    fn an_ipv6_customer_is_one_source() {
        let of = |ip: &str| source(SocketAddr::new(ip.parse().unwrap(), 1));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
