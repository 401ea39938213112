use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foctet_core::NodeId;
use foctet_core::relay::packet::{self, Datagram, Incoming, PacketError, Rejoin};
use foctet_core::relay::{CloseCode, Control, Limit};
use tokio::time::sleep;

use crate::clients::{Client, Shared};
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
}

impl Forwarder {
    pub(crate) fn new(shared: Arc<Shared>, client: Arc<Client>, max_channels: u16) -> Self {
        let incoming = Incoming::new(max_channels);
        Self { shared, client, incoming, rejoin: Rejoin::default(), last: None, over_limit: 0 }
    }

    /// Carries packets until the leg is over, or broken by its client.
    pub(crate) async fn run(&mut self) -> Result<(), CloseCode> {
        let connection = self.client.connection.clone();
        loop {
            let Ok(first) = connection.read_datagram().await else { return Ok(()) };
            let now = Instant::now();
            self.over_limit = 0;
            self.datagram(now, first)?;
            for _ in 1..TURN {
                match at_once(connection.read_datagram()).await {
                    Some(Ok(next)) => self.datagram(now, next)?,
                    Some(Err(_)) => return Ok(()),
                    None => break,
                }
            }
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

    fn carry(&mut self, now: Instant, peer: NodeId, packet: Bytes, header: usize) {
        let length = (packet.len() - header.min(packet.len())) as u64;
        let metrics = &self.shared.metrics;
        let allowed = {
            let mut allowance = self.client.allowance.lock().unwrap_or_else(PoisonError::into_inner);
            allowance.packet(now, peer, length)
        };
        if let Err(limit) = allowed {
            self.over_limit += 1;
            self.client.hit(now, limit, metrics);
            return;
        }
        if !self.shared.may_carry(now, length) {
            self.client.hit(now, Limit::Total, metrics);
            return;
        }
        let generation = self.shared.generation();
        let to = match &self.last {
            Some((of, known, to)) if *of == generation && *known == peer => to.clone(),
            _ => {
                let to = self.shared.route(self.client.standing, peer);
                self.last = Some((generation, peer, to.clone()));
                to
            }
        };
        // Whether it is unknown, away or not for this client, nobody is told.
        let Some(to) = to else {
            Metrics::add(&metrics.unroutable, 1);
            return;
        };
        if to.deliver(now, self.client.id, packet, header, metrics) {
            Metrics::add(&metrics.packets, 1);
            Metrics::add(&metrics.packet_bytes, length);
        } else {
            self.client.hit(now, Limit::Queue, metrics);
        }
    }
}

/// What a future gives if it is ready. It must be cancel safe.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = std::future::ready(()) => None,
    }
}
