//! A connection over any byte stream.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{RecvStream, SendStream};
use crate::{CodeTooLarge, Config, ConnectionError, Role, SendDatagramError, Stats};

/// One QMux connection over a carrier.
///
/// Cheap to clone: clones are handles of the same connection. Dropping the last handle, those in streams
/// included, closes the connection with code 0, as [`close`](Self::close) does.
///
/// Once a connection is lost, whatever the cause, every pending and later call reports the same
/// [`ConnectionError`], with one exception: what arrived before the loss (streams, their data, datagrams) can still
/// be accepted and read, unless this side itself closed the connection.
#[derive(Debug, Clone)]
pub struct Connection {}

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
        let _ = (carrier, role, config);
        Self {}
    }

    /// Waits until the peer's transport parameters have arrived: the peer speaks QMux and can be talked to.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn established(&self) -> Result<(), ConnectionError> {
        std::future::pending().await
    }

    /// Opens a bidirectional stream, waiting for the peer's permission if its limit is reached.
    ///
    /// The peer hears of the stream when something is first sent on it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no stream is opened unless it is returned.
    pub async fn open_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        std::future::pending().await
    }

    /// Opens a unidirectional stream, waiting for the peer's permission if its limit is reached.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no stream is opened unless it is returned.
    pub async fn open_uni(&self) -> Result<SendStream, ConnectionError> {
        std::future::pending().await
    }

    /// Takes the next bidirectional stream that the peer opened.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a stream that is not returned stays for the next call.
    pub async fn accept_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        std::future::pending().await
    }

    /// Takes the next unidirectional stream that the peer opened.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a stream that is not returned stays for the next call.
    pub async fn accept_uni(&self) -> Result<RecvStream, ConnectionError> {
        std::future::pending().await
    }

    /// Queues an unreliable message: the carrier loses none, but when the peer or the carrier is too slow the oldest
    /// waiting ones are dropped.
    pub fn send_datagram(&self, data: Bytes) -> Result<(), SendDatagramError> {
        let _ = data;
        Err(SendDatagramError::UnsupportedByPeer)
    }

    /// Takes the next datagram that arrived.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a datagram that is not returned stays for the next call.
    pub async fn read_datagram(&self) -> Result<Bytes, ConnectionError> {
        std::future::pending().await
    }

    /// The longest datagram, in bytes, that the peer takes; `None` if it takes none or is not yet known.
    pub fn max_datagram_size(&self) -> Option<usize> {
        None
    }

    /// Closes the connection at once; data not yet sent is dropped. To be sure that the peer has all of a stream,
    /// [`finish`](SendStream::finish) it and wait for [`delivered`](SendStream::delivered) first.
    ///
    /// `code` and `reason` are for the peer's application; the reason is cut to what fits one record. A connection
    /// that is already lost stays lost for its first cause.
    ///
    /// # Errors
    ///
    /// [`CodeTooLarge`] if `code` is 2^62 or more; the connection then stays open.
    pub fn close(&self, code: u64, reason: &[u8]) -> Result<(), CodeTooLarge> {
        let _ = (code, reason);
        Ok(())
    }

    /// Waits until the connection is lost and says why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn closed(&self) -> ConnectionError {
        std::future::pending().await
    }

    /// Waits until the connection is lost and its carrier released: a CONNECTION_CLOSE has been handed over as
    /// far as the peer let us. Bounded by [`CLOSE_TIMEOUT`](crate::CLOSE_TIMEOUT) after [`closed`](Self::closed).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn drained(&self) {
        std::future::pending().await
    }

    /// Why the connection was lost, `None` while it lives.
    pub fn close_reason(&self) -> Option<ConnectionError> {
        None
    }

    /// Asks the peer's stack for a sign of life and measures the round trip.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question stays asked, and its answer counts for [`rtt`](Self::rtt).
    pub async fn ping(&self) -> Result<Duration, ConnectionError> {
        std::future::pending().await
    }

    /// The smoothed round trip time through the carrier, its queues included; `None` until measured.
    pub fn rtt(&self) -> Option<Duration> {
        None
    }

    /// Counters up to now.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// A number that tells this connection from others in this process, the same for all its handles.
    pub fn stable_id(&self) -> usize {
        0
    }
}
