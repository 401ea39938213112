use bytes::Bytes;
use foctet_core::NodeId;
use foctet_core::relay::packet::{self, Datagram, Incoming, PacketError, Rejoin};
use tokio::time::Instant;

use super::error::LegError;
use super::leg::Leg;

/// Channels that a relay may number towards us; `docs/spec/relay.md` says so.
const MAX_CHANNELS: u16 = 256;

/// Packets that are taken off a leg at once.
const AT_ONCE: usize = 64;

/// Hands over the packets that arrive on a leg, until it is over or the relay breaks the protocol.
pub(super) async fn receive(leg: &Leg, arrived: impl Fn(NodeId, Bytes)) -> LegError {
    let mut incoming = Incoming::new(MAX_CHANNELS);
    let mut rejoin = Rejoin::default();
    let mut datagrams = Vec::new();
    loop {
        if let Err(error) = leg.connection.read_datagrams(&mut datagrams, AT_ONCE).await {
            return error.into();
        }
        leg.count_carried(1);
        if let Err(error) = take(leg, &mut incoming, &mut rejoin, &mut datagrams, &arrived) {
            return error;
        }
    }
}

fn take(
    leg: &Leg,
    incoming: &mut Incoming,
    rejoin: &mut Rejoin,
    datagrams: &mut Vec<Bytes>,
    arrived: impl Fn(NodeId, Bytes),
) -> Result<(), LegError> {
    for datagram in datagrams.drain(..) {
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
                arrived(peer, packet);
            }
            Err(PacketError::UnknownChannel(_)) => {}
            Err(error) => return Err(LegError::Protocol(error.to_string().into())),
        }
    }
    Ok(())
}
