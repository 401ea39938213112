use bytes::Bytes;
use foctet_core::NodeId;
use foctet_core::relay::packet::{self, Datagram, Incoming, PacketError, Rejoin};
use tokio::time::Instant;

use super::error::LegError;
use super::leg::Leg;

/// Channels that a relay may number towards us; `docs/spec/relay.md` says so.
const MAX_CHANNELS: u16 = 256;

/// Hands over the packets that arrive on a leg, until it is over or the relay breaks the protocol.
pub(super) async fn receive(leg: &Leg, arrived: impl Fn(NodeId, Bytes)) -> LegError {
    let mut incoming = Incoming::new(MAX_CHANNELS);
    let mut rejoin = Rejoin::default();
    loop {
        let datagram = match leg.connection.read_datagram().await {
            Ok(datagram) => datagram,
            Err(error) => return error.into(),
        };
        let (address, packet) = match packet::read(&datagram) {
            Ok(Datagram::Whole(address, payload)) => (address, datagram.slice_ref(payload)),
            Ok(half) => match rejoin.push(Instant::now().into_std(), half) {
                Some((address, whole)) => (address, Bytes::from(whole)),
                None => continue,
            },
            Err(error) => {
                tracing::debug!(%error, "a relay sent a datagram that is no packet");
                continue;
            }
        };
        match incoming.resolve(address) {
            Ok((peer, bound)) => {
                if let Some(channel) = bound {
                    leg.bound(channel);
                }
                leg.count_carried(1);
                arrived(peer, packet);
            }
            Err(PacketError::UnknownChannel(_)) => {}
            Err(error) => return LegError::Protocol(error.to_string().into()),
        }
    }
}
