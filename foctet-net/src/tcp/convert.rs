//! foctet-mux's errors in our words.

use crate::error::{ConnectionError, IoFailure, ReadError, SendDatagramError, WriteError};
use crate::hello;

impl From<foctet_mux::ConnectionError> for ConnectionError {
    fn from(error: foctet_mux::ConnectionError) -> Self {
        match error {
            foctet_mux::ConnectionError::ApplicationClosed { code, reason } => {
                hello::application_closed(code, reason)
            }
            foctet_mux::ConnectionError::ConnectionClosed { code, reason, .. } => {
                Self::ConnectionClosed { code: code.as_u64(), reason }
            }
            foctet_mux::ConnectionError::TransportError { code, reason } => {
                Self::TransportError { code: code.as_u64(), reason }
            }
            foctet_mux::ConnectionError::TimedOut => Self::TimedOut,
            foctet_mux::ConnectionError::LocallyClosed => Self::LocallyClosed,
            foctet_mux::ConnectionError::Carrier { kind, message } => {
                Self::Lost(IoFailure::new(kind, message))
            }
            // The enum may grow; what it then says is a loss all the same.
            other => Self::Lost(IoFailure::new(std::io::ErrorKind::Other, other.to_string())),
        }
    }
}

impl From<foctet_mux::WriteError> for WriteError {
    fn from(error: foctet_mux::WriteError) -> Self {
        match error {
            foctet_mux::WriteError::Stopped(code) => Self::Stopped(code),
            foctet_mux::WriteError::ConnectionLost(error) => Self::ConnectionLost(error.into()),
            foctet_mux::WriteError::ClosedStream => Self::ClosedStream,
        }
    }
}

impl From<foctet_mux::ReadError> for ReadError {
    fn from(error: foctet_mux::ReadError) -> Self {
        match error {
            foctet_mux::ReadError::Reset(code) => Self::Reset(code),
            foctet_mux::ReadError::ConnectionLost(error) => Self::ConnectionLost(error.into()),
            foctet_mux::ReadError::ClosedStream => Self::ClosedStream,
        }
    }
}

impl From<foctet_mux::SendDatagramError> for SendDatagramError {
    fn from(error: foctet_mux::SendDatagramError) -> Self {
        match error {
            // We always take datagrams, so disabled means the same to the sender.
            foctet_mux::SendDatagramError::UnsupportedByPeer | foctet_mux::SendDatagramError::Disabled => {
                Self::UnsupportedByPeer
            }
            foctet_mux::SendDatagramError::TooLarge => Self::TooLarge,
            foctet_mux::SendDatagramError::ConnectionLost(error) => Self::ConnectionLost(error.into()),
        }
    }
}
