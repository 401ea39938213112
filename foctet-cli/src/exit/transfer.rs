use std::io;

use foctet_transfer::wire::FailureCode;
use foctet_transfer::{DiskError, OfferError, ReceiveError, RemoteFailure, SendError};

use super::{Exit, Failure};

const SOURCE_HINT: &str = "send again once nothing writes there any more";
const SPACE_HINT: &str = "make room, or receive into another place with -o DIR";
const AGAIN_HINT: &str = "run the same command again";
const VERSION_HINT: &str = "use the same version of foctet on both computers";
const REPORT_HINT: &str = "run the same command again; if it happens twice, report it with the output of -v";

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        let (code, hint) = match error.kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ("disk-full", SPACE_HINT),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                ("disk", "choose a directory that you may write to with -o DIR")
            }
            _ => ("disk", "check the disk and the path"),
        };
        Self::new(Exit::Disk, code, error.to_string(), hint)
    }
}

impl From<OfferError> for Failure {
    fn from(error: OfferError) -> Self {
        let (exit, code, hint) = match &error {
            OfferError::NotFound { .. } => (Exit::Disk, "source-missing", "check the path"),
            OfferError::Unsendable { .. } => (
                Exit::Usage,
                "source-unsendable",
                "only files, directories and links within them can be sent",
            ),
            OfferError::SameName { .. } => {
                (Exit::Usage, "same-name", "rename one, or send them one after the other")
            }
            OfferError::Disk(_) => (Exit::Disk, "disk", "check that you may read everything there"),
            _ => (Exit::Usage, "too-much", "send it in several parts"),
        };
        Self::new(exit, code, error.to_string(), hint)
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        let message = error.to_string();
        let (exit, code, hint) = match error {
            SendError::Declined => (Exit::Declined, "declined", "send again when the receiver wants it"),
            SendError::SourceChanged { .. } | SendError::Source(_) => {
                (Exit::SourceChanged, "source-changed", SOURCE_HINT)
            }
            SendError::WrongSecret => {
                (Exit::Refused, "wrong-secret", "give the receiver the ticket printed here")
            }
            SendError::Receiver(remote) => {
                let (exit, code) = remote_cause(&remote);
                (exit, code, "see what the receiver says")
            }
            SendError::Stalled => (Exit::Unreachable, "timeout", "check the network and the receiver"),
            SendError::ConnectionLost(lost) => return Self::from(&lost),
            _ => (Exit::Other, "protocol", VERSION_HINT),
        };
        Self::new(exit, code, message, hint)
    }
}

impl From<ReceiveError> for Failure {
    fn from(error: ReceiveError) -> Self {
        let message = error.to_string();
        let (exit, code, hint) = match error {
            ReceiveError::WrongSecret => (
                Exit::Refused,
                "wrong-secret",
                "the sender may have restarted since; ask for the ticket that it prints now",
            ),
            ReceiveError::Unsafe(_) => (
                Exit::Unsafe,
                "unsafe",
                "nothing was written; ask the sender to rename or leave out the entry",
            ),
            ReceiveError::Manifest(_) => {
                (Exit::Unsafe, "unsafe", "nothing was written; ask the sender for less at once")
            }
            ReceiveError::Exists { .. } => (
                Exit::Disk,
                "exists",
                "choose with --on-conflict skip, rename or overwrite, or another place with -o DIR",
            ),
            ReceiveError::NoSpace { .. } => (Exit::Disk, "disk-full", SPACE_HINT),
            ReceiveError::Disk(error) => return error.into(),
            ReceiveError::Busy { .. } => {
                (Exit::Disk, "busy", "wait until they end, or receive into another place with -o DIR")
            }
            ReceiveError::Output { kind: io::ErrorKind::BrokenPipe, .. } => {
                (Exit::Other, Failure::OUTPUT_CLOSED, "keep the program that reads stdout running")
            }
            ReceiveError::Output { kind: io::ErrorKind::StorageFull, .. } => {
                (Exit::Disk, "disk-full", "make room where stdout goes to")
            }
            ReceiveError::Output { .. } => (Exit::Disk, "disk", "check where stdout goes to"),
            ReceiveError::NotOneFile => (Exit::Usage, "not-one-file", "receive into a directory with -o DIR"),
            ReceiveError::SourceChanged { .. } => {
                (Exit::SourceChanged, "source-changed", "ask the sender to send again")
            }
            ReceiveError::Sender(remote) => {
                let (exit, code) = remote_cause(&remote);
                let hint = match exit {
                    Exit::Unreachable => "run the same command again when the sender is ready",
                    Exit::SourceChanged => "ask the sender to send again",
                    _ => "see what the sender says",
                };
                (exit, code, hint)
            }
            ReceiveError::Corrupt { .. } => (Exit::Other, "corrupt", REPORT_HINT),
            ReceiveError::OfferChanged => (
                Exit::SourceChanged,
                "source-changed",
                "run the same command again to receive what it offers now",
            ),
            ReceiveError::Reconnect(error) => return error.into(),
            ReceiveError::Stalled => (Exit::Unreachable, "timeout", AGAIN_HINT),
            ReceiveError::ConnectionLost(lost) => return Self::from(&lost),
            _ => (Exit::Other, "protocol", VERSION_HINT),
        };
        Self::new(exit, code, message, hint)
    }
}

/// What a failure of the other side means on this one. Its disk is not ours.
fn remote_cause(remote: &RemoteFailure) -> (Exit, &'static str) {
    match remote.code {
        FailureCode::SourceChanged | FailureCode::SourceUnreadable => (Exit::SourceChanged, "source-changed"),
        FailureCode::WrongSecret => (Exit::Refused, "wrong-secret"),
        FailureCode::UnsafeContent => (Exit::Unsafe, "unsafe"),
        FailureCode::Cancelled => (Exit::Unreachable, "peer-stopped"),
        FailureCode::Stalled => (Exit::Unreachable, "timeout"),
        FailureCode::DiskFull | FailureCode::Disk | FailureCode::NameExists => (Exit::Other, "peer-disk"),
        _ => (Exit::Other, "protocol"),
    }
}
