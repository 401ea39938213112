//! Verified transfer of files and directories over a [`foctet_net::Connection`].
//!
//! The sender makes an [`Offer`] and serves it with a [`Sender`]; the receiver [fetches](Incoming::fetch) what is
//! offered, looks at its [`Manifest`], and consents by [saving](Incoming::save_into) or
//! [streaming](Incoming::stream_into) it. Both sides speak [`wire::ALPN`]; `docs/spec/transfer.md` describes every
//! byte. Content is verified with BLAKE3 in groups of 1 MiB and as a whole, and a final name never holds anything
//! incomplete.
#![forbid(unsafe_code)]

mod content_root;
pub use content_root::MAX_FILES_AHEAD;

mod control;

mod destination;
pub use destination::{OnConflict, SaveOptions, Survey};

mod error;
pub use error::{DiskError, OfferError, ProtocolError, ReceiveError, RemoteFailure, SendError};

mod escape;
pub use escape::Escaped;

mod event;
pub use event::{Event, SkipReason, Skipped, Summary};

mod incoming;
pub use incoming::{DEFAULT_RECONNECT_LIMIT, Incoming, Reconnect};

mod limit;
pub use limit::Limit;

mod manifest;
pub use manifest::{
    Entry, EntryKind, MAX_DEPTH, MAX_ENTRIES, MAX_PATH_LEN, MAX_TARGET_LEN, MAX_TEXT_BYTES, MAX_TOTAL_BYTES,
    MODE_BITS, Manifest, ManifestBuilder, ManifestError, NewEntry, Rule, UnsafeContent,
};

mod name;
pub use name::{MAX_NAME_LEN, NameRule, PARTIAL_PREFIX, check_name};

mod offer;
pub use offer::{Offer, ScanOptions};

mod os;

mod ping;
pub use ping::Ping;

mod progress;

mod selection;

mod sender;
pub use sender::{DEFAULT_STALL_TIMEOUT, MAX_DATA_STREAMS, Sender};

mod tree_hash;
pub use tree_hash::{GROUP_LEN, group_count};

pub mod wire;
