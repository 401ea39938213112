use std::io;

use foctet_core::bench::FailCode;

use super::{Exit, Failure};
use crate::bench::BenchError;

const VERSION_HINT: &str = "use the same version of foctet on both computers";

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        let message = error.to_string();
        let (exit, code, hint) = match error {
            BenchError::Connect(error) => return error.into(),
            BenchError::ConnectionLost(lost) => return Self::from(&lost),
            BenchError::Refused(FailCode::WrongSecret) => (
                Exit::Refused,
                "wrong-secret",
                "the other side may have restarted since; ask for the ticket that it prints now",
            ),
            BenchError::Refused(FailCode::Busy) => (
                Exit::Unreachable,
                "peer-busy",
                "it measures with one node at a time: try again when that is done",
            ),
            BenchError::Refused(FailCode::TimeUp) => (
                Exit::Unreachable,
                "timeout",
                "choose fewer --rounds or a shorter --time; or a longer --session where `foctet bench --serve` runs",
            ),
            BenchError::Refused(FailCode::Stopped) => {
                (Exit::Unreachable, "peer-stopped", "run the same command again when it serves again")
            }
            BenchError::Silent => {
                (Exit::Unreachable, "timeout", "check the network, and run the same command again")
            }
            BenchError::Disk { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    (Exit::Disk, "disk-full", "name a directory on another disk with --dir, or use --no-disk")
                }
                _ => (
                    Exit::Disk,
                    "disk",
                    "name a directory that you may write to with --dir, or use --no-disk",
                ),
            },
            BenchError::RemoteDisk(_) => {
                (Exit::Other, "peer-disk", "name another directory there with --dir")
            }
            BenchError::Output(_) => (Exit::Disk, "disk", "check where stdout goes to"),
            BenchError::Internal(_) => (Exit::Other, "internal", "report this"),
            _ => (Exit::Other, "protocol", VERSION_HINT),
        };
        Self::new(exit, code, message, hint)
    }
}
