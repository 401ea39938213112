//! The corpora of the fuzz targets for this crate, run through the same code as the fuzzer runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "shared with the fuzz targets")]

#[path = "../../fuzz/bodies/mux_connection.rs"]
mod mux_connection;
#[path = "../../fuzz/bodies/mux_frame.rs"]
mod mux_frame;
#[path = "../../fuzz/bodies/mux_pair.rs"]
mod mux_pair;
#[path = "../../fuzz/bodies/replay.rs"]
mod replay;

#[test]
fn mux_frame() {
    replay::corpus("mux_frame", mux_frame::run);
}

#[test]
fn mux_connection() {
    replay::corpus("mux_connection", mux_connection::run);
}

#[test]
fn mux_pair() {
    replay::corpus("mux_pair", mux_pair::run);
}
