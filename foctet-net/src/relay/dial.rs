use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::{RelayAddr, TransportAddr, relay};

use super::error::LegError;
use super::resolve::resolve;
use crate::connection::Connection;
use crate::endpoint::{Contender, Dialling, preferring};
use crate::identity::Identity;
use crate::path::{Transport, Transports};
use crate::quic::{QuicDialler, is_mapped};
use crate::{quic, tcp};

/// What carries the packets of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "one of them is in force; the others are there to be measured beside it")]
pub(super) enum PacketCarrier {
    /// TLS records over TCP, which cost a third of what QUIC does; QUIC where TCP is not up in time.
    Tcp,
    /// QUIC datagrams; TCP where QUIC fails.
    Quic,
    /// Whichever is up first.
    First,
}

/// The one in force.
pub(super) const PACKET_CARRIER: PacketCarrier = PacketCarrier::Tcp;

/// Bytes of packets that wait on a leg of ours: some 350 full ones. What is late is better lost: the connections inside
/// notice and slow down.
pub(crate) const LEG_QUEUE: usize = 512 * 1024;

/// How the TCP connection of a leg is multiplexed.
pub(crate) fn leg_mux_config(mux: foctet_mux::Config) -> foctet_mux::Config {
    mux.datagram_buffer(LEG_QUEUE)
}

/// What it takes to dial relays. They are dialled at their own addresses only, never through other relays.
pub(crate) struct LegDialler {
    pub(crate) identity: Identity,
    pub(crate) handshake_timeout: Duration,
    pub(crate) transports: Transports,
    /// With a configuration that listens to what relays observe.
    pub(crate) quic: Option<QuicDialler>,
    pub(crate) mux: foctet_mux::Config,
}

impl LegDialler {
    /// Whether legs over this transport are possible.
    pub(super) fn has(&self, transport: Transport) -> bool {
        match transport {
            Transport::Quic => self.quic.is_some() && self.transports.contains(Transport::Quic),
            Transport::Tcp => self.transports.contains(Transport::Tcp),
        }
    }

    /// Connects to a relay, at any of the places where it is said to be; over one transport, or over whichever suits a
    /// leg with traffic.
    pub(super) async fn dial(
        &self,
        relays: &[RelayAddr],
        only: Option<Transport>,
    ) -> Result<Connection, LegError> {
        self.dial_where(relays, only, |_| true).await
    }

    /// As [`dial`](Self::dial), only at those of the relay's addresses that are `wanted`.
    pub(super) async fn dial_where(
        &self,
        relays: &[RelayAddr],
        only: Option<Transport>,
        wanted: fn(&SocketAddr) -> bool,
    ) -> Result<Connection, LegError> {
        let relay = relays.first().ok_or(LegError::NoLeg)?.id();
        let mut addrs = resolve(relays).await?;
        // A leg never goes through another one.
        addrs.retain(|addr| wanted(addr) && !is_mapped(addr.ip()));
        let wanted = |transport| self.has(transport) && only.is_none_or(|only| only == transport);
        let udp = if wanted(Transport::Quic) { addrs.clone() } else { Vec::new() };
        let tcp = if wanted(Transport::Tcp) { addrs } else { Vec::new() };
        let (udp, tcp) = (dialable(udp, TransportAddr::udp), dialable(tcp, TransportAddr::tcp));
        let all = udp.iter().copied().map(TransportAddr::udp);
        let all = all.chain(tcp.iter().copied().map(TransportAddr::tcp)).collect();
        let dialling =
            Arc::new(Dialling::of(self.identity.clone(), self.handshake_timeout, relay, relay::ALPN, all));
        let contender = self.race(&dialling, udp, tcp).await;
        Ok(contender.ok_or_else(|| LegError::Connect(dialling.verdict(false)))?.choose())
    }

    async fn race(
        &self,
        dialling: &Arc<Dialling>,
        udp: Vec<SocketAddr>,
        tcp: Vec<SocketAddr>,
    ) -> Option<Contender> {
        let over_quic = async {
            match &self.quic {
                Some(quic) if !udp.is_empty() => {
                    quic::dial(Arc::clone(dialling), quic.clone(), udp, Vec::new()).await
                }
                _ => None,
            }
        };
        let over_tcp = async {
            if tcp.is_empty() { None } else { tcp::dial(Arc::clone(dialling), self.mux.clone(), tcp).await }
        };
        let (over_quic, over_tcp) = (pin!(over_quic), pin!(over_tcp));
        match PACKET_CARRIER {
            PacketCarrier::Tcp => preferring(over_tcp, over_quic).await,
            PacketCarrier::Quic => preferring(over_quic, over_tcp).await,
            PacketCarrier::First => first(over_quic, over_tcp).await,
        }
    }
}

async fn first(
    mut one: impl Future<Output = Option<Contender>> + Unpin,
    mut other: impl Future<Output = Option<Contender>> + Unpin,
) -> Option<Contender> {
    tokio::select! {
        contender = &mut one => match contender {
            None => other.await,
            up => up,
        },
        contender = &mut other => match contender {
            None => one.await,
            up => up,
        },
    }
}

fn dialable(addrs: Vec<SocketAddr>, kind: fn(SocketAddr) -> TransportAddr) -> Vec<SocketAddr> {
    addrs.into_iter().filter(|addr| kind(*addr).is_dialable()).collect()
}
