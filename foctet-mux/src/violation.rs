//! What the peer did wrong.

use thiserror::Error;

use crate::TransportErrorCode;

/// A rule of the protocol that the peer broke; always the end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{code}: {reason}")]
pub struct Violation {
    /// The code that the peer is told.
    pub code: TransportErrorCode,
    /// The type of the frame at fault, 0 if it was no frame.
    pub frame_type: u64,
    /// The rule in words, told to the peer too.
    pub reason: &'static str,
}

impl Violation {
    pub(crate) fn new(code: TransportErrorCode, frame_type: u64, reason: &'static str) -> Self {
        Self { code, frame_type, reason }
    }

    /// Something malformed, unknown or not allowed.
    pub(crate) fn encoding(frame_type: u64, reason: &'static str) -> Self {
        Self::new(TransportErrorCode::FRAME_ENCODING_ERROR, frame_type, reason)
    }

    /// Something that is no other error.
    pub(crate) fn protocol(frame_type: u64, reason: &'static str) -> Self {
        Self::new(TransportErrorCode::PROTOCOL_VIOLATION, frame_type, reason)
    }

    /// A frame that the stream's state forbids.
    pub(crate) fn stream_state(frame_type: u64, reason: &'static str) -> Self {
        Self::new(TransportErrorCode::STREAM_STATE_ERROR, frame_type, reason)
    }

    /// Bad transport parameters.
    pub(crate) fn parameter(reason: &'static str) -> Self {
        Self::new(
            TransportErrorCode::TRANSPORT_PARAMETER_ERROR,
            crate::frame::types::TRANSPORT_PARAMETERS,
            reason,
        )
    }
}
