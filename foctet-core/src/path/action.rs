use std::fmt;
use std::net::SocketAddr;

use super::PathKey;

/// Whether a path carries data (draft-ietf-quic-multipath, PATH_STATUS_AVAILABLE and PATH_STATUS_BACKUP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathStatus {
    /// It does.
    Available,
    /// Only if no other can.
    Backup,
}

/// Why a path is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// What was sent on it was not answered, and another path does answer.
    NoAnswer,
    /// There is no connection to its relay any more.
    RelayLost,
    /// The peer has left its relay, and a path through another one carries packets.
    RelayLeft,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => "nothing came back on it",
            Self::RelayLost => "its relay is out of reach",
            Self::RelayLeft => "the peer has left its relay",
        })
    }
}

/// What the driver is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Set our status of a path, which also tells the peer.
    SetStatus {
        /// The path.
        id: u32,
        /// Its new status.
        status: PathStatus,
    },
    /// Send something on a path that wants an answer.
    Ping {
        /// The path.
        id: u32,
    },
    /// Close a path. It is never the last one as far as the agent knows; where it is all the same, the driver says so
    /// by [`handle_close_refused`](super::PathAgent::handle_close_refused).
    Close {
        /// The path.
        id: u32,
        /// Why.
        why: CloseReason,
    },
    /// Start a NAT traversal round. Dialler only.
    StartRound,
    /// Tell the peer that we may be reached at this address.
    AddCandidate(SocketAddr),
    /// This address is no longer ours.
    RemoveCandidate(SocketAddr),
    /// Open a relayed path: again, or through another relay of the peer's. Dialler only.
    OpenRelay(PathKey),
    /// Forget how long probes went unanswered, so that they are sent at once again; and ping every path.
    ResetBackoff {
        /// Something was heard or has changed just now, so that a reset of a moment before does not do.
        news: bool,
    },
}
