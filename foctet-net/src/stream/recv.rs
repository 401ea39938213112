use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use crate::connection::{Connection, MAX_CODE};
use crate::error::{ClosedStream, ReadError, ReadExactError, ReadToEndError};
use crate::stream::StreamId;

/// The receiving half of a stream.
///
/// Dropped before its end, it stops the stream with code 0. Keeps its connection alive.
///
/// When the peer has closed the connection or it was lost, what had arrived can still be read, in order and without gaps; then reads
/// end with the connection's error, or with the end of the stream if that had arrived too.
pub struct RecvStream {
    carrier: RecvCarrier,
    state: State,
    connection: Connection,
}

/// The same half as its transport knows it.
pub(crate) enum RecvCarrier {
    Quic(noq::RecvStream),
    Tcp(foctet_mux::RecvStream),
}

/// How far the stream came, as its reader has seen it. An end, once seen, stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Reset(u64),
    Stopped,
}

impl RecvStream {
    pub(crate) fn new(carrier: RecvCarrier, connection: Connection) -> Self {
        Self { carrier, state: State::Open, connection }
    }

    /// Which stream of the connection this is.
    pub fn id(&self) -> StreamId {
        match &self.carrier {
            RecvCarrier::Quic(stream) => StreamId(noq::VarInt::from(stream.id()).into_inner()),
            RecvCarrier::Tcp(stream) => StreamId(stream.id().as_u64()),
        }
    }

    /// Reads what is there, up to the buffer's length, and says how many bytes; `None` at the end of the
    /// stream. Waits until there is at least one byte.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has taken nothing.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, ReadError> {
        if self.has_ended()? {
            return Ok(None);
        }
        let read = match &mut self.carrier {
            RecvCarrier::Quic(stream) => stream.read(buffer).await.map_err(ReadError::from),
            RecvCarrier::Tcp(stream) => stream.read(buffer).await.map_err(ReadError::from),
        };
        self.note(read)
    }

    /// Fills the whole buffer.
    ///
    /// # Errors
    ///
    /// [`ReadExactError::FinishedEarly`] if the stream ends first.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped before it resolves, it may have taken bytes.
    pub async fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ReadExactError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read(rest).await? {
                Some(read) => filled += read,
                None => return Err(ReadExactError::FinishedEarly(filled)),
            }
        }
        Ok(())
    }

    /// Takes what is there without copying it, at most `max` bytes; `None` at the end of the stream. Where
    /// chunks begin and end says nothing about how they were written.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it resolves, it has taken nothing.
    pub async fn read_chunk(&mut self, max: usize) -> Result<Option<Bytes>, ReadError> {
        if self.has_ended()? {
            return Ok(None);
        }
        let read = match &mut self.carrier {
            RecvCarrier::Quic(stream) => stream.read_chunk(max).await.map_err(ReadError::from),
            RecvCarrier::Tcp(stream) => stream.read_chunk(max).await.map_err(ReadError::from),
        };
        self.note(read)
    }

    /// Reads up to the end of the stream, at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`ReadToEndError::TooLong`] if there is more; what was read is lost then, and the stream is still
    /// open.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped before it resolves, it may have taken bytes.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, ReadToEndError> {
        let mut all = Vec::new();
        while let Some(chunk) = self.read_chunk(usize::MAX).await? {
            if chunk.len() > limit - all.len() {
                return Err(ReadToEndError::TooLong { limit });
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// Tells the peer to stop sending: its writes end with
    /// [`WriteError::Stopped`](crate::WriteError::Stopped) and this code. What had arrived is dropped. Codes
    /// above [`MAX_CODE`](crate::MAX_CODE) are sent as that.
    ///
    /// # Errors
    ///
    /// [`ClosedStream`] if the end of the stream was read, or it was stopped before.
    pub fn stop(&mut self, code: u64) -> Result<(), ClosedStream> {
        if self.state != State::Open {
            return Err(ClosedStream);
        }
        self.state = State::Stopped;
        let code = code.min(MAX_CODE);
        // Either fails only where the stream is over already: then there is nothing to stop.
        match &mut self.carrier {
            RecvCarrier::Quic(stream) => {
                stream.stop(noq::VarInt::from_u64(code).unwrap_or(noq::VarInt::MAX)).ok();
            }
            RecvCarrier::Tcp(stream) => {
                stream.stop(code).ok();
            }
        }
        Ok(())
    }

    /// Waits until the peer resets the stream, without reading it, and gives the peer's code; `None` if
    /// that can no longer happen, because its end was read or it was stopped.
    ///
    /// # Errors
    ///
    /// [`ReadError::ConnectionLost`] if the connection is over first.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn received_reset(&mut self) -> Result<Option<u64>, ReadError> {
        match self.state {
            State::Open => {}
            State::Reset(code) => return Ok(Some(code)),
            State::Ended | State::Stopped => return Ok(None),
        }
        let code = match &mut self.carrier {
            RecvCarrier::Quic(stream) => match stream.received_reset().await {
                Ok(code) => code.map(noq::VarInt::into_inner),
                Err(noq::ResetError::ConnectionLost(error)) => {
                    return Err(ReadError::ConnectionLost(error.into()));
                }
                Err(noq::ResetError::ZeroRttRejected) => None,
            },
            RecvCarrier::Tcp(stream) => stream.received_reset().await?,
        };
        if let Some(code) = code {
            self.state = State::Reset(code);
        }
        Ok(code)
    }

    /// Whether the end was read; how else the stream ended is an error. The transports are not asked: their answers
    /// differ once a stream has ended.
    fn has_ended(&self) -> Result<bool, ReadError> {
        match self.state {
            State::Open => {
                self.connection.check_not_closed_here()?;
                Ok(false)
            }
            State::Ended => Ok(true),
            State::Reset(code) => Err(ReadError::Reset(code)),
            State::Stopped => Err(ReadError::ClosedStream),
        }
    }

    fn note<T>(&mut self, read: Result<Option<T>, ReadError>) -> Result<Option<T>, ReadError> {
        match &read {
            Ok(None) => self.state = State::Ended,
            Err(ReadError::Reset(code)) => self.state = State::Reset(*code),
            _ => {}
        }
        read
    }
}

impl AsyncRead for RecvStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if self.has_ended()? {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = match &mut self.carrier {
            RecvCarrier::Quic(stream) => ready!(stream.poll_read(cx, buffer.initialize_unfilled()))
                .map(|read| buffer.advance(read))
                .map_err(ReadError::from),
            RecvCarrier::Tcp(stream) => match ready!(Pin::new(stream).poll_read(cx, buffer)) {
                Ok(()) => Ok(()),
                Err(error) => Err(ReadError::from(error.downcast::<foctet_mux::ReadError>()?)),
            },
        };
        let filled = read.map(|()| (buffer.filled().len() > before).then_some(()));
        self.note(filled)?;
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for RecvStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvStream")
            .field("id", &self.id())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
