use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::{NodeId, TransportAddr};
use foctet_mux::Role;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::goodbye::goodbye;
use super::tls::{self, Agreed};
use super::unjudged::Unjudged;
use crate::alpn;
use crate::connection::{Carrier, Connection};
use crate::endpoint::{Contender, Dialling};
use crate::error::{AttemptError, IoFailure};
use crate::identity::{self, IdentityError, TlsError};
use crate::relay::LegError;

/// How long one address has for itself before the next is tried beside it: RFC 8305, section 5.
const STAGGER: Duration = Duration::from_millis(250);

/// How long the answer to our first QX_PING may come after the peer's first frame. The question travels with our own
/// parameters, so that the answer follows theirs at once, and the connection knows its round trip from the start.
const PONG_GRACE: Duration = Duration::from_millis(20);

/// Dials a peer's TCP addresses in their order, the next when one fails or is slow, and takes the first that comes up.
/// What each gave goes to the dial's attempts.
pub(crate) async fn dial(
    dialling: Arc<Dialling>,
    mux: foctet_mux::Config,
    candidates: Vec<SocketAddr>,
) -> Option<Contender> {
    let mut candidates = candidates.into_iter();
    let mut dials = JoinSet::new();
    // Not by the timer below, which rounds up to its next millisecond.
    let mut begin = |dials: &mut JoinSet<Option<Contender>>| {
        if let Some(candidate) = candidates.next() {
            dials.spawn(dial_one(Arc::clone(&dialling), mux.clone(), candidate));
        }
        candidates.len() > 0
    };
    let mut waiting = begin(&mut dials);
    let mut next_at = Instant::now() + STAGGER;
    while !dials.is_empty() {
        tokio::select! {
            Some(ended) = dials.join_next() => {
                if let Ok(Some(contender)) = ended {
                    return Some(contender);
                }
            }
            () = sleep_until(next_at), if waiting => {}
        }
        waiting = begin(&mut dials);
        next_at = Instant::now() + STAGGER;
    }
    None
}

async fn dial_one(
    dialling: Arc<Dialling>,
    mux: foctet_mux::Config,
    candidate: SocketAddr,
) -> Option<Contender> {
    match timeout(dialling.handshake_timeout, handshake(&dialling, mux, candidate)).await {
        Ok(Ok(contender)) => Some(contender),
        Ok(Err(failure)) => {
            dialling.note(TransportAddr::tcp(candidate), failure);
            None
        }
        Err(_) => {
            dialling.note(TransportAddr::tcp(candidate), AttemptError::TimedOut);
            None
        }
    }
}

/// A socket, and then what [`secure`] does.
async fn handshake(
    dialling: &Dialling,
    mux: foctet_mux::Config,
    remote: SocketAddr,
) -> Result<Contender, AttemptError> {
    let stream = TcpStream::connect(remote).await.map_err(io_failed)?;
    if let Err(error) = stream.set_nodelay(true) {
        // The peer may be gone already; the handshake will tell.
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    secure(dialling, mux, stream, remote, None).await
}

/// TLS and QMux on a byte stream, up to the peer's first frame. Before that frame the peer may still refuse us.
pub(super) async fn secure(
    dialling: &Dialling,
    mux: foctet_mux::Config,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    remote: SocketAddr,
    relay: Option<NodeId>,
) -> Result<Contender, AttemptError> {
    let config = dialling.identity.client_config(dialling.expected, vec![alpn::over_tcp(&dialling.alpn)]);
    let name = ServerName::try_from(identity::SERVER_NAME)
        .map_err(|error| AttemptError::Tls(TlsError::Protocol(error.to_string().into())))?;
    let (stream, agreed) = match tls::connect(config, name, stream).await {
        Ok(secured) => secured,
        Err((error, stream)) => {
            // So that our alert arrives; nobody here waits for that.
            tokio::spawn(goodbye(stream));
            return Err(failed(&error).unproved());
        }
    };
    check(dialling, &agreed)?;
    // The peer judges us only now. Its first frame says that it has taken us; its alert, that it has not. Our own first
    // frame, which tells nothing that matters, need not wait for that.
    let (stream, refusal) = Unjudged::new(stream);
    let mux = foctet_mux::Connection::over(stream, Role::Client, mux);
    let carrier = Carrier::Tcp { mux: mux.clone(), remote, relay };
    let contender = Contender::new(Connection::new(carrier, dialling.expected, &dialling.alpn));
    let established = async {
        mux.established().await.map_err(|error| match refusal.get() {
            Some(refusal) => failed(refusal),
            None => AttemptError::ConnectionLost(error.into()),
        })?;
        sleep(PONG_GRACE).await;
        Ok(())
    };
    tokio::select! {
        // Established all the same: the answer comes after the parameters.
        Ok(_) = mux.ping() => {}
        established = established => established?,
    }
    Ok(contender)
}

fn check(dialling: &Dialling, agreed: &Agreed) -> Result<(), AttemptError> {
    let alpn = identity::require_alpn(agreed.alpn.as_deref()).map_err(AttemptError::Tls)?;
    if alpn::from_tcp(alpn) != Some(&*dialling.alpn) {
        return Err(AttemptError::Tls(TlsError::NoAlpn));
    }
    let got = identity::peer_node_id_near(&agreed.certificates, Some(dialling.expected))
        .map_err(|error| AttemptError::Tls(TlsError::Identity(error)))?;
    // The verifier has made sure already; whoever changes it finds this still in the way.
    if got != dialling.expected {
        let error = IdentityError::WrongIdentity { expected: dialling.expected, got };
        return Err(AttemptError::Tls(TlsError::Identity(error)));
    }
    Ok(())
}

fn failed(error: &io::Error) -> AttemptError {
    if let Some(relay) = error.get_ref().and_then(|error| error.downcast_ref::<LegError>()) {
        return AttemptError::Relay(relay.clone());
    }
    TlsError::from_io(error).map_or_else(|| AttemptError::Io(IoFailure::from(error)), AttemptError::Tls)
}

fn io_failed(error: io::Error) -> AttemptError {
    AttemptError::Io(IoFailure::from(error))
}
