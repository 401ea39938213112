//! Replays the fuzz corpora of this crate's parsers: whatever fuzzing found once stays found.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

#[path = "../../fuzz/bodies/replay.rs"]
mod replay;
#[path = "../../fuzz/bodies/transfer_frames.rs"]
mod transfer_frames;
#[path = "../../fuzz/bodies/transfer_manifest.rs"]
mod transfer_manifest;

#[test]
fn transfer_frames() {
    replay::corpus("transfer_frames", transfer_frames::run);
}

#[test]
fn transfer_manifest() {
    replay::corpus("transfer_manifest", transfer_manifest::run);
}
