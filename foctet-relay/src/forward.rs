use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foctet_core::NodeId;
use foctet_core::relay::packet::{self, Datagram, Incoming, PacketError, Rejoin};
use foctet_core::relay::{CloseCode, Control, Limit};
use tokio::time::sleep;

use crate::clients::{Client, Packet, Shared};
use crate::metrics::Metrics;

/// Packets of one client that are carried before others have their turn.
const TURN: usize = 64;

/// Packets in one turn over a limit, from which on the client is left alone for a while: what it sends meanwhile falls out
/// of its connection's own buffer, which costs less than looking at it.
const TOO_MANY: usize = TURN / 2;

/// How long that is.
const REST: Duration = Duration::from_millis(10);

/// Carries one client's packets to others.
pub(crate) struct Forwarder {
    shared: Arc<Shared>,
    client: Arc<Client>,
    incoming: Incoming,
    rejoin: Rejoin,
    /// Whom the last packet went to, and as of which generation of the roster.
    last: Option<(u64, NodeId, Option<Arc<Client>>)>,
    over_limit: usize,
    /// What goes to that one in this turn.
    packets: Vec<Packet>,
}

impl Forwarder {
    pub(crate) fn new(shared: Arc<Shared>, client: Arc<Client>, max_channels: u16) -> Self {
        let incoming = Incoming::new(max_channels);
        Self {
            shared,
            client,
            incoming,
            rejoin: Rejoin::default(),
            last: None,
            over_limit: 0,
            packets: Vec::new(),
        }
    }

    /// Carries packets until the leg is over, or broken by its client.
    pub(crate) async fn run(&mut self) -> Result<(), CloseCode> {
        let connection = self.client.connection.clone();
        let mut datagrams = Vec::new();
        loop {
            if connection.read_datagrams(&mut datagrams, TURN).await.is_err() {
                return Ok(());
            }
            let now = Instant::now();
            self.over_limit = 0;
            let taken = datagrams.drain(..).try_for_each(|datagram| self.datagram(now, datagram));
            self.deliver(now);
            taken?;
            if self.over_limit > TOO_MANY {
                sleep(REST).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    fn datagram(&mut self, now: Instant, datagram: Bytes) -> Result<(), CloseCode> {
        let (address, packet, header) = match packet::read(&datagram).map_err(|_| CloseCode::Protocol)? {
            Datagram::Whole(address, _) => (address, datagram, address.header_len()),
            half => match self.rejoin.push(now, half) {
                Some((address, packet)) => (address, packet.into(), 0),
                None => return Ok(()),
            },
        };
        let (peer, bound) = match self.incoming.resolve(address) {
            Ok(resolved) => resolved,
            // Its binding may have been lost with an earlier packet.
            Err(PacketError::UnknownChannel(_)) => return Ok(()),
            Err(_) => return Err(CloseCode::Protocol),
        };
        if let Some(channel) = bound {
            self.client.tell(Control::Bound { channel });
        }
        self.carry(now, peer, packet, header);
        Ok(())
    }

    /// Puts a packet with those that go to the same peer, if it may be carried.
    fn carry(&mut self, now: Instant, peer: NodeId, packet: Bytes, header: usize) {
        let length = (packet.len() - header.min(packet.len())) as u64;
        let allowed = {
            let mut allowance = self.client.allowance.lock().unwrap_or_else(PoisonError::into_inner);
            allowance.packet(now, peer, length)
        };
        if let Err(limit) = allowed {
            self.over_limit += 1;
            self.client.hit(now, limit, &self.shared.metrics);
            return;
        }
        if !self.shared.may_carry(now, length) {
            self.client.hit(now, Limit::Total, &self.shared.metrics);
            return;
        }
        if self.last.as_ref().is_none_or(|(_, known, _)| *known != peer) {
            self.deliver(now);
        }
        let generation = self.shared.generation();
        if !self.last.as_ref().is_some_and(|(of, known, _)| *of == generation && *known == peer) {
            self.last = Some((generation, peer, self.shared.route(self.client.standing, peer)));
        }
        self.packets.push(Packet { datagram: packet, header });
    }

    /// Delivers what was put together, to whom the last packet is for.
    fn deliver(&mut self, now: Instant) {
        let metrics = &self.shared.metrics;
        let packets = self.packets.len() as u64;
        if packets == 0 {
            return;
        }
        // Whether it is unknown, away or not for this client, nobody is told.
        let Some((_, _, Some(to))) = &self.last else {
            Metrics::add(&metrics.unroutable, packets);
            self.packets.clear();
            return;
        };
        let delivered = to.deliver(now, self.client.id, &mut self.packets, metrics);
        Metrics::add(&metrics.packets, delivered.packets);
        Metrics::add(&metrics.packet_bytes, delivered.bytes);
        for _ in delivered.packets..packets {
            self.client.hit(now, Limit::Queue, metrics);
        }
    }
}
