use std::path::PathBuf;

use crate::control::LinkError;
use crate::error::{DiskError, ProtocolError, ReceiveError, RemoteFailure};
use crate::manifest::{Manifest, ManifestError};
use crate::wire::{Failure, FailureCode, SourceChange};

/// Why receiving ends, and what the sender is told about it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: ReceiveError,
    pub(crate) failure: Option<Failure>,
}

impl Fault {
    pub(crate) fn new(error: ReceiveError, failure: Failure) -> Self {
        Self { error, failure: Some(failure) }
    }

    /// This process is being shut down.
    pub(crate) fn cancelled() -> Self {
        let remote = RemoteFailure { code: FailureCode::Cancelled, path: None, detail: 0 };
        Self { error: ReceiveError::Sender(remote), failure: Some(Failure::new(FailureCode::Cancelled)) }
    }

    /// The sender gave up.
    pub(crate) fn remote(failure: Failure, manifest: &Manifest) -> Self {
        let path = failure.entry.and_then(|entry| manifest.entry(entry)).map(|entry| entry.path());
        let error = match (failure.code, path) {
            (FailureCode::SourceChanged, Some(path)) => ReceiveError::SourceChanged {
                path: PathBuf::from(path),
                how: SourceChange::from_detail(failure.detail),
            },
            (FailureCode::WrongSecret, _) => ReceiveError::WrongSecret,
            (code, path) => ReceiveError::Sender(RemoteFailure { code, path, detail: failure.detail }),
        };
        Self { error, failure: None }
    }

    /// The sender gave up before its manifest was here.
    pub(super) fn remote_unknown(failure: Failure) -> Self {
        let error = match failure.code {
            FailureCode::WrongSecret => ReceiveError::WrongSecret,
            code => ReceiveError::Sender(RemoteFailure { code, path: None, detail: failure.detail }),
        };
        Self { error, failure: None }
    }
}

impl From<ProtocolError> for Fault {
    fn from(error: ProtocolError) -> Self {
        Self::new(error.into(), Failure::new(FailureCode::Protocol))
    }
}

impl From<DiskError> for Fault {
    fn from(error: DiskError) -> Self {
        let failure = error.failure();
        Self::new(error.into(), failure)
    }
}

impl From<ManifestError> for Fault {
    fn from(error: ManifestError) -> Self {
        let failure = match &error {
            ManifestError::Unsafe(refused) => {
                Failure { entry: Some(refused.entry), ..Failure::new(FailureCode::UnsafeContent) }
            }
            ManifestError::Malformed(_) => Failure::new(FailureCode::Protocol),
            _ => Failure::new(FailureCode::UnsafeContent),
        };
        Self::new(error.into(), failure)
    }
}

impl From<LinkError> for Fault {
    fn from(error: LinkError) -> Self {
        match error {
            // The sender's half ended without a word: its program was stopped.
            LinkError::Ended | LinkError::AskedAnew => {
                Self::remote_unknown(Failure::new(FailureCode::Cancelled))
            }
            LinkError::Stalled => Self::new(ReceiveError::Stalled, Failure::new(FailureCode::Stalled)),
            LinkError::Lost(lost) => Self { error: lost.into(), failure: None },
            LinkError::Protocol(error) => error.into(),
        }
    }
}
