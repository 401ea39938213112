use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use crate::connection::{Connection, MAX_CODE};
use crate::error::{ClosedStream, ConnectionError, WriteError};
use crate::stream::StreamId;

/// Bytes of a chunk that are written at once over QUIC: between pieces the room for what is not acknowledged yet can grow.
const PIECE: usize = 256 * 1024;

/// The sending half of a stream.
///
/// Dropped without [`finish`](Self::finish) or [`reset`](Self::reset), the stream is finished: what was
/// written is still delivered, as long as the connection lives. Keeps its connection alive.
pub struct SendStream {
    carrier: SendCarrier,
    state: State,
    connection: Connection,
}

/// The same half as its transport knows it.
pub(crate) enum SendCarrier {
    Quic(noq::SendStream),
    Tcp(foctet_mux::SendStream),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Finished,
    Reset,
}

impl SendStream {
    pub(crate) fn new(carrier: SendCarrier, connection: Connection) -> Self {
        Self { carrier, state: State::Open, connection }
    }

    /// Which stream of the connection this is.
    pub fn id(&self) -> StreamId {
        match &self.carrier {
            SendCarrier::Quic(stream) => StreamId(noq::VarInt::from(stream.id()).into_inner()),
            SendCarrier::Tcp(stream) => StreamId(stream.id().as_u64()),
        }
    }

    /// Writes some of `data`, as much as fits now, and says how many bytes. Waits until there is room for at
    /// least one: a peer that does not read makes it wait.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has written nothing.
    pub async fn write(&mut self, data: &[u8]) -> Result<usize, WriteError> {
        self.check_open()?;
        match &mut self.carrier {
            SendCarrier::Quic(stream) => {
                self.connection.inner.carrier.make_room(data.len());
                Ok(stream.write(data).await?)
            }
            SendCarrier::Tcp(stream) => Ok(stream.write(data).await?),
        }
    }

    /// Writes all of `data`.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped before it resolves, it may have written a part of `data`.
    pub async fn write_all(&mut self, mut data: &[u8]) -> Result<(), WriteError> {
        while !data.is_empty() {
            let written = self.write(data).await?;
            data = data.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes all of `data` without copying it.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped before it resolves, it may have written a part of `data`.
    pub async fn write_chunk(&mut self, mut data: Bytes) -> Result<(), WriteError> {
        self.check_open()?;
        match &mut self.carrier {
            SendCarrier::Quic(stream) => {
                while !data.is_empty() {
                    let piece = data.split_to(data.len().min(PIECE));
                    self.connection.inner.carrier.make_room(piece.len());
                    stream.write_chunk(piece).await?;
                }
                Ok(())
            }
            SendCarrier::Tcp(stream) => Ok(stream.write_chunk(data).await?),
        }
    }

    /// Says that nothing more comes. What was written is still delivered; to know when, await
    /// [`delivered`](Self::delivered).
    ///
    /// # Errors
    ///
    /// [`ClosedStream`] if the stream was finished or reset before. A stream that the peer stopped can still
    /// be finished; that does nothing.
    pub fn finish(&mut self) -> Result<(), ClosedStream> {
        if self.state != State::Open {
            return Err(ClosedStream);
        }
        self.state = State::Finished;
        match &mut self.carrier {
            SendCarrier::Quic(stream) => {
                self.connection.inner.finishing.add(stream.stopped());
                // It fails only for a stream that is closed, which the state above excludes.
                stream.finish().ok();
            }
            SendCarrier::Tcp(stream) => {
                stream.finish().ok();
            }
        }
        Ok(())
    }

    /// Abandons the stream: what was not yet delivered is dropped, and the peer's reads end with
    /// [`ReadError::Reset`](crate::ReadError::Reset) and this code, unless it has everything already.
    ///
    /// Also possible after [`finish`](Self::finish). Codes above [`MAX_CODE`](crate::MAX_CODE) are sent as
    /// that.
    ///
    /// # Errors
    ///
    /// [`ClosedStream`] if the stream was reset before.
    pub fn reset(&mut self, code: u64) -> Result<(), ClosedStream> {
        if self.state == State::Reset {
            return Err(ClosedStream);
        }
        self.state = State::Reset;
        let code = code.min(MAX_CODE);
        // Either fails only where everything was delivered already: then there is nothing to abandon.
        match &mut self.carrier {
            SendCarrier::Quic(stream) => {
                stream.reset(noq::VarInt::from_u64(code).unwrap_or(noq::VarInt::MAX)).ok();
            }
            SendCarrier::Tcp(stream) => {
                stream.reset(code).ok();
            }
        }
        Ok(())
    }

    /// Sets which streams go first: those of a higher priority send before those of a lower one, and equals
    /// share. 0 at first.
    ///
    /// # Errors
    ///
    /// [`ClosedStream`] if the stream was finished or reset before.
    pub fn set_priority(&mut self, priority: i32) -> Result<(), ClosedStream> {
        if self.state != State::Open {
            return Err(ClosedStream);
        }
        // They fail only for a stream that is closed, which the state above excludes, or stopped by the
        // peer, whose priority matters no more.
        match &mut self.carrier {
            SendCarrier::Quic(stream) => {
                stream.set_priority(priority).ok();
            }
            SendCarrier::Tcp(stream) => stream.set_priority(priority),
        }
        Ok(())
    }

    /// Waits until the peer stops the stream, and gives the peer's code; or, once it is finished, until the
    /// peer's stack has everything, and gives `None`.
    ///
    /// # Errors
    ///
    /// [`ConnectionError`] if the connection is over first.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn stopped(&self) -> Result<Option<u64>, ConnectionError> {
        match &self.carrier {
            SendCarrier::Quic(stream) => match stream.stopped().await {
                Ok(code) => Ok(code.map(noq::VarInt::into_inner)),
                Err(noq::StoppedError::ConnectionLost(error)) => Err(error.into()),
                Err(noq::StoppedError::ZeroRttRejected) => Ok(None),
            },
            SendCarrier::Tcp(stream) => match stream.stopped().await {
                Ok(code) => Ok(code),
                Err(foctet_mux::StoppedError::ConnectionLost(error)) => Err(error.into()),
            },
        }
    }

    /// Waits until the peer's stack has everything that was written, and its end; not until the peer's
    /// application has read it. Call [`finish`](Self::finish) first.
    ///
    /// Over QUIC everything is then acknowledged; over TCP the peer's multiplexer has answered a question
    /// that was sent after the last byte.
    ///
    /// # Errors
    ///
    /// [`WriteError::Stopped`] if the peer did not want it all, [`WriteError::ConnectionLost`] if the
    /// connection is over first, [`WriteError::NotFinished`] before [`finish`](Self::finish),
    /// [`WriteError::ClosedStream`] after [`reset`](Self::reset).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn delivered(&self) -> Result<(), WriteError> {
        match self.state {
            State::Open => return Err(WriteError::NotFinished),
            State::Reset => return Err(WriteError::ClosedStream),
            State::Finished => {}
        }
        match &self.carrier {
            SendCarrier::Quic(_) => match self.stopped().await? {
                Some(code) => Err(WriteError::Stopped(code)),
                None => Ok(()),
            },
            SendCarrier::Tcp(stream) => Ok(stream.delivered().await?),
        }
    }

    fn check_open(&self) -> Result<(), WriteError> {
        if self.state == State::Open { Ok(()) } else { Err(WriteError::ClosedStream) }
    }
}

impl AsyncWrite for SendStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if let Err(error) = self.check_open() {
            return Poll::Ready(Err(error.into()));
        }
        let this = &mut *self;
        match &mut this.carrier {
            SendCarrier::Quic(stream) => {
                this.connection.inner.carrier.make_room(data.len());
                Pin::new(stream).poll_write(cx, data).map_err(|error| WriteError::from(error).into())
            }
            SendCarrier::Tcp(stream) => AsyncWrite::poll_write(Pin::new(stream), cx, data).map_err(typed),
        }
    }

    /// Nothing waits here: what was written is on its way.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Finishes the stream; see [`SendStream::finish`].
    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.state {
            State::Open => Poll::Ready(self.finish().map_err(Into::into)),
            State::Finished => Poll::Ready(Ok(())),
            State::Reset => Poll::Ready(Err(ClosedStream.into())),
        }
    }
}

/// The multiplexer's error in our words, as the other transport gives it.
fn typed(error: io::Error) -> io::Error {
    match error.downcast::<foctet_mux::WriteError>() {
        Ok(error) => WriteError::from(error).into(),
        Err(error) => error,
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        // Both transports finish by themselves; here it is counted too, for `Endpoint::close`.
        if self.state == State::Open {
            self.finish().ok();
        }
    }
}

impl fmt::Debug for SendStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendStream")
            .field("id", &self.id())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
