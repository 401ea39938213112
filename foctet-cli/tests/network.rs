//! The program between machines: real processes in network namespaces, behind real NATs, with relays.
//!
//! Each test is a scenario of its own network. With `FOCTET_FIGURES=RUNS` the measured ones run that often and print their
//! table; `FOCTET_PROGRAM` names another build of the program to measure.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops there"
)]

#[path = "network/bench.rs"]
mod bench;
#[path = "network/blocked.rs"]
mod blocked;
#[path = "network/failover.rs"]
mod failover;
#[path = "network/figures.rs"]
mod figures;
#[path = "network/forged.rs"]
mod forged;
#[path = "network/forgetful.rs"]
mod forgetful;
#[path = "network/ipv6.rs"]
mod ipv6;
#[path = "network/matrix.rs"]
mod matrix;
#[path = "network/moving.rs"]
mod moving;
#[path = "network/party.rs"]
mod party;
#[path = "network/secrecy.rs"]
mod secrecy;
#[path = "network/stage.rs"]
mod stage;

/// Whether there can be namespaces here; if not, says so and leaves the test.
#[macro_export]
macro_rules! needs_namespaces {
    () => {
        if let Err(reason) = testbed::Testbed::available() {
            println!("SKIPPED: networks of namespaces: {reason}");
            return;
        }
    };
}
