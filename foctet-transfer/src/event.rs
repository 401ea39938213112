//! What a transfer tells while it runs, and at its end.

use std::path::PathBuf;
use std::time::Duration;

use foctet_net::ConnectionError;

/// Something that happened in a running transfer. Callbacks are called often: throttle what is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The receiver has shown the secret, and is now told what is offered. Only at the sender.
    Admitted,
    /// The receiver has consented; content is going to flow. Only at the sender.
    Accepted {
        /// Bytes in the files that the receiver wants.
        total: u64,
        /// How many files those are.
        files: u32,
    },
    /// Content moved. At the receiver only what was verified counts, at the sender what the transport took.
    Progress {
        /// Bytes of content so far.
        bytes: u64,
        /// Bytes of content in all.
        total: u64,
        /// Files completed so far.
        files: u32,
    },
    /// An entry was left out.
    Skipped {
        /// The entry's path in the manifest: show it through [`Escaped`](crate::Escaped).
        path: String,
        /// Why.
        why: SkipReason,
    },
    /// An entry at the top has got another name, because its own was taken. Only at the receiver.
    Renamed {
        /// The entry's path in the manifest: show it through [`Escaped`](crate::Escaped).
        path: String,
        /// The name that it has now.
        name: String,
    },
    /// The connection is lost, and another one is being made. What is verified is kept. Only at a receiver that
    /// [reconnects](crate::Reconnect).
    Interrupted {
        /// Why it is lost.
        error: ConnectionError,
    },
    /// Another connection is up and goes on where the last one stopped. Only at a receiver that
    /// [reconnects](crate::Reconnect).
    Reconnected {
        /// Bytes of content that are here and are not sent again.
        bytes: u64,
    },
    /// Everything is here and verified, and is now made durable. Only at the receiver.
    Flushing,
}

/// A path that is not part of an offer, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The path on this machine: show it through [`Escaped::path`](crate::Escaped::path).
    pub path: PathBuf,
    /// Why it was left out.
    pub why: SkipReason,
}

/// Why something was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// It exists at the receiver, whose user wants to keep it.
    #[error("it exists already")]
    Exists,
    /// No permission to read it, or it cannot be read for another reason.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It vanished while the tree was walked.
    #[error("it vanished")]
    Vanished,
    /// It is a FIFO.
    #[error("it is a named pipe")]
    Fifo,
    /// It is a socket.
    #[error("it is a socket")]
    Socket,
    /// It is a device.
    #[error("it is a device")]
    Device,
    /// It breaks a rule of manifests.
    #[error("{0}")]
    Rule(crate::Rule),
    /// The directory is one of those that it is in.
    #[error("the directory contains itself")]
    Loop,
}

/// The result of a transfer that completed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Bytes of content transferred and verified.
    pub bytes: u64,
    /// Files transferred and verified.
    pub files: u32,
    /// Files that the receiver left out because it has something of their name.
    pub left_out: u32,
    /// BLAKE3 of the file if it is the only entry, else the content root, which covers the manifest and the content of
    /// every file transferred.
    pub blake3: [u8; 32],
    /// From the first consent to the end.
    pub elapsed: Duration,
    /// Only at the sender: the receiver has reported the same before, and had not learned that it arrived.
    pub repeated: bool,
}
