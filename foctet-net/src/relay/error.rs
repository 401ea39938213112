use foctet_core::relay::CloseCode;

use crate::error::{ConnectError, ConnectionError, IoFailure, ReadError, WriteError};

/// Why there is no leg to a relay, or none any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegError {
    /// The relay's name has no address.
    #[error("cannot find the address of the relay: {0}")]
    Resolve(IoFailure),
    /// Nothing at its addresses would talk to us.
    #[error("cannot connect to the relay: {0}")]
    Connect(ConnectError),
    /// The relay has ended the leg, or the stream, and said why.
    #[error("{0}")]
    Closed(CloseCode),
    /// The leg was lost.
    #[error("lost the relay: {0}")]
    Lost(ConnectionError),
    /// The relay broke the protocol.
    #[error("the relay broke the protocol: {0}")]
    Protocol(Box<str>),
    /// The relay did not answer in time.
    #[error("the relay did not answer in time")]
    TimedOut,
    /// The relay was silent for too long.
    #[error("the relay fell silent")]
    Silent,
    /// There is no leg to that relay.
    #[error("there is no connection to the relay")]
    NoLeg,
    /// This endpoint is closed.
    #[error("this endpoint is closed")]
    EndpointClosed,
}

impl From<ConnectionError> for LegError {
    fn from(error: ConnectionError) -> Self {
        match &error {
            ConnectionError::ApplicationClosed { code, .. } => {
                CloseCode::from_code(*code).map_or(Self::Lost(error), Self::Closed)
            }
            _ => Self::Lost(error),
        }
    }
}

impl From<ReadError> for LegError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::ConnectionLost(error) => error.into(),
            ReadError::Reset(code) => ended(code),
            ReadError::ClosedStream => Self::Lost(ConnectionError::LocallyClosed),
        }
    }
}

impl From<WriteError> for LegError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(error) => error.into(),
            WriteError::Stopped(code) => ended(code),
            _ => Self::Lost(ConnectionError::LocallyClosed),
        }
    }
}

/// What the code of a reset or a stop by the relay means.
fn ended(code: u64) -> LegError {
    CloseCode::from_code(code)
        .map_or_else(|| LegError::Protocol("a stream ended with an unknown code".into()), LegError::Closed)
}
