use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foctet_core::path::Role;
use noq::crypto::rustls::HandshakeData;
use rustls::pki_types::CertificateDer;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::paths::{PathsShared, Watched, canonical};
use super::socket::is_mapped;
use crate::connection::{Carrier, Connection};
use crate::endpoint::{Arrivals, Slot};
use crate::error::HandshakeError;
use crate::identity::{self, TlsError};
use crate::limits;
use crate::path::Transport;

/// Takes connections until the endpoint is closed or this is dropped.
pub(crate) async fn accept(paths: Arc<PathsShared>, arrivals: Arc<Arrivals>) {
    let endpoint = paths.endpoint.clone();
    let mut handshakes = JoinSet::new();
    let unheard = Arc::new(Unheard::default());
    loop {
        tokio::select! {
            incoming = endpoint.accept() => {
                let Some(incoming) = incoming else { return };
                let remote = canonical(incoming.remote_address());
                if paths.sockets.relays_only() && !is_mapped(remote.ip()) {
                    incoming.ignore();
                    continue;
                }
                // Under load nothing is kept for a dialler that has not shown to be where it says it is.
                let validated = incoming.remote_address_validated();
                let loaded = arrivals.half_open(Transport::Quic) >= limits::RETRY_ABOVE;
                if !validated && (loaded || unheard.contains(remote)) {
                    incoming.retry().ok();
                    continue;
                }
                let Some(slot) = arrivals.begin(Transport::Quic, remote) else {
                    incoming.refuse();
                    continue;
                };
                let (arrivals, unheard) = (Arc::clone(&arrivals), Arc::clone(&unheard));
                let paths = Arc::clone(&paths);
                handshakes.spawn(async move {
                    let failed = take(incoming, &paths, remote, slot, &arrivals).await;
                    if matches!(failed, Err(HandshakeError::Tls(_))) && !validated {
                        unheard.note(remote);
                    }
                });
            }
            Some(_) = handshakes.join_next() => {}
        }
    }
}

async fn take(
    incoming: noq::Incoming,
    paths: &Arc<PathsShared>,
    remote: SocketAddr,
    slot: Slot,
    arrivals: &Arrivals,
) -> Result<(), HandshakeError> {
    let handshaken = timeout(arrivals.handshake_timeout(), handshake(incoming, remote, paths));
    match handshaken.await.unwrap_or(Err(HandshakeError::TimedOut)) {
        Ok(connection) => arrivals.admit(connection, slot).await,
        Err(error) => {
            arrivals.failed(Transport::Quic, remote, error.clone());
            return Err(error);
        }
    }
    Ok(())
}

/// Diallers that were refused before their address was validated, the newest last.
///
/// noq tells nobody why who has not shown to be where it says it is, so that such a dialler would wait for its timeout.
/// When it tries again it is asked to show it first (a Retry packet), and then learns why.
#[derive(Default)]
struct Unheard {
    diallers: Mutex<VecDeque<(SocketAddr, Instant)>>,
}

impl Unheard {
    /// How many are remembered.
    const MAX: usize = 256;
    /// How long: until a dialler has certainly given up.
    const LIFETIME: Duration = Duration::from_secs(30);

    fn note(&self, dialler: SocketAddr) {
        let mut diallers = self.diallers.lock().unwrap_or_else(PoisonError::into_inner);
        if diallers.len() >= Self::MAX {
            diallers.pop_front();
        }
        diallers.push_back((dialler, Instant::now()));
    }

    fn contains(&self, dialler: SocketAddr) -> bool {
        let mut diallers = self.diallers.lock().unwrap_or_else(PoisonError::into_inner);
        while diallers.front().is_some_and(|(_, since)| since.elapsed() > Self::LIFETIME) {
            diallers.pop_front();
        }
        diallers.iter().any(|(known, _)| *known == dialler)
    }
}

async fn handshake(
    incoming: noq::Incoming,
    remote: SocketAddr,
    paths: &Arc<PathsShared>,
) -> Result<Connection, HandshakeError> {
    let connection = async { incoming.accept()?.await }.await.map_err(|error| failed(&error))?;
    let (alpn, id) = peer(&connection).map_err(HandshakeError::Tls)?;
    let connection = Watched::new(connection, Role::Acceptor, id, remote, &[], paths);
    Ok(Connection::new(Carrier::Quic { connection }, id, &alpn))
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
