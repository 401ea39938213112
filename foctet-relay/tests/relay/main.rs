//! A relay and its clients on loopback, over both transports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on says so

mod admission;
mod client;
mod forging;
mod life;
mod limits;
mod packets;
mod splices;
