//! A client of foctet's relay: a leg and nothing else.

use std::net::SocketAddr;

use anyhow::Context as _;
use foctet_core::relay::packet::{self, Address, Datagram, Incoming};
use foctet_core::relay::{ALPN, Control, ControlReader, LegRole};
use foctet_core::{NodeAddr, NodeId, RelayAddr, RelayHost, SecretKey, TransportAddr};
use foctet_net::{Connection, Endpoint, RecvStream, SendStream, Transport, Transports};

/// A traffic leg.
pub(crate) struct Leg {
    pub(crate) connection: Connection,
    send: SendStream,
    recv: RecvStream,
    _endpoint: Endpoint,
}

pub(crate) fn key(number: u64) -> SecretKey {
    let mut key = [2; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_bytes(key)
}

/// An endpoint with one transport and no more than it needs.
pub(crate) fn endpoint(number: u64, transport: Transport) -> foctet_net::Builder {
    Endpoint::builder()
        .secret_key(key(number))
        .transports(Transports::Only(transport))
        .bind(([127, 0, 0, 1], 0).into())
}

/// A relay on loopback as something to dial.
pub(crate) fn node(relay: &RelayAddr) -> anyhow::Result<NodeAddr> {
    let RelayHost::Ip(ip) = relay.host() else { anyhow::bail!("a relay on loopback") };
    let place = SocketAddr::new(*ip, relay.port());
    Ok(NodeAddr::new(relay.id()).with_addrs([TransportAddr::udp(place), TransportAddr::tcp(place)]))
}

impl Leg {
    pub(crate) async fn join(relay: &RelayAddr, number: u64, transport: Transport) -> anyhow::Result<Self> {
        let endpoint = endpoint(number, transport).build().await?;
        let connection = endpoint.connect(node(relay)?, ALPN).await?;
        let (mut send, mut recv) = connection.open_bi().await?;
        send.write_all(&Control::Hello { role: LegRole::Traffic, token: None }.encode()).await?;
        let mut reader = ControlReader::default();
        reader.push(&recv.read_chunk(4096).await?.context("a welcome")?);
        let welcome = reader.next()?;
        anyhow::ensure!(matches!(welcome, Some(Control::Welcome(_))), "no welcome");
        Ok(Self { connection, send, recv, _endpoint: endpoint })
    }

    /// Sends a packet, with its peer's whole name.
    pub(crate) fn packet(&self, peer: NodeId, payload: &[u8]) -> anyhow::Result<()> {
        let mut datagram = Vec::new();
        packet::write(&Address::Peer(peer), payload, &mut datagram);
        Ok(self.connection.send_datagram(datagram.into())?)
    }

    /// Takes packets as they come; the relay's channels are confirmed, and what else it says is let go.
    pub(crate) async fn hear(self, mut heard: impl FnMut(NodeId, &[u8])) -> anyhow::Result<()> {
        let Self { connection, mut send, mut recv, _endpoint } = self;
        let mut incoming = Incoming::new(u16::MAX);
        let packets = async {
            loop {
                let datagram = connection.read_datagram().await?;
                let Ok(Datagram::Whole(address, payload)) = packet::read(&datagram) else { continue };
                let (peer, bound) = incoming.resolve(address)?;
                if let Some(channel) = bound {
                    send.write_all(&Control::Bound { channel }.encode()).await?;
                }
                heard(peer, payload);
            }
        };
        let control = async {
            while recv.read_chunk(4096).await?.is_some() {}
            anyhow::Ok(())
        };
        tokio::select! {
            ended = packets => ended,
            ended = control => ended,
        }
    }
}
