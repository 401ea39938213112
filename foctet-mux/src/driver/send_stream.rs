//! The sending half of a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use crate::{ClosedStream, ResetError, StoppedError, StreamId, WriteError};

/// The sending half of a stream.
///
/// Dropping it unfinished finishes it, as [`finish`](Self::finish) does: what was written still goes out. Use
/// [`reset`](Self::reset) to abandon it instead.
#[derive(Debug)]
pub struct SendStream {}

impl SendStream {
    /// The stream's number.
    pub fn id(&self) -> StreamId {
        StreamId::from_wire(0)
    }

    /// Writes some of `data` and returns how many bytes; waits while the send buffer is full.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it returns, nothing was written.
    pub async fn write(&mut self, data: &[u8]) -> Result<usize, WriteError> {
        let _ = data;
        std::future::pending().await
    }

    /// Writes all of `data`.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some of `data` may have been written. The stream stays usable.
    pub async fn write_all(&mut self, data: &[u8]) -> Result<(), WriteError> {
        let _ = data;
        std::future::pending().await
    }

    /// Writes all of `data` without copying it.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some of `data` may have been written. The stream stays usable.
    pub async fn write_chunk(&mut self, data: Bytes) -> Result<(), WriteError> {
        let _ = data;
        std::future::pending().await
    }

    /// Says that nothing more will be written. What was written still goes out, without waiting for it here.
    ///
    /// # Errors
    ///
    /// [`ClosedStream`] if it was already finished or reset.
    pub fn finish(&mut self) -> Result<(), ClosedStream> {
        Ok(())
    }

    /// Abandons the stream: what has not been sent never will be, and the peer's reader gets `code`. Works after
    /// [`finish`](Self::finish) as long as the end has not been sent.
    ///
    /// # Errors
    ///
    /// [`ResetError`]: nothing is left to reset, or `code` is 2^62 or more.
    pub fn reset(&mut self, code: u64) -> Result<(), ResetError> {
        let _ = code;
        Ok(())
    }

    /// Sets how urgent this stream is beside its siblings: 0 at first, higher goes strictly first, equals take turns.
    pub fn set_priority(&self, priority: i32) {
        let _ = priority;
    }

    /// How urgent this stream is.
    pub fn priority(&self) -> i32 {
        0
    }

    /// Waits until the peer stops the stream, and returns its code; `None` if instead the stream was finished and all
    /// of it is delivered, or if this side reset it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn stopped(&self) -> Result<Option<u64>, StoppedError> {
        std::future::pending().await
    }

    /// Waits until the peer's stack has everything that was written and the end: it has answered a QX_PING sent after
    /// the last frame. Says nothing about the peer's application.
    ///
    /// # Errors
    ///
    /// [`WriteError::ClosedStream`] if the stream was not finished, or was reset; [`WriteError::Stopped`] if
    /// the peer did not want it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn delivered(&self) -> Result<(), WriteError> {
        std::future::pending().await
    }
}

impl AsyncWrite for SendStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    /// Does nothing: what is written goes out by itself.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Finishes the stream, without waiting for its delivery.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
