//! noq's errors in our words.

use std::io;

use crate::error::{ConnectionError, IoFailure, ReadError, SendDatagramError, WriteError};
use crate::hello;

impl From<noq::ConnectionError> for ConnectionError {
    fn from(error: noq::ConnectionError) -> Self {
        match error {
            noq::ConnectionError::ApplicationClosed(close) => {
                hello::application_closed(close.error_code.into_inner(), close.reason)
            }
            noq::ConnectionError::ConnectionClosed(close) => {
                Self::ConnectionClosed { code: u64::from(close.error_code), reason: close.reason }
            }
            noq::ConnectionError::TransportError(error) => {
                Self::TransportError { code: u64::from(error.code), reason: error.reason.into() }
            }
            noq::ConnectionError::VersionMismatch => Self::TransportError {
                code: u64::from(noq::TransportErrorCode::PROTOCOL_VIOLATION),
                reason: "no QUIC version in common".into(),
            },
            noq::ConnectionError::Reset => {
                Self::Lost(IoFailure::new(io::ErrorKind::ConnectionReset, "reset by the peer"))
            }
            noq::ConnectionError::TimedOut => Self::TimedOut,
            noq::ConnectionError::LocallyClosed => Self::LocallyClosed,
            noq::ConnectionError::CidsExhausted => {
                Self::Lost(IoFailure::new(io::ErrorKind::Other, "no connection ids left"))
            }
        }
    }
}

impl From<noq::WriteError> for WriteError {
    fn from(error: noq::WriteError) -> Self {
        match error {
            noq::WriteError::Stopped(code) => Self::Stopped(code.into_inner()),
            noq::WriteError::ConnectionLost(error) => Self::ConnectionLost(error.into()),
            // We never send early data, so none is ever rejected.
            noq::WriteError::ClosedStream | noq::WriteError::ZeroRttRejected => Self::ClosedStream,
        }
    }
}

impl From<noq::ReadError> for ReadError {
    fn from(error: noq::ReadError) -> Self {
        match error {
            noq::ReadError::Reset(code) => Self::Reset(code.into_inner()),
            noq::ReadError::ConnectionLost(error) => Self::ConnectionLost(error.into()),
            noq::ReadError::ClosedStream | noq::ReadError::ZeroRttRejected => Self::ClosedStream,
        }
    }
}

impl From<noq::SendDatagramError> for SendDatagramError {
    fn from(error: noq::SendDatagramError) -> Self {
        match error {
            // We always take datagrams, so disabled means the same to the sender.
            noq::SendDatagramError::UnsupportedByPeer | noq::SendDatagramError::Disabled => {
                Self::UnsupportedByPeer
            }
            noq::SendDatagramError::TooLarge => Self::TooLarge,
            noq::SendDatagramError::ConnectionLost(error) => Self::ConnectionLost(error.into()),
        }
    }
}
