use std::net::SocketAddr;
use std::sync::Arc;

use noq::crypto::rustls::HandshakeData;
use rustls::pki_types::CertificateDer;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::paths::canonical;
use crate::connection::{Carrier, Connection};
use crate::endpoint::{Arrivals, Slot};
use crate::error::HandshakeError;
use crate::identity::{self, TlsError};
use crate::limits;
use crate::path::Transport;

/// Takes connections until the endpoint is closed or this is dropped.
pub(crate) async fn accept(endpoint: noq::Endpoint, arrivals: Arc<Arrivals>) {
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            incoming = endpoint.accept() => {
                let Some(incoming) = incoming else { return };
                // Under load nothing is kept for a dialler that has not shown to be where it says it is.
                if arrivals.half_open(Transport::Quic) >= limits::RETRY_ABOVE && !incoming.remote_address_validated() {
                    incoming.retry().ok();
                    continue;
                }
                let remote = canonical(incoming.remote_address());
                match arrivals.begin(Transport::Quic, remote) {
                    Some(slot) => {
                        let arrivals = Arc::clone(&arrivals);
                        handshakes.spawn(async move { take(incoming, remote, slot, &arrivals).await });
                    }
                    None => incoming.refuse(),
                }
            }
            Some(_) = handshakes.join_next() => {}
        }
    }
}

async fn take(incoming: noq::Incoming, remote: SocketAddr, slot: Slot, arrivals: &Arrivals) {
    let handshaken = timeout(arrivals.handshake_timeout(), handshake(incoming));
    match handshaken.await.unwrap_or(Err(HandshakeError::TimedOut)) {
        Ok(connection) => arrivals.admit(connection, slot).await,
        Err(error) => arrivals.failed(Transport::Quic, remote, error),
    }
}

async fn handshake(incoming: noq::Incoming) -> Result<Connection, HandshakeError> {
    let connection = async { incoming.accept()?.await }.await.map_err(|error| failed(&error))?;
    let (alpn, id) = peer(&connection).map_err(HandshakeError::Tls)?;
    Ok(Connection::new(Carrier::Quic(connection), id, &alpn))
}

/// The application protocol and the identity that the handshake agreed on.
pub(super) fn peer(connection: &noq::Connection) -> Result<(Vec<u8>, foctet_core::NodeId), TlsError> {
    let handshake = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let alpn = handshake.and_then(|data| data.protocol);
    let alpn = identity::require_alpn(alpn.as_deref())?.to_vec();
    let certificates = connection
        .peer_identity()
        .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok());
    let id = identity::peer_node_id(certificates.as_deref().map(Vec::as_slice).unwrap_or_default())?;
    Ok((alpn, id))
}

fn failed(error: &noq::ConnectionError) -> HandshakeError {
    if let Some(tls) = TlsError::from_quic(error) {
        return HandshakeError::Tls(tls);
    }
    match error {
        noq::ConnectionError::TimedOut => HandshakeError::TimedOut,
        noq::ConnectionError::ApplicationClosed(_)
        | noq::ConnectionError::ConnectionClosed(_)
        | noq::ConnectionError::Reset => HandshakeError::Abandoned,
        other => HandshakeError::ConnectionLost(other.clone().into()),
    }
}
