use std::io;
use std::path::PathBuf;

use foctet_core::bench::{FailCode, FrameError};
use foctet_net::{ConnectError, ConnectionError, ReadError, ReadExactError, ReadToEndError, WriteError};
use foctet_transfer::Escaped;
use foctet_transfer::wire::DiskCause;

/// Why measuring ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The other side said so.
    #[error("the other side ended it: {0}")]
    Refused(FailCode),
    /// The other side's disk failed.
    #[error("the other side's disk failed: {0}")]
    RemoteDisk(DiskCause),
    /// This side's disk failed.
    #[error("cannot measure the disk of {}: {source}", Escaped::path(dir))]
    Disk {
        /// Where.
        dir: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// What came is no frame.
    #[error("the other side broke the protocol: {0}")]
    Frame(#[from] FrameError),
    /// What came is not what was due.
    #[error("the other side broke the protocol: it said something else than {0}")]
    Unexpected(&'static str),
    /// Nothing came in time.
    #[error("the other side did not answer in time")]
    Silent,
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection is over.
    #[error("connection lost: {0}")]
    ConnectionLost(ConnectionError),
    /// Nobody can be told.
    #[error("cannot write to stdout: {0}")]
    Output(io::Error),
    /// A thread of ours failed.
    #[error("measuring failed: {0}")]
    Internal(#[from] tokio::task::JoinError),
}

/// The code that a connection is closed with, where the server ended it.
pub(super) fn close_code(code: FailCode) -> u64 {
    match code {
        FailCode::WrongSecret => 1,
        FailCode::Busy => 2,
        FailCode::Protocol => 3,
        FailCode::TimeUp => 4,
        FailCode::Disk => 5,
        FailCode::DiskLimit => 6,
        FailCode::Stopped => 7,
        FailCode::Other(code) => code.into(),
    }
}

impl From<ConnectionError> for BenchError {
    fn from(error: ConnectionError) -> Self {
        let ended =
            [FailCode::WrongSecret, FailCode::Busy, FailCode::Protocol, FailCode::TimeUp, FailCode::Stopped];
        match &error {
            ConnectionError::ApplicationClosed { code, .. } => {
                match ended.into_iter().find(|known| close_code(*known) == *code) {
                    Some(known) => Self::Refused(known),
                    None => Self::ConnectionLost(error),
                }
            }
            _ => Self::ConnectionLost(error),
        }
    }
}

impl From<WriteError> for BenchError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(lost) => lost.into(),
            _ => Self::Unexpected("to go on sending"),
        }
    }
}

impl From<ReadError> for BenchError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::ConnectionLost(lost) => lost.into(),
            _ => Self::Unexpected("all of an answer"),
        }
    }
}

impl From<ReadExactError> for BenchError {
    fn from(error: ReadExactError) -> Self {
        match error {
            ReadExactError::Read(error) => error.into(),
            _ => Self::Unexpected("all of an answer"),
        }
    }
}

impl From<ReadToEndError> for BenchError {
    fn from(error: ReadToEndError) -> Self {
        match error {
            ReadToEndError::Read(error) => error.into(),
            _ => Self::Unexpected("one answer"),
        }
    }
}
