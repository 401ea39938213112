use crate::control::LinkError;
use crate::error::{ProtocolError, RemoteFailure, SendError};
use crate::wire::{Failure, FailureCode};

/// Why serving a receiver ends, and what the receiver is told about it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: SendError,
    pub(super) failure: Option<Failure>,
}

impl Fault {
    /// The receiver gave up.
    pub(super) fn remote(failure: Failure, path: Option<String>) -> Self {
        let remote = RemoteFailure { code: failure.code, path, detail: failure.detail };
        Self { error: SendError::Receiver(remote), failure: None }
    }
}

impl From<ProtocolError> for Fault {
    fn from(error: ProtocolError) -> Self {
        let code = match error {
            ProtocolError::WrongResult => FailureCode::Unverified,
            _ => FailureCode::Protocol,
        };
        Self { error: error.into(), failure: Some(Failure::new(code)) }
    }
}

impl From<LinkError> for Fault {
    fn from(error: LinkError) -> Self {
        match error {
            // The receiver's half ended without a word: its program was stopped.
            LinkError::Ended | LinkError::AskedAnew => {
                Self::remote(Failure::new(FailureCode::Cancelled), None)
            }
            LinkError::Stalled => {
                Self { error: SendError::Stalled, failure: Some(Failure::new(FailureCode::Stalled)) }
            }
            LinkError::Lost(lost) => Self { error: lost.into(), failure: None },
            LinkError::Protocol(error) => error.into(),
        }
    }
}
