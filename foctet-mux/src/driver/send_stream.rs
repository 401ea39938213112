//! The sending half of a stream.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::connection::Handle;
use super::shared::Shared;
use crate::{ClosedStream, ResetError, StoppedError, StreamId, WriteError};

/// The sending half of a stream.
///
/// Dropping it unfinished finishes it, as [`finish`](Self::finish) does: what was written still goes out. Use
/// [`reset`](Self::reset) to abandon it instead.
pub struct SendStream {
    handle: Arc<Handle>,
    id: StreamId,
}

impl SendStream {
    pub(super) fn new(handle: Arc<Handle>, id: StreamId) -> Self {
        Self { handle, id }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    fn poll_write_some(&self, data: &[u8], cx: &Context<'_>) -> Poll<Result<usize, WriteError>> {
        self.shared().poll(
            |mux| mux.write(self.id, data),
            |wakers| wakers.stream(self.id).writer = Some(cx.waker().clone()),
        )
    }

    /// The stream's number.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Writes some of `data` and returns how many bytes; waits while the send buffer is full.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it returns, nothing was written.
    pub async fn write(&mut self, data: &[u8]) -> Result<usize, WriteError> {
        poll_fn(|cx| self.poll_write_some(data, cx)).await
    }

    /// Writes all of `data`.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some of `data` may have been written. The stream stays usable.
    pub async fn write_all(&mut self, data: &[u8]) -> Result<(), WriteError> {
        let mut rest = data;
        while !rest.is_empty() {
            let written = self.write(rest).await?;
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes all of `data` without copying it.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some of `data` may have been written. The stream stays usable.
    pub async fn write_chunk(&mut self, data: Bytes) -> Result<(), WriteError> {
        let mut rest = data;
        while !rest.is_empty() {
            poll_fn(|cx| {
                self.shared().poll(
                    |mux| mux.write_chunk(self.id, &mut rest),
                    |wakers| wakers.stream(self.id).writer = Some(cx.waker().clone()),
                )
            })
            .await?;
        }
        Ok(())
    }

    /// Says that nothing more will be written. What was written still goes out, without waiting for it here.
    ///
    /// # Errors
    ///
    /// [`ClosedStream`] if it was already finished or reset.
    pub fn finish(&mut self) -> Result<(), ClosedStream> {
        self.shared().act(|state| state.mux.finish(self.id))
    }

    /// Abandons the stream: what has not been sent never will be, and the peer's reader gets `code`. Works after
    /// [`finish`](Self::finish) as long as the end has not been sent.
    ///
    /// # Errors
    ///
    /// [`ResetError`]: nothing is left to reset, or `code` is 2^62 or more.
    pub fn reset(&mut self, code: u64) -> Result<(), ResetError> {
        self.shared().act(|state| state.mux.reset(self.id, code))
    }

    /// Sets how urgent this stream is beside its siblings: 0 at first, higher goes strictly first, equals take turns.
    pub fn set_priority(&self, priority: i32) {
        self.shared().act(|state| state.mux.set_priority(self.id, priority));
    }

    /// How urgent this stream is.
    pub fn priority(&self) -> i32 {
        self.shared().look(|state| state.mux.priority(self.id))
    }

    /// Waits until the peer stops the stream, and returns its code; `None` if instead the stream was finished and all
    /// of it is delivered, or if this side reset it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn stopped(&self) -> Result<Option<u64>, StoppedError> {
        poll_fn(|cx| {
            self.shared().poll(|mux| mux.stopped(self.id), |wakers| wakers.stream(self.id).settled.add(cx))
        })
        .await
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
        poll_fn(|cx| {
            self.shared().poll(|mux| mux.delivered(self.id), |wakers| wakers.stream(self.id).settled.add(cx))
        })
        .await
    }
}

impl AsyncWrite for SendStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(ready!(self.poll_write_some(data, cx))?))
    }

    /// Does nothing: what is written goes out by itself.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Finishes the stream, without waiting for its delivery.
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Shutting down twice is no error for those who write to any stream.
        let _ = self.finish();
        Poll::Ready(self.shared().error().map_or(Ok(()), |error| Err(error.into())))
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        self.shared().act(|state| {
            state.wakers.forget_writer(self.id);
            state.mux.release_send(self.id);
        });
    }
}

impl fmt::Debug for SendStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendStream").field("id", &self.id).finish_non_exhaustive()
    }
}
