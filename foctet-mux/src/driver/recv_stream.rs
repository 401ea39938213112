//! The receiving half of a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use crate::{ReadError, ReadExactError, ReadToEndError, ResetError, StreamId};

/// The receiving half of a stream.
///
/// Dropping it before its end was read stops it with code 0, as [`stop`](Self::stop) does.
#[derive(Debug)]
pub struct RecvStream {}

impl RecvStream {
    /// The stream's number.
    pub fn id(&self) -> StreamId {
        StreamId::from_wire(0)
    }

    /// Reads some bytes into `buf` and returns how many; `None` at the end of the stream. Waits while there are none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it returns, nothing was read.
    pub async fn read(&mut self, buf: &mut [u8]) -> Result<Option<usize>, ReadError> {
        let _ = buf;
        std::future::pending().await
    }

    /// Fills all of `buf`.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some bytes may have been read. The stream stays usable.
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ReadExactError> {
        let _ = buf;
        std::future::pending().await
    }

    /// Takes the next bytes, at most `max`, without copying them; `None` at the end of the stream.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it returns, nothing was read.
    pub async fn read_chunk(&mut self, max: usize) -> Result<Option<Bytes>, ReadError> {
        let _ = max;
        std::future::pending().await
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
        let _ = limit;
        std::future::pending().await
    }

    /// Tells the peer that the rest is not wanted; what has arrived is dropped.
    ///
    /// # Errors
    ///
    /// [`ResetError`]: the stream was read to its end, reset or stopped before, or `code` is 2^62 or more.
    pub fn stop(&mut self, code: u64) -> Result<(), ResetError> {
        let _ = code;
        Ok(())
    }

    /// Waits until the peer resets the stream, and returns its code; `None` if instead the stream was read to its end
    /// or stopped by this side. Does not read: a stream whose reader waits here only ends by a reset.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub async fn received_reset(&mut self) -> Result<Option<u64>, ReadError> {
        std::future::pending().await
    }
}

impl AsyncRead for RecvStream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}
