use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use foctet_core::path::Role;
use foctet_core::{NodeId, TransportAddr};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::accept::peer;
use super::config::QuicConfig;
use super::paths::{PathsShared, Watched};
use super::socket::{Disclosed, Sockets, is_mapped};
use crate::connection::{Carrier, Connection};
use crate::endpoint::{Contender, Dialling};
use crate::error::{AttemptError, IoFailure};
use crate::identity::{self, IdentityError, TlsError};

/// Length of the connection id that a dial's first packets go to, in bytes: the longest of QUIC version 1, so that
/// nobody off the path can guess it.
const INITIAL_ID_LENGTH: usize = 20;

/// What a dial needs of an endpoint's QUIC side.
#[derive(Clone)]
pub(crate) struct QuicDialler {
    pub(crate) endpoint: noq::Endpoint,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) config: Arc<QuicConfig>,
    pub(crate) paths: Arc<PathsShared>,
}

impl QuicDialler {
    /// The same sockets, for dials to relays.
    pub(crate) fn for_legs(&self, datagrams: usize) -> Self {
        Self { config: Arc::new(self.config.for_legs(datagrams)), ..self.clone() }
    }
}

/// A relayed candidate, and the wait until its relay can be used. False: it never can.
pub(crate) struct Late {
    /// What stands for the peer behind the relay.
    pub(crate) addr: SocketAddr,
    pub(crate) up: Pin<Box<dyn Future<Output = bool> + Send>>,
}

/// Dials a peer at all of its UDP addresses at once, and through relays as soon as they can be used. What each address
/// gave goes to the dial's attempts.
pub(crate) async fn dial(
    dialling: Arc<Dialling>,
    quic: QuicDialler,
    candidates: Vec<SocketAddr>,
    late: Vec<Late>,
) -> Option<Contender> {
    let (mut candidates, unreached): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| quic.sockets.reaches(*candidate));
    for candidate in unreached {
        dialling.note(TransportAddr::udp(candidate), AttemptError::NoSocket);
    }
    // A relayed one may be all that there is. Nothing reaches it before it is up, when it gets what was sent so far.
    candidates.extend(late.iter().map(|late| late.addr));
    let primary = *candidates.first()?;
    let failure = match dial_together(&dialling, &quic, primary, candidates.clone(), late).await {
        Ok(contender) => return Some(contender),
        Err(failure) => failure,
    };
    // Somebody answered first and was the wrong one: another node at an address out of date, most often. The right one
    // may still be at the others, and is found by asking each alone; through relays nobody else can have answered.
    let (relayed, direct): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| is_mapped(candidate.ip()));
    let mut groups: Vec<_> = direct.iter().map(|candidate| vec![*candidate]).collect();
    if !relayed.is_empty() {
        groups.push(relayed);
    }
    let answered = matches!(failure, AttemptError::Tls(_) | AttemptError::ConnectionLost(_));
    if !answered || groups.len() <= 1 {
        for candidate in direct {
            dialling.note_if_none(TransportAddr::udp(candidate), failure.clone());
        }
        return None;
    }
    let mut dials = JoinSet::new();
    for group in groups {
        let (dialling, quic) = (Arc::clone(&dialling), quic.clone());
        dials.spawn(async move {
            let primary = *group.first()?;
            match dial_together(&dialling, &quic, primary, group, Vec::new()).await {
                Ok(contender) => Some(contender),
                Err(failure) => {
                    if !is_mapped(primary.ip()) {
                        dialling.note_if_none(TransportAddr::udp(primary), failure);
                    }
                    None
                }
            }
        });
    }
    while let Some(ended) = dials.join_next().await {
        if let Ok(Some(contender)) = ended {
            return Some(contender);
        }
    }
    None
}

/// One handshake, whose first flight goes to every candidate.
async fn dial_together(
    dialling: &Dialling,
    quic: &QuicDialler,
    primary: SocketAddr,
    candidates: Vec<SocketAddr>,
    late: Vec<Late>,
) -> Result<Contender, AttemptError> {
    let protocol = |words: &str| AttemptError::Tls(TlsError::Protocol(words.into()));
    let mut id = [0; INITIAL_ID_LENGTH];
    getrandom::fill(&mut id).map_err(|_| protocol("the operating system gave no randomness"))?;
    let id = noq::ConnectionId::new(&id);
    let tls = dialling.identity.client_config(dialling.expected, vec![dialling.alpn.to_vec()]);
    let config =
        quic.config.client(tls, id).map_err(|_| protocol("the TLS configuration does not fit QUIC"))?;
    // Until it is over, when who has answered is known.
    let _disclosed = Disclosed::to_dialled(&quic.sockets, &candidates);
    let registration = quic.sockets.fan_out().register(&id, candidates.clone());
    let connecting = quic
        .endpoint
        .connect_with(config, primary, identity::SERVER_NAME)
        .map_err(|error| protocol(&error.to_string()))?;

    let relays: Vec<NodeId> = candidates
        .iter()
        .filter_map(|candidate| quic.sockets.relayed().via(*candidate))
        .map(|via| via.relay)
        .collect();
    let mut coming_up: JoinSet<Option<SocketAddr>> =
        late.into_iter().map(|late| async move { late.up.await.then_some(late.addr) }).collect();
    let handshake =
        timeout(dialling.handshake_timeout, confirm(dialling, &quic.paths, primary, &relays, connecting));
    let mut handshake = pin!(handshake);
    let result = loop {
        tokio::select! {
            result = &mut handshake => break result.unwrap_or(Err(AttemptError::TimedOut)),
            // Each has its own reason, noted below.
            () = registration.all_failed() => break Err(AttemptError::TimedOut),
            Some(up) = coming_up.join_next() => {
                if let Ok(Some(addr)) = up {
                    registration.replay(|packets, size| quic.sockets.relayed().send(addr, packets, size));
                }
            }
        }
    };
    if result.is_err() {
        for candidate in candidates.into_iter().filter(|candidate| !is_mapped(candidate.ip())) {
            if let Some(failure) = registration.failure(candidate) {
                dialling.note(TransportAddr::udp(candidate), AttemptError::Io(failure));
            }
        }
    }
    result
}

/// Waits until the peer has accepted us too (HANDSHAKE_DONE).
async fn confirm(
    dialling: &Dialling,
    paths: &Arc<PathsShared>,
    primary: SocketAddr,
    relays: &[NodeId],
    connecting: noq::Connecting,
) -> Result<Contender, AttemptError> {
    let connection = connecting.await.map_err(|error| failed(&error).unproved())?;
    let watched = Watched::new(connection.clone(), Role::Dialler, dialling.expected, primary, relays, paths);
    let carrier = Carrier::Quic { connection: watched };
    let mut contender = Contender::new(Connection::new(carrier, dialling.expected, &dialling.alpn));
    let asked = Instant::now();
    connection.handshake_confirmed().await.map_err(|error| failed(&error))?;
    contender.note_round_trip(asked.elapsed());
    let (alpn, got) = peer(&connection).map_err(AttemptError::Tls)?;
    // The verifier has made sure already; whoever changes it finds this still in the way.
    if got != dialling.expected {
        let error = IdentityError::WrongIdentity { expected: dialling.expected, got };
        return Err(AttemptError::Tls(TlsError::Identity(error)));
    }
    if *alpn != *dialling.alpn {
        return Err(AttemptError::Tls(TlsError::NoAlpn));
    }
    Ok(contender)
}

fn failed(error: &noq::ConnectionError) -> AttemptError {
    if let Some(tls) = TlsError::from_quic(error) {
        return AttemptError::Tls(tls);
    }
    match error {
        noq::ConnectionError::TimedOut => AttemptError::TimedOut,
        noq::ConnectionError::Reset => {
            AttemptError::Io(IoFailure::new(std::io::ErrorKind::ConnectionReset, "connection reset"))
        }
        other => AttemptError::ConnectionLost(other.clone().into()),
    }
}
