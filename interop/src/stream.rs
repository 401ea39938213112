//! Either library's streams under one set of names.

use foctet_mux::{ReadError, WriteError};
use web_transport_trait::{Error as _, RecvStream as _, SendStream as _};

/// Why a stream ended before its content did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEnded {
    /// The sender reset it, with this code.
    Reset(u64),
    /// The receiver wants no more, with this code.
    Stopped(u64),
    /// Anything else, in the library's words.
    Otherwise(String),
}

impl From<WriteError> for StreamEnded {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::Stopped(code),
            other => Self::Otherwise(other.to_string()),
        }
    }
}

impl From<ReadError> for StreamEnded {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::Reset(code),
            other => Self::Otherwise(other.to_string()),
        }
    }
}

impl From<qmux::Error> for StreamEnded {
    fn from(error: qmux::Error) -> Self {
        match (&error, error.stream_error()) {
            (qmux::Error::StreamReset(_), Some(code)) => Self::Reset(code.into()),
            (qmux::Error::StreamStop(_), Some(code)) => Self::Stopped(code.into()),
            _ => Self::Otherwise(error.to_string()),
        }
    }
}

/// The sending half of a stream.
pub enum Sending {
    /// `foctet-mux`.
    Foctet(foctet_mux::SendStream),
    /// The crate `qmux`.
    Qmux(qmux::SendStream),
}

impl Sending {
    /// Writes all of `data`.
    ///
    /// # Errors
    /// What ended the stream.
    pub async fn write_all(&mut self, data: &[u8]) -> Result<(), StreamEnded> {
        match self {
            Self::Foctet(stream) => Ok(stream.write_all(data).await?),
            Self::Qmux(stream) => Ok(stream.write_all(data).await?),
        }
    }

    /// Says that nothing follows.
    pub fn finish(&mut self) {
        match self {
            Self::Foctet(stream) => stream.finish().expect("the stream is open"),
            Self::Qmux(stream) => stream.finish().expect("the stream is open"),
        }
    }

    /// Gives the stream up.
    pub fn reset(&mut self, code: u32) {
        match self {
            Self::Foctet(stream) => {
                stream.reset(code.into()).expect("the stream is open");
            }
            Self::Qmux(stream) => stream.reset(code),
        }
    }

    /// Waits until the peer wants no more and gives its code; none where the stream ended otherwise.
    pub async fn stopped(&mut self) -> Option<u64> {
        match self {
            Self::Foctet(stream) => stream.stopped().await.expect("the connection lasts"),
            Self::Qmux(stream) => match stream.closed().await.map_err(StreamEnded::from) {
                Err(StreamEnded::Stopped(code)) => Some(code),
                Ok(()) => None,
                Err(other) => panic!("neither stopped nor finished: {other:?}"),
            },
        }
    }
}

/// The receiving half of a stream.
pub enum Receiving {
    /// `foctet-mux`.
    Foctet(foctet_mux::RecvStream),
    /// The crate `qmux`.
    Qmux(qmux::RecvStream),
}

impl Receiving {
    /// Reads what is there; none at the end.
    ///
    /// # Errors
    /// What ended the stream early.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, StreamEnded> {
        match self {
            Self::Foctet(stream) => Ok(stream.read(buffer).await?),
            Self::Qmux(stream) => Ok(stream.read(buffer).await?),
        }
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// What ended the stream early.
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>, StreamEnded> {
        let mut buffer = [0; 4096];
        let mut all = Vec::new();
        while let Some(n) = self.read(&mut buffer).await? {
            all.extend_from_slice(&buffer[..n]);
        }
        Ok(all)
    }

    /// Asks the peer to send no more.
    pub fn stop(&mut self, code: u32) {
        match self {
            Self::Foctet(stream) => {
                stream.stop(code.into()).expect("the stream is open");
            }
            Self::Qmux(stream) => stream.stop(code),
        }
    }
}
