//! What a hostile peer may try, one attack a file, each with the honest twin that must never meet the same guard: CASES 10
//! to 15. What each costs is measured: the heap always, against the bound that [`Config`](foctet_mux::Config) documents;
//! time only when `FOCTET_FIGURES` is set, in a release build (`docs/attacks.md` says how).
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

mod carrier;
mod credit_flood;
mod datagram_flood;
mod empty_frames;
mod half_record;
mod ledger;
mod malformed;
mod never_reads;
mod one_byte_records;
mod out_of_range;
mod ping_flood;
mod rapid_reset;
mod stalled_stream;
mod stop_everything;
mod unread_data;
mod victim;

#[path = "../machine/pair.rs"]
#[allow(dead_code, reason = "shared with the tests of the machine, which use the rest")]
mod pair;
#[path = "../machine/raw.rs"]
#[allow(dead_code, reason = "shared with the tests of the machine, which use the rest")]
mod raw;
