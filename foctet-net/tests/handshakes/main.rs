//! Handshakes that must not succeed, and the odd ones that must: each in both directions and on both transports,
//! with the cause on the side that can know it, the alert that tells the other side, and not one byte of application
//! data delivered.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "these are tests, helpers included"
)]

mod certificates;
mod datagrams;
#[allow(dead_code, reason = "the unit tests of the certificate profile use the rest")]
mod forge;
mod hostile;
mod openssl;
mod ours;
mod protocols;
mod raw;
mod tickets;
