//! The receiving half of a stream.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use super::connection::Handle;
use super::shared::Shared;
use crate::{ReadError, ReadExactError, ReadToEndError, ResetError, StreamId};

/// The receiving half of a stream.
///
/// Dropping it before its end was read stops it with code 0, as [`stop`](Self::stop) does.
pub struct RecvStream {
    handle: Arc<Handle>,
    id: StreamId,
}

impl RecvStream {
    pub(super) fn new(handle: Arc<Handle>, id: StreamId) -> Self {
        Self { handle, id }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    fn poll_chunk(&self, max: usize, cx: &Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        self.shared().poll(
            |mux| mux.read(self.id, max),
            |wakers| wakers.stream(self.id).reader = Some(cx.waker().clone()),
        )
    }

    /// The stream's number.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Reads some bytes into `buf` and returns how many; `None` at the end of the stream. Waits while there are none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it returns, nothing was read.
    pub async fn read(&mut self, buf: &mut [u8]) -> Result<Option<usize>, ReadError> {
        let Some(piece) = self.read_chunk(buf.len()).await? else {
            return Ok(None);
        };
        let (front, _) = buf.split_at_mut(piece.len());
        front.copy_from_slice(&piece);
        Ok(Some(piece.len()))
    }

    /// Fills all of `buf`.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some bytes may have been read. The stream stays usable.
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ReadExactError> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            filled += self.read(rest).await?.ok_or(ReadExactError::FinishedEarly(filled))?;
        }
        Ok(())
    }

    /// Takes the next bytes, at most `max`, without copying them; `None` at the end of the stream.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it returns, nothing was read.
    pub async fn read_chunk(&mut self, max: usize) -> Result<Option<Bytes>, ReadError> {
        poll_fn(|cx| self.poll_chunk(max, cx)).await
    }

    /// Reads all that is left, up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`ReadToEndError::TooLong`] if there is more; the stream should then be dropped or stopped.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some bytes may have been read and are gone.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, ReadToEndError> {
        let mut all = Vec::new();
        // One byte more than allowed shows that there is more.
        while let Some(piece) = self.read_chunk(limit.saturating_add(1) - all.len()).await? {
            all.extend_from_slice(&piece);
            if all.len() > limit {
                return Err(ReadToEndError::TooLong);
            }
        }
        Ok(all)
    }

    /// Tells the peer that the rest is not wanted; what has arrived is dropped.
    ///
    /// # Errors
    ///
    /// [`ResetError`]: the stream was read to its end, reset or stopped before, or `code` is 2^62 or more.
    pub fn stop(&mut self, code: u64) -> Result<(), ResetError> {
        self.shared().act(|state| state.mux.stop(self.id, code))
    }

    /// Waits until the peer resets the stream, and returns its code; `None` if instead the stream was read to its end
    /// or stopped by this side. Does not read: a stream whose reader waits here only ends by a reset.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn received_reset(&mut self) -> Result<Option<u64>, ReadError> {
        poll_fn(|cx| {
            self.shared().poll(
                |mux| mux.received_reset(self.id),
                |wakers| wakers.stream(self.id).reader = Some(cx.waker().clone()),
            )
        })
        .await
    }
}

impl AsyncRead for RecvStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(piece) = ready!(self.poll_chunk(buf.remaining(), cx))? {
            buf.put_slice(&piece);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        self.shared().act(|state| {
            state.wakers.forget_reader(self.id);
            state.mux.release_recv(self.id);
        });
    }
}

impl fmt::Debug for RecvStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvStream").field("id", &self.id).finish_non_exhaustive()
    }
}
