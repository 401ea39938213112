//! A connection to a peer, whatever carries it.

mod carrier;
mod ending;
mod finishing;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use foctet_core::{NodeId, RelayAddr};

pub(crate) use carrier::Carrier;
pub(crate) use ending::Ending;
pub(crate) use finishing::Finishing;

use crate::endpoint::Live;
use crate::error::{ConnectionError, SendDatagramError};
use crate::path::{ConnectionStats, PathEvents, PathInfo, Transport, WhyNotDirect};
use crate::relay::{Joined, Relays};
use crate::stream::{RecvStream, SendStream};

/// The largest code of a close, a reset or a stop: 2^62-1, the largest integer that QUIC can write
/// (RFC 9000, section 16). Larger ones are sent as this one.
pub const MAX_CODE: u64 = (1 << 62) - 1;

/// A connection to an authenticated peer.
///
/// Cloning gives another handle to the same connection. When the last handle and the last of its streams
/// are dropped, the connection is closed at once with code 0; data that was not yet delivered may be lost.
/// To end well, finish the streams, await [`SendStream::delivered`] where it matters, then
/// [`close`](Self::close).
///
/// The two transports behave alike in everything that is documented here.
#[derive(Clone)]
pub struct Connection {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) carrier: Carrier,
    pub(crate) remote_id: NodeId,
    pub(crate) alpn: Box<[u8]>,
    /// What was finished and is not yet delivered; what `Endpoint::close` waits for.
    pub(crate) finishing: Finishing,
    /// The legs to the relays through which it may travel.
    legs: Mutex<Vec<Arc<Joined>>>,
    /// Who awaits that the peer is told once it is dropped.
    live: OnceLock<Weak<Live>>,
    /// Whether this side has closed it. The transports disagree on what can be read then; here nothing can.
    closed_here: AtomicBool,
}

impl Connection {
    pub(crate) fn new(carrier: Carrier, remote_id: NodeId, alpn: &[u8]) -> Self {
        let inner = Inner {
            carrier,
            remote_id,
            alpn: alpn.into(),
            finishing: Finishing::default(),
            legs: Mutex::default(),
            live: OnceLock::new(),
            closed_here: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The peer's identity, verified by its signature.
    pub fn remote_id(&self) -> NodeId {
        self.inner.remote_id
    }

    /// The application protocol agreed on, as the application named it.
    pub fn alpn(&self) -> &[u8] {
        &self.inner.alpn
    }

    /// What the connection travels over.
    pub fn transport(&self) -> Transport {
        self.inner.carrier.transport()
    }

    /// The peer's address on the path in use.
    pub fn remote_address(&self) -> SocketAddr {
        self.inner.carrier.remote_address()
    }

    /// The smoothed round-trip time of the path in use; zero until it was measured.
    pub fn rtt(&self) -> Duration {
        self.inner.carrier.rtt()
    }

    /// The paths that the connection has now.
    pub fn paths(&self) -> Vec<PathInfo> {
        self.inner.carrier.paths()
    }

    /// Why no direct path carries the data, as far as this side knows now; `None` if one does. The dialler, who looks for
    /// one, mostly knows more than the acceptor.
    pub fn why_not_direct(&self) -> Option<WhyNotDirect> {
        self.inner.carrier.why_not_direct()
    }

    /// What happens to the paths from now on.
    pub fn path_events(&self) -> PathEvents {
        PathEvents::new(self)
    }

    /// Lets the peer learn this node's addresses, so that a direct path can be found beside a relayed one. Only needed
    /// where [`Builder::direct`](crate::Builder::direct) says that it is up to the application; there it also lets the peer
    /// be told when this node's relays change. It cannot be taken back. Does nothing over TCP.
    pub fn allow_direct(&self) {
        self.inner.carrier.allow_direct();
    }

    /// Counters since the connection came up.
    pub fn stats(&self) -> ConnectionStats {
        self.inner.carrier.stats()
    }

    /// Opens a stream in both directions.
    ///
    /// Waits while the peer's limit on open streams is reached. The peer learns of the stream from the first
    /// thing that is sent on it: whoever opens must write (or finish, or reset) first.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`] once the connection is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has opened nothing.
    pub async fn open_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        let (send, recv) = self.inner.carrier.open_bi().await?;
        Ok((SendStream::new(send, self.clone()), RecvStream::new(recv, self.clone())))
    }

    /// Opens a stream towards the peer. As [`open_bi`](Self::open_bi).
    ///
    /// # Errors
    ///
    /// [`ConnectionError`] once the connection is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has opened nothing.
    pub async fn open_uni(&self) -> Result<SendStream, ConnectionError> {
        Ok(SendStream::new(self.inner.carrier.open_uni().await?, self.clone()))
    }

    /// The next stream in both directions that the peer opened, in the order in which it opened them.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`] once the connection is over and every stream that had arrived was handed out.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has taken nothing.
    pub async fn accept_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        self.check_not_closed_here()?;
        let (send, recv) = self.inner.carrier.accept_bi().await?;
        Ok((SendStream::new(send, self.clone()), RecvStream::new(recv, self.clone())))
    }

    /// The next stream towards us that the peer opened, in the order in which it opened them.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`] once the connection is over and every stream that had arrived was handed out.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has taken nothing.
    pub async fn accept_uni(&self) -> Result<RecvStream, ConnectionError> {
        self.check_not_closed_here()?;
        Ok(RecvStream::new(self.inner.carrier.accept_uni().await?, self.clone()))
    }

    /// Sends one datagram (RFC 9221).
    ///
    /// Datagrams may be lost, and over QUIC reordered. When the queue is full the oldest is dropped.
    ///
    /// # Errors
    ///
    /// [`SendDatagramError::TooLarge`] above [`max_datagram_size`](Self::max_datagram_size).
    pub fn send_datagram(&self, data: Bytes) -> Result<(), SendDatagramError> {
        self.inner.carrier.send_datagram(data)
    }

    /// The next datagram from the peer.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`] once the connection is over and every datagram that had arrived was handed out.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has taken nothing.
    pub async fn read_datagram(&self) -> Result<Bytes, ConnectionError> {
        self.check_not_closed_here()?;
        self.inner.carrier.read_datagram().await
    }

    /// Sends datagrams, in their order: as [`send_datagram`](Self::send_datagram) for each, at less cost. Leaves `data`
    /// empty.
    ///
    /// # Errors
    ///
    /// [`SendDatagramError`]: some of them may have been sent, over QUIC none if one is too large.
    pub fn send_datagrams(&self, data: &mut Vec<Bytes>) -> Result<(), SendDatagramError> {
        self.inner.carrier.send_datagrams(data)
    }

    /// Waits for a datagram from the peer, and takes those that have arrived, up to `max` of them, in their order. They
    /// take the place of whatever `into` has.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`] once the connection is over and every datagram that had arrived was handed out.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has taken nothing; what `into` has then means nothing.
    pub async fn read_datagrams(&self, into: &mut Vec<Bytes>, max: usize) -> Result<(), ConnectionError> {
        self.check_not_closed_here()?;
        self.inner.carrier.read_datagrams(into, max).await
    }

    /// How many bytes the next datagram may have without an older unsent one being dropped for it: who would rather
    /// drop the newest asks before it sends.
    pub fn datagram_send_space(&self) -> usize {
        self.inner.carrier.datagram_send_space()
    }

    /// The largest datagram that can be sent now, in bytes; `None` where the peer takes none. Over QUIC it
    /// follows what the path can carry.
    pub fn max_datagram_size(&self) -> Option<usize> {
        self.inner.carrier.max_datagram_size()
    }

    /// Closes the connection now.
    ///
    /// Whatever waits on it ends with [`ConnectionError::LocallyClosed`], and what has arrived is no longer read. The
    /// peer gets [`ConnectionError::ApplicationClosed`] with this code and reason, and can still read what had arrived
    /// there. Does nothing to a connection that is over. Data that was not yet delivered may
    /// be lost: finish the streams and await [`SendStream::delivered`] first where it matters. Codes above
    /// [`MAX_CODE`] are sent as that; a reason over about a thousand bytes may be cut short.
    pub fn close(&self, code: u64, reason: &[u8]) {
        if self.close_reason().is_none() {
            self.inner.closed_here.store(true, Ordering::Relaxed);
            self.inner.carrier.close(code.min(MAX_CODE), reason);
        }
    }

    /// Waits until the connection is over, and says why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> ConnectionError {
        self.inner.carrier.closed().await
    }

    /// Why the connection is over; `None` while it is not.
    pub fn close_reason(&self) -> Option<ConnectionError> {
        self.inner.carrier.close_reason()
    }

    /// Whether both sides can have several paths.
    pub(crate) fn may_have_paths(&self) -> bool {
        self.inner.carrier.may_have_paths()
    }

    /// Follows the peer from these relays, to which there are these legs, to others that it tells of. As the dialler, whose
    /// hello says so.
    pub(crate) async fn follow(
        &self,
        relays: &[RelayAddr],
        legs: Vec<Arc<Joined>>,
        table: &Relays,
    ) -> Result<(), ConnectionError> {
        match &self.inner.carrier {
            Carrier::Quic { connection } => Ok(connection.follow(relays, legs, table).await?),
            Carrier::Tcp { .. } => Ok(()),
        }
    }

    /// Takes the stream on which the dialler wants to be told of this node's relays, as its hello says.
    pub(crate) async fn take_notices_stream(&self) -> Result<(), ConnectionError> {
        match &self.inner.carrier {
            Carrier::Quic { connection } if connection.is_multipath_enabled() => {
                Ok(connection.take_notices_stream().await?)
            }
            _ => Ok(()),
        }
    }

    /// Keeps legs to relays for as long as the connection lives.
    pub(crate) fn hold(&self, legs: Vec<Arc<Joined>>) {
        self.inner.legs.lock().unwrap_or_else(PoisonError::into_inner).extend(legs);
    }

    /// Waits until what was written to finished streams is delivered, or can no longer be.
    pub(crate) async fn delivered(&self) {
        self.inner.finishing.delivered().await;
        self.inner.carrier.delivered().await;
    }

    /// Waits until a connection that is over has told the peer.
    pub(crate) async fn drained(&self) {
        self.inner.carrier.drained().await;
    }

    /// From now on what is left when it is dropped is told there.
    pub(crate) fn tell_when_dropped(&self, live: &Arc<Live>) {
        self.inner.live.get_or_init(|| Arc::downgrade(live));
    }

    /// Closes the connection with this code and reason, if it is not over yet, and gives what is to be awaited then.
    pub(crate) fn end(&self, code: u64, reason: &[u8]) -> Ending {
        self.close(code, reason);
        Ending::of(&self.inner.carrier)
    }

    /// Once this side has closed the connection, nothing more is read from it.
    pub(crate) fn check_not_closed_here(&self) -> Result<(), ConnectionError> {
        if self.inner.closed_here.load(Ordering::Relaxed) {
            Err(ConnectionError::LocallyClosed)
        } else {
            Ok(())
        }
    }

    pub(crate) fn downgrade(&self) -> WeakConnection {
        WeakConnection { inner: Arc::downgrade(&self.inner) }
    }

    /// The application has taken the connection.
    pub(crate) fn accepted(&self) {
        self.inner.carrier.accepted();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(live) = self.live.get().and_then(Weak::upgrade) {
            live.dropped(Ending::of(&self.carrier));
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("remote_id", &self.inner.remote_id)
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}

/// A handle that does not keep its connection alive.
#[derive(Clone)]
pub(crate) struct WeakConnection {
    inner: Weak<Inner>,
}

impl WeakConnection {
    pub(crate) fn upgrade(&self) -> Option<Connection> {
        Some(Connection { inner: self.inner.upgrade()? })
    }
}

impl fmt::Debug for WeakConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakConnection")
    }
}
