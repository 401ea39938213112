//! A node's presence on the network.

mod addresses;
mod arrivals;
mod bind;
mod builder;
mod close;
mod connect;
mod endpoint_limits;
mod live;

use std::fmt;
use std::sync::Arc;

use foctet_core::{NodeAddr, NodeId, RelayAddr, TransportAddr};
use tokio::sync::{Mutex, broadcast, mpsc, watch};
use tokio::task::JoinSet;

pub(crate) use arrivals::{Arrivals, Slot};
pub use builder::Builder;
pub use connect::ConnectOptions;
pub(crate) use connect::{Contender, Dialling, preferring};
pub use endpoint_limits::EndpointLimits;
pub(crate) use live::Live;

use crate::connection::Connection;
use crate::error::{ConnectError, HandshakeFailure};
use crate::identity::Identity;
use crate::path::Transports;
use crate::quic::QuicDialler;
use crate::relay::{RelayStatus, Relays, RelaysState};

/// This node's presence on the network: it dials other nodes and accepts their connections, over QUIC and over TCP,
/// both on one port number.
///
/// Cloning gives another handle to the same endpoint. Dropping the last handle stops accepting; connections that are
/// open live on. [`close`](Self::close) ends everything, and well.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) identity: Identity,
    transports: Transports,
    handshake_timeout: std::time::Duration,
    local_addrs: Vec<TransportAddr>,
    pub(crate) quic: Option<QuicDialler>,
    mux: foctet_mux::Config,
    pub(crate) relays: Relays,
    configured_relays: watch::Sender<Vec<RelayAddr>>,
    relay_only: bool,
    addr: watch::Receiver<NodeAddr>,
    accepted: Mutex<mpsc::Receiver<Connection>>,
    failures: broadcast::Sender<HandshakeFailure>,
    live: Arc<Live>,
    closing: watch::Sender<bool>,
    /// The listeners and the watch on the interfaces, which end with the endpoint.
    tasks: std::sync::Mutex<JoinSet<()>>,
}

impl Endpoint {
    /// Begins an endpoint.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// This node's identity.
    pub fn id(&self) -> NodeId {
        self.inner.identity.id()
    }

    /// What the endpoint is bound to, for each transport; wildcard addresses as such.
    pub fn local_addrs(&self) -> Vec<TransportAddr> {
        self.inner.local_addrs.clone()
    }

    /// Where this node can be reached as far as it knows, best first: the addresses of its interfaces, those of
    /// containers and tunnels last, loopback only where there is nothing else.
    pub fn addr(&self) -> NodeAddr {
        self.inner.addr.borrow().clone()
    }

    /// [`addr`](Self::addr), and every change of it.
    pub fn watch_addr(&self) -> watch::Receiver<NodeAddr> {
        self.inner.addr.clone()
    }

    /// The relays that the endpoint keeps connections to, its own ones first.
    pub fn relays(&self) -> Vec<RelayStatus> {
        self.inner.relays.state().relays
    }

    /// [`relays`](Self::relays), and every change of it.
    pub fn watch_relays(&self) -> watch::Receiver<RelaysState> {
        self.inner.relays.watch_state()
    }

    /// Makes these this node's own relays, instead of those that [`Builder::relays`] or an earlier call named. Its address
    /// follows in a moment.
    ///
    /// Connections live on. Over QUIC, the dialler of one that has taken this node's relays from its address is told of
    /// every change of them, this or another, and moves to the new relays; connections to the old ones end half a
    /// minute after nothing uses them any more. Other connections keep the way that they have.
    pub fn set_relays(&self, relays: impl IntoIterator<Item = RelayAddr>) {
        let relays: Vec<_> = relays.into_iter().collect();
        self.inner.configured_relays.send_replace(relays.clone());
        self.inner.relays.set_homes(&relays);
    }

    /// Waits until one of this node's own relays serves it; for ever where it has none, or none can be reached.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn online(&self) {
        // It fails only when the endpoint is gone, which `self` rules out.
        self.inner.relays.watch_state().wait_for(RelaysState::is_online).await.ok();
    }

    /// Connects to a node for an application protocol, over whichever transport is up first.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it leaves no connection.
    pub async fn connect(&self, addr: impl Into<NodeAddr>, alpn: &[u8]) -> Result<Connection, ConnectError> {
        self.connect_with(addr, alpn, ConnectOptions::default()).await
    }

    /// Connects to a node for an application protocol.
    ///
    /// Returns once the peer has proved its identity and accepted ours.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it leaves no connection.
    pub async fn connect_with(
        &self,
        addr: impl Into<NodeAddr>,
        alpn: &[u8],
        options: ConnectOptions,
    ) -> Result<Connection, ConnectError> {
        connect::connect(&self.inner, addr.into(), alpn, options).await
    }

    /// The next connection that a peer made and chose; `None` once the endpoint is closed.
    ///
    /// Its dialler is authenticated, and was let in by [`Builder::authorize`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has taken nothing.
    pub async fn accept(&self) -> Option<Connection> {
        let mut closing = self.inner.closing.subscribe();
        let connection = tokio::select! {
            biased;
            // It fails only when the endpoint is gone, which `self` rules out.
            _ = closing.wait_for(|closing| *closing) => None,
            connection = async { self.inner.accepted.lock().await.recv().await } => connection,
        };
        connection.inspect(Connection::accepted)
    }

    /// Attempts to connect to this endpoint that failed, from now on. A slow reader loses the oldest.
    pub fn handshake_failures(&self) -> broadcast::Receiver<HandshakeFailure> {
        self.inner.failures.subscribe()
    }

    /// Closes the endpoint: accepts and dials nothing more, delivers what was written to finished streams, then closes
    /// every connection (the peers get code 0 and the reason `endpoint closed`) and gives the ports back.
    ///
    /// Takes as long as the delivery, 3 s at most, and then a round trip, 1 s at most.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: called again, it goes on.
    pub async fn close(&self) {
        close::close(&self.inner).await;
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        *self.inner.closing.borrow()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(quic) = &self.quic {
            // noq goes on as long as a connection does, and must not collect diallers that nobody accepts.
            quic.endpoint.set_server_config(None);
        }
        self.relays.forsake();
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id())
            .field("local_addrs", &self.inner.local_addrs)
            .finish_non_exhaustive()
    }
}
