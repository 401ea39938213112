use std::io;

use crate::error::ConnectionError;

/// Why bytes were not taken by a [`SendStream`](crate::SendStream).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The peer wants no more of this stream.
    #[error("stopped by the peer (code {0})")]
    Stopped(u64),
    /// The connection is over.
    #[error("connection lost: {0}")]
    ConnectionLost(#[from] ConnectionError),
    /// The stream was finished or reset by this side.
    #[error("the stream is closed")]
    ClosedStream,
    /// [`SendStream::delivered`](crate::SendStream::delivered) was asked before the stream was finished.
    #[error("the stream is not finished")]
    NotFinished,
}

/// Why no bytes came from a [`RecvStream`](crate::RecvStream).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The peer abandoned the stream.
    #[error("reset by the peer (code {0})")]
    Reset(u64),
    /// The connection is over.
    #[error("connection lost: {0}")]
    ConnectionLost(#[from] ConnectionError),
    /// The stream was stopped by this side.
    #[error("the stream is closed")]
    ClosedStream,
}

/// Why [`RecvStream::read_exact`](crate::RecvStream::read_exact) could not fill its buffer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadExactError {
    /// The stream ended after this many bytes.
    #[error("the stream ended after {0} bytes")]
    FinishedEarly(usize),
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why [`RecvStream::read_to_end`](crate::RecvStream::read_to_end) gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadToEndError {
    /// The stream is longer than the limit.
    #[error("the stream is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The stream was finished, reset or stopped by this side before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream is closed")]
pub struct ClosedStream;

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(lost) => lost.into(),
            WriteError::Stopped(_) => Self::new(io::ErrorKind::BrokenPipe, error),
            WriteError::ClosedStream | WriteError::NotFinished => {
                Self::new(io::ErrorKind::NotConnected, error)
            }
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::ConnectionLost(lost) => lost.into(),
            ReadError::Reset(_) => Self::new(io::ErrorKind::ConnectionReset, error),
            ReadError::ClosedStream => Self::new(io::ErrorKind::NotConnected, error),
        }
    }
}

impl From<ClosedStream> for io::Error {
    fn from(error: ClosedStream) -> Self {
        Self::new(io::ErrorKind::NotConnected, error)
    }
}
