use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::NodeId;
use foctet_mux::Role;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::config::TcpConfig;
use super::goodbye::goodbye;
use super::tls::{self, Agreed};
use crate::alpn;
use crate::connection::{Carrier, Connection};
use crate::endpoint::{Arrivals, Slot};
use crate::error::{ConnectionError, HandshakeError, IoFailure};
use crate::identity::{self, TlsError};
use crate::os;
use crate::path::Transport;
use crate::relay::Spliced;

/// How long to wait after an `accept` that failed for want of file descriptors or memory. Waiting connections stay
/// in the kernel's queue meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes connections until it is dropped.
pub(crate) async fn listen(listener: TcpListener, config: TcpConfig, arrivals: Arc<Arrivals>) {
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) => {
                    // Over its limit a source gets a reset, which costs us nothing more.
                    if let Some(slot) = arrivals.begin(Transport::Tcp, remote) {
                        let config = config.clone();
                        let arrivals = Arc::clone(&arrivals);
                        handshakes.spawn(async move {
                            if let Err(error) = stream.set_nodelay(true) {
                                // The dialler may be gone already; the handshake will tell.
                                tracing::debug!(%error, "cannot set TCP_NODELAY");
                            }
                            take(stream, remote, None, slot, &config, &arrivals).await;
                        });
                    }
                }
                Err(error) if os::concerns_one_connection(&error) => {
                    tracing::debug!(%error, "an incoming TCP connection failed");
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept TCP connections for now");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = handshakes.join_next() => {}
        }
    }
}

/// Takes the streams that relays have spliced, until it is dropped.
pub(crate) async fn take_spliced(
    mut spliced: mpsc::Receiver<Spliced>,
    config: TcpConfig,
    arrivals: Arc<Arrivals>,
) {
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            Some(Spliced { stream, peer, relay, remote }) = spliced.recv() => {
                if let Some(slot) = arrivals.begin_relayed(relay, peer, remote) {
                    let config = config.clone();
                    let arrivals = Arc::clone(&arrivals);
                    handshakes.spawn(async move {
                        take(stream, remote, Some(relay), slot, &config, &arrivals).await;
                    });
                }
            }
            Some(_) = handshakes.join_next() => {}
            else => return,
        }
    }
}

async fn take(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    remote: SocketAddr,
    relay: Option<NodeId>,
    slot: Slot,
    config: &TcpConfig,
    arrivals: &Arrivals,
) {
    let handshaken = timeout(arrivals.handshake_timeout(), handshake(stream, remote, relay, config));
    match handshaken.await {
        Ok(Ok(connection)) => arrivals.admit(connection, slot).await,
        Ok(Err(Refusal { error, stream })) => {
            arrivals.failed(Transport::Tcp, remote, error);
            if let Some(stream) = stream {
                // Its slot is taken until then: refused diallers count too.
                goodbye(stream).await;
            }
        }
        Err(_) => arrivals.failed(Transport::Tcp, remote, HandshakeError::TimedOut),
    }
}

/// A handshake that failed, and what is left to end in good manners.
struct Refusal<S> {
    error: HandshakeError,
    stream: Option<S>,
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    remote: SocketAddr,
    relay: Option<NodeId>,
    config: &TcpConfig,
) -> Result<Connection, Refusal<S>> {
    let (stream, agreed) = tls::accept(Arc::clone(&config.tls), stream)
        .await
        .map_err(|(error, stream)| Refusal { error: failed(&error), stream: Some(stream) })?;
    let (alpn, id) = match check(&agreed) {
        Ok(checked) => checked,
        Err(error) => {
            let stream = Some(stream.into_inner());
            return Err(Refusal { error: HandshakeError::Tls(error), stream });
        }
    };
    // The dialler is verified: from here on we speak.
    let mux = foctet_mux::Connection::over(stream, Role::Server, config.mux.clone());
    mux.established().await.map_err(|error| Refusal { error: lost(error.into()), stream: None })?;
    Ok(Connection::new(Carrier::Tcp { mux, remote, relay }, id, &alpn))
}

/// The application protocol and the dialler. rustls lets a dialler without application protocols through, so this
/// looks again.
fn check(agreed: &Agreed) -> Result<(Box<[u8]>, NodeId), TlsError> {
    let alpn = identity::require_alpn(agreed.alpn.as_deref())?;
    let alpn = alpn::from_tcp(alpn).ok_or(TlsError::NoAlpn)?;
    let id = identity::peer_node_id(&agreed.certificates)?;
    Ok((alpn.into(), id))
}

/// Why a connection was lost before its dialler's first frame.
fn lost(error: ConnectionError) -> HandshakeError {
    match error {
        ConnectionError::Lost(_) | ConnectionError::ApplicationClosed { .. } => HandshakeError::Abandoned,
        other => HandshakeError::ConnectionLost(other),
    }
}

fn failed(error: &std::io::Error) -> HandshakeError {
    match TlsError::from_io(error) {
        Some(tls) => HandshakeError::Tls(tls),
        None => match error.kind() {
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::BrokenPipe => HandshakeError::Abandoned,
            _ => HandshakeError::Io(IoFailure::from(error)),
        },
    }
}
