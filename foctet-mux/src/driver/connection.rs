//! A connection over any byte stream.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::carrier::{ByteStream, Carrier};
use super::shared::Shared;
use super::task::Task;
use super::{RecvStream, SendStream};
use crate::{CodeTooLarge, Config, ConnectionError, Dir, Mux, Role, SendDatagramError, Stats, StreamId};

/// One QMux connection over a carrier.
///
/// Cheap to clone: clones are handles of the same connection. Dropping the last handle, those in streams
/// included, closes the connection with code 0, as [`close`](Self::close) does.
///
/// Once a connection is lost, whatever the cause, every pending and later call reports the same
/// [`ConnectionError`], with one exception: what arrived before the loss (streams, their data, datagrams) can still
/// be accepted and read, unless this side itself closed the connection.
#[derive(Clone)]
pub struct Connection {
    handle: Arc<Handle>,
}

/// What all handles of a connection hold; its end is the connection's end.
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // 0 is never too large.
        let _ = self.shared.act(|state| state.mux.close(0, b""));
    }
}

impl Connection {
    /// Starts a connection on `carrier`, an ordered, reliable byte stream, and spawns its driver on the current
    /// tokio runtime. The transport parameters are sent at once.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn new<T>(carrier: T, role: Role, config: Config) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + 'static,
    {
        let mux = Mux::new(role, config, Instant::now().into_std());
        let carrier = ByteStream::new(carrier, mux.read_buffer_size());
        Self::start(carrier, mux)
    }

    /// As [`new`](Self::new), over a [`Carrier`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn over(carrier: impl Carrier, role: Role, config: Config) -> Self {
        Self::start(carrier, Mux::new(role, config, Instant::now().into_std()))
    }

    fn start(carrier: impl Carrier, mux: Mux) -> Self {
        let shared = Arc::new(Shared::new(mux));
        tokio::spawn(Task::new(carrier, shared.clone()));
        Self { handle: Arc::new(Handle { shared }) }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    fn poll_open(&self, dir: Dir, cx: &Context<'_>) -> Poll<Result<StreamId, ConnectionError>> {
        self.shared().poll(|mux| mux.open(dir), |wakers| wakers.open[dir.index()].add(cx))
    }

    fn poll_accept(&self, dir: Dir, cx: &Context<'_>) -> Poll<Result<StreamId, ConnectionError>> {
        self.shared().poll(|mux| mux.accept(dir), |wakers| wakers.accept[dir.index()].add(cx))
    }

    fn send_stream(&self, id: StreamId) -> SendStream {
        SendStream::new(self.handle.clone(), id)
    }

    fn recv_stream(&self, id: StreamId) -> RecvStream {
        RecvStream::new(self.handle.clone(), id)
    }

    /// Waits until the peer's transport parameters have arrived: the peer speaks QMux and can be talked to.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn established(&self) -> Result<(), ConnectionError> {
        poll_fn(|cx| {
            self.shared().poll(
                |mux| match mux.error() {
                    _ if mux.is_established() => Poll::Ready(Ok(())),
                    Some(error) => Poll::Ready(Err(error.clone())),
                    None => Poll::Pending,
                },
                |wakers| wakers.established.add(cx),
            )
        })
        .await
    }

    /// Opens a bidirectional stream, waiting for the peer's permission if its limit is reached.
    ///
    /// The peer hears of the stream when something is first sent on it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no stream is opened unless it is returned.
    pub async fn open_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        let id = poll_fn(|cx| self.poll_open(Dir::Bi, cx)).await?;
        Ok((self.send_stream(id), self.recv_stream(id)))
    }

    /// Opens a unidirectional stream, waiting for the peer's permission if its limit is reached.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no stream is opened unless it is returned.
    pub async fn open_uni(&self) -> Result<SendStream, ConnectionError> {
        let id = poll_fn(|cx| self.poll_open(Dir::Uni, cx)).await?;
        Ok(self.send_stream(id))
    }

    /// Takes the next bidirectional stream that the peer opened.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a stream that is not returned stays for the next call.
    pub async fn accept_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        let id = poll_fn(|cx| self.poll_accept(Dir::Bi, cx)).await?;
        Ok((self.send_stream(id), self.recv_stream(id)))
    }

    /// Takes the next unidirectional stream that the peer opened.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a stream that is not returned stays for the next call.
    pub async fn accept_uni(&self) -> Result<RecvStream, ConnectionError> {
        let id = poll_fn(|cx| self.poll_accept(Dir::Uni, cx)).await?;
        Ok(self.recv_stream(id))
    }

    /// Queues an unreliable message: the carrier loses none, but when the peer or the carrier is too slow the oldest
    /// waiting ones are dropped.
    pub fn send_datagram(&self, data: Bytes) -> Result<(), SendDatagramError> {
        self.shared().act(|state| state.mux.send_datagram(data))
    }

    /// Takes the next datagram that arrived.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a datagram that is not returned stays for the next call.
    pub async fn read_datagram(&self) -> Result<Bytes, ConnectionError> {
        poll_fn(|cx| self.shared().poll(Mux::read_datagram, |wakers| wakers.datagram.add(cx))).await
    }

    /// As [`send_datagram`](Self::send_datagram) for each of these in turn, until one fails, with one look at the
    /// connection for all of them. Leaves `data` empty.
    pub fn send_datagrams(&self, data: &mut Vec<Bytes>) -> Result<(), SendDatagramError> {
        let sent =
            self.shared().act(|state| data.drain(..).try_for_each(|data| state.mux.send_datagram(data)));
        data.clear();
        sent
    }

    /// Waits for a datagram, and takes those that have arrived, up to `max` of them, in their order. They are put behind
    /// what `into` has.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: datagrams that are not returned stay for the next call.
    pub async fn read_datagrams(&self, into: &mut Vec<Bytes>, max: usize) -> Result<(), ConnectionError> {
        poll_fn(|cx| {
            self.shared().poll(|mux| mux.read_datagrams(into, max), |wakers| wakers.datagram.add(cx))
        })
        .await
    }

    /// How many bytes the next datagram may have without an older unsent one being dropped for it.
    pub fn datagram_send_space(&self) -> usize {
        self.shared().look(|state| state.mux.datagram_send_space())
    }

    /// The longest datagram, in bytes, that the peer takes; `None` if it takes none or is not yet known.
    pub fn max_datagram_size(&self) -> Option<usize> {
        self.shared().look(|state| state.mux.max_datagram_size())
    }

    /// Closes the connection at once; data not yet sent is dropped. To be sure that the peer has all of a stream,
    /// [`finish`](SendStream::finish) it and wait for [`delivered`](SendStream::delivered) first.
    ///
    /// `code` and `reason` are for the peer's application; the reason is cut to 1,024 bytes. A connection
    /// that is already lost stays lost for its first cause.
    ///
    /// # Errors
    ///
    /// [`CodeTooLarge`] if `code` is 2^62 or more; the connection then stays open.
    pub fn close(&self, code: u64, reason: &[u8]) -> Result<(), CodeTooLarge> {
        self.shared().act(|state| state.mux.close(code, reason))
    }

    /// Waits until the connection is lost and says why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn closed(&self) -> ConnectionError {
        poll_fn(|cx| {
            self.shared().poll(
                |mux| mux.error().map_or(Poll::Pending, |error| Poll::Ready(error.clone())),
                |wakers| wakers.lost.add(cx),
            )
        })
        .await
    }

    /// Waits until the connection is lost and its carrier released: a CONNECTION_CLOSE has been handed over as
    /// far as the peer let us. Bounded by [`CLOSE_TIMEOUT`](crate::CLOSE_TIMEOUT) after [`closed`](Self::closed).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn drained(&self) {
        poll_fn(|cx| {
            self.shared().act(|state| {
                if state.is_drained() {
                    return Poll::Ready(());
                }
                state.wakers.drained.add(cx);
                Poll::Pending
            })
        })
        .await;
    }

    /// Why the connection was lost, `None` while it lives.
    pub fn close_reason(&self) -> Option<ConnectionError> {
        self.shared().error()
    }

    /// Asks the peer's stack for a sign of life and measures the round trip.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question stays asked, and its answer counts for [`rtt`](Self::rtt).
    pub async fn ping(&self) -> Result<Duration, ConnectionError> {
        let question = self.shared().act(|state| state.mux.ping());
        poll_fn(|cx| self.shared().poll(|mux| mux.ping_answer(question), |wakers| wakers.answered.add(cx)))
            .await
    }

    /// The smoothed round trip time through the carrier, its queues included; `None` until measured.
    pub fn rtt(&self) -> Option<Duration> {
        self.shared().look(|state| state.mux.rtt())
    }

    /// Counters up to now.
    pub fn stats(&self) -> Stats {
        let now = Instant::now().into_std();
        self.shared().look(|state| state.mux.stats(now))
    }

    /// A number that tells this connection from others in this process, the same for all its handles.
    pub fn stable_id(&self) -> usize {
        Arc::as_ptr(&self.handle).addr()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("id", &self.stable_id()).finish_non_exhaustive()
    }
}
