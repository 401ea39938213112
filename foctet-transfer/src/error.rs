//! Why transfers fail.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foctet_net::{ConnectError, ConnectionError};

use crate::escape::Escaped;
use crate::event::SkipReason;
use crate::manifest::{ManifestError, UnsafeContent};
use crate::wire::{DiskCause, Failure, FailureCode, FrameError, SourceChange};

/// An operation on this machine's files that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskError {
    /// What was tried.
    pub doing: &'static str,
    /// On what: show it through [`Escaped::path`].
    pub path: PathBuf,
    /// The kind of the system's error.
    pub kind: io::ErrorKind,
    message: Arc<str>,
}

impl DiskError {
    pub(crate) fn new(doing: &'static str, path: impl AsRef<Path>, error: &io::Error) -> Self {
        let message = match error.kind() {
            io::ErrorKind::StorageFull => "the disk is full".into(),
            io::ErrorKind::QuotaExceeded => "the disk quota is used up".into(),
            io::ErrorKind::PermissionDenied => "permission denied".into(),
            io::ErrorKind::NotFound => "no such file or directory".into(),
            io::ErrorKind::ReadOnlyFilesystem => "the filesystem is read-only".into(),
            io::ErrorKind::NotADirectory => "not a directory".into(),
            _ => error.to_string(),
        };
        Self { doing, path: path.as_ref().to_owned(), kind: error.kind(), message: message.into() }
    }

    /// What the other side is told.
    pub(crate) fn failure(&self) -> Failure {
        let code = match self.kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureCode::DiskFull,
            io::ErrorKind::AlreadyExists => FailureCode::NameExists,
            _ => FailureCode::Disk,
        };
        Failure { detail: DiskCause::from(self.kind).to_detail(), ..Failure::new(code) }
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.doing, Escaped::path(&self.path), self.message)
    }
}

impl std::error::Error for DiskError {}

/// What the other side did that the protocol forbids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Bytes that are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that does not belong here.
    #[error("a frame at the wrong time: expected {expected}")]
    Unexpected {
        /// What should have come.
        expected: &'static str,
    },
    /// The stream ended inside a frame, an answer or the conversation.
    #[error("a stream ended too early")]
    EndedEarly,
    /// An answer that is none.
    #[error("an answer of the unknown kind {0}")]
    UnknownAnswer(u8),
    /// Bytes behind the last answer.
    #[error("more was sent than asked for")]
    Trailing,
    /// The manifest has another number of entries or another hash than announced.
    #[error("the manifest is not the one announced")]
    ManifestMismatch,
    /// Ranges of something that is no file, or beyond its end, or left out before.
    #[error("asked for what was not offered")]
    NotOffered,
    /// Entries to leave out that do not exist or do not ascend.
    #[error("left out what was not offered")]
    BadSelection,
    /// Files or groups in an order that would have to be remembered without bound.
    #[error("asked too far out of order")]
    TooFarAhead,
    /// More data streams at once than allowed.
    #[error("opened too many streams")]
    TooManyStreams,
    /// A result that is not what was sent.
    #[error("acknowledged something other than what was sent")]
    WrongResult,
    /// Nothing came within the time allowed.
    #[error("did not say anything in time")]
    Silent,
}

/// Why an offer cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// A path given does not exist.
    #[error("{} does not exist", Escaped::path(.path))]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A path given cannot be sent: it is a device, for instance, or its name is refused.
    #[error("{} cannot be sent: {why}", Escaped::path(.path))]
    Unsendable {
        /// The path.
        path: PathBuf,
        /// Why not.
        why: SkipReason,
    },
    /// Two paths given would have the same name at the receiver.
    #[error("{} and {} would have the same name", Escaped::path(.first), Escaped::path(.second))]
    SameName {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The offer exceeds a limit.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why sending to one receiver failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The peer does not hold the ticket.
    #[error("the peer does not know this ticket's secret")]
    WrongSecret,
    /// The receiver does not want it.
    #[error("the receiver declined")]
    Declined,
    /// The receiver gave up.
    #[error("the receiver gave up: {0}")]
    Receiver(RemoteFailure),
    /// A file is no longer what was offered. The receiver keeps nothing of it.
    #[error("{} changed while it was sent: {how}", Escaped::path(.path))]
    SourceChanged {
        /// The file's path in the manifest.
        path: PathBuf,
        /// How it changed.
        how: SourceChange,
    },
    /// A file cannot be read any more.
    #[error(transparent)]
    Source(DiskError),
    /// The receiver broke the protocol.
    #[error("the receiver broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// The receiver takes nothing any more.
    #[error("the receiver stopped reading")]
    Stalled,
    /// The receiver has come back on another connection, where it is served on.
    #[error("the receiver came back on another connection")]
    Replaced,
    /// Whoever it was holds the ticket, and only looked at the connection.
    #[error("only a ping")]
    OnlyPing,
    /// The connection is over.
    #[error("connection lost: {0}")]
    ConnectionLost(#[from] ConnectionError),
}

/// Why receiving failed. Unless it says otherwise, nothing has a final name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The sender does not accept this ticket.
    #[error("the sender does not accept this ticket")]
    WrongSecret,
    /// The manifest holds something that must not be written.
    #[error("unsafe content refused: {0}")]
    Unsafe(UnsafeContent),
    /// The manifest is malformed or exceeds a limit.
    #[error("manifest refused: {0}")]
    Manifest(ManifestError),
    /// The name exists and may not be replaced. Other entries of the offer may have been completed before.
    #[error("{} exists already", Escaped::path(.path))]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The content does not fit on the disk.
    #[error("not enough space: {needed} bytes needed, {free} free")]
    NoSpace {
        /// Bytes that would be written.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// This machine's disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Other transfers of the same name into the same directory are running.
    #[error("too many transfers of {} into one directory", Escaped::path(.path))]
    Busy {
        /// The first name.
        path: PathBuf,
    },
    /// The output given to [`Incoming::stream_into`](crate::Incoming::stream_into) failed.
    #[error("cannot write the output: {message}")]
    Output {
        /// The kind of error.
        kind: io::ErrorKind,
        /// The system's words.
        message: Arc<str>,
    },
    /// What is offered is not exactly one file.
    #[error("only a single file can be streamed")]
    NotOneFile,
    /// The source changed at the sender.
    #[error("{} changed at the sender: {how}", Escaped::path(.path))]
    SourceChanged {
        /// The file's path in the manifest.
        path: PathBuf,
        /// How it changed.
        how: SourceChange,
    },
    /// The content of a file does not match its hash.
    #[error("{} arrived corrupt", Escaped::path(.path))]
    Corrupt {
        /// The file's path in the manifest.
        path: PathBuf,
    },
    /// The sender gave up.
    #[error("the sender gave up: {0}")]
    Sender(RemoteFailure),
    /// The sender broke the protocol.
    #[error("the sender broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// The sender sends nothing any more.
    #[error("the sender stopped sending")]
    Stalled,
    /// After the connection was lost the sender came back with another offer.
    #[error("the sender came back with other content")]
    OfferChanged,
    /// After the connection was lost the sender could not be reached, for a reason that will not pass.
    #[error("cannot reconnect: {0}")]
    Reconnect(ConnectError),
    /// The connection is over.
    #[error("connection lost: {0}")]
    ConnectionLost(#[from] ConnectionError),
}

impl From<ManifestError> for ReceiveError {
    fn from(error: ManifestError) -> Self {
        match error {
            ManifestError::Unsafe(refused) => Self::Unsafe(refused),
            other => Self::Manifest(other),
        }
    }
}

/// What the other side said when it gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFailure {
    /// What went wrong there.
    pub code: FailureCode,
    /// The path in the manifest that it is about: show it through [`Escaped`].
    pub path: Option<String>,
    /// More about it, see [`Failure::detail`].
    pub detail: u8,
}

impl fmt::Display for RemoteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            FailureCode::WrongSecret => f.write_str("it does not accept the ticket's secret")?,
            FailureCode::SourceChanged => {
                write!(f, "source changed: {}", SourceChange::from_detail(self.detail))?;
            }
            FailureCode::SourceUnreadable => {
                write!(f, "it cannot read the source: {}", DiskCause::from_detail(self.detail))?;
            }
            FailureCode::Protocol => f.write_str("it says that this side broke the protocol")?,
            FailureCode::Unverified => f.write_str("the result is not what it sent")?,
            FailureCode::DiskFull => match DiskCause::from_detail(self.detail) {
                DiskCause::Quota => f.write_str("its disk quota is used up")?,
                _ => f.write_str("its disk is full")?,
            },
            FailureCode::Disk => write!(f, "its disk failed: {}", DiskCause::from_detail(self.detail))?,
            FailureCode::NameExists => f.write_str("the name exists there already")?,
            FailureCode::UnsafeContent => f.write_str("it refuses the content as unsafe")?,
            FailureCode::Corrupt => f.write_str("the content arrived corrupt")?,
            FailureCode::Cancelled => f.write_str("it was stopped")?,
            FailureCode::Stalled => f.write_str("it heard nothing any more from this side")?,
            FailureCode::Other(code) => write!(f, "failure {code} of a newer version")?,
        }
        match &self.path {
            Some(path) => write!(f, " ({})", Escaped::text(path)),
            None => Ok(()),
        }
    }
}
