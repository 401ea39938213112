//! Interoperability of `foctet-mux` with the `qmux` crate, which is an independent implementation of QMux
//! draft-02. Every scenario in `tests/` is written once, against [`Peer`], and runs four ways: either library
//! dials, and either library opens the streams.
//!
//! ```text
//! cargo nextest run --manifest-path interop/Cargo.toml
//! ```
#![forbid(unsafe_code)]

mod carrier;
pub use carrier::Wire;

mod payload;
pub use payload::Payload;

mod peer;
pub use peer::{Ended, Peer};

mod stream;
pub use stream::{Receiving, Sending, StreamEnded};

mod way;
pub use way::{Library, Settings, Way, patience, when_nothing_moves};
