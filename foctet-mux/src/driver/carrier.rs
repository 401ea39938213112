//! What carries a connection.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::Batch;

/// An ordered, reliable byte stream that would rather give and take whole pieces of memory: one that encrypts, for
/// example. Any `AsyncRead + AsyncWrite` is made one by [`Connection::new`](crate::Connection::new).
pub trait Carrier: Send + Unpin + 'static {
    /// Takes the next bytes that arrived, in pieces however cut; empty at the end. Stream data may be kept as
    /// slices of them, so their memory should be no larger than
    /// [`read_buffer_size`](crate::Mux::read_buffer_size), 64 KiB as a rule.
    ///
    /// # Errors
    ///
    /// That nothing more can be received, whatever is tried.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>>;

    /// Takes all of `batch`, empties it, and is ready once this and everything before is on its way, as far as an operating
    /// system tells. While it is not, it is called again with an empty batch. The batch bounds what it holds.
    ///
    /// # Errors
    ///
    /// That nothing more can be sent.
    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>>;

    /// Sends what is held back, if anything ever is.
    ///
    /// # Errors
    ///
    /// As [`poll_send`](Self::poll_send).
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the sending side, once everything was sent.
    ///
    /// # Errors
    ///
    /// As [`poll_send`](Self::poll_send).
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// The least room, in bytes, worth a read: what a TLS carrier returns at once.
const READ_ROOM: usize = 16 * 1024;

/// How many pieces are handed over in one call.
const AT_ONCE: usize = 16;

/// A byte stream as a carrier.
#[derive(Debug)]
pub(super) struct ByteStream<T> {
    stream: Pin<Box<T>>,
    input: BytesMut,
    /// The size of the buffers that are read into.
    read_buffer: usize,
    batch: Batch,
    /// How many bytes of the batch the stream has taken.
    sent: usize,
    /// The batch in one piece, where the stream takes no more than one at once.
    flat: Bytes,
}

impl<T: AsyncRead + AsyncWrite> ByteStream<T> {
    pub(super) fn new(stream: T, read_buffer: usize) -> Self {
        Self {
            stream: Box::pin(stream),
            input: BytesMut::new(),
            read_buffer,
            batch: Batch::default(),
            sent: 0,
            flat: Bytes::new(),
        }
    }

    /// Has the stream take what it can of the batch.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.flat.is_empty() {
            let taken = ready!(self.stream.as_mut().poll_write(cx, &self.flat))?;
            self.flat.advance(taken);
            return Poll::Ready(Ok(taken));
        }
        let mut slices = [IoSlice::new(&[]); AT_ONCE];
        let mut skip = self.sent;
        let rest = self.batch.pieces().filter_map(|piece| {
            let rest = piece.get(skip..).filter(|rest| !rest.is_empty());
            skip = skip.saturating_sub(piece.len());
            rest
        });
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(rest) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        self.stream.as_mut().poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
    }
}

impl<T: AsyncRead + AsyncWrite + Send + 'static> Carrier for ByteStream<T> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let wanted = READ_ROOM.min(self.read_buffer);
        if self.input.capacity() < wanted && !self.input.try_reclaim(self.read_buffer) {
            self.input = BytesMut::with_capacity(self.read_buffer);
        }
        ready!(pin!(self.stream.read_buf(&mut self.input)).poll(cx))?;
        Poll::Ready(Ok(self.input.split().freeze()))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        if !batch.is_empty() {
            std::mem::swap(&mut self.batch, batch);
            batch.clear();
            if !self.stream.is_write_vectored() {
                self.flat = self.batch.pieces().collect::<Vec<_>>().concat().into();
            }
        }
        while self.sent < self.batch.len() {
            match ready!(self.poll_rest(cx))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => self.sent += taken,
            }
        }
        self.batch.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }
}
