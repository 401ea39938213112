//! The program as scripts and people use it: real processes, real files, loopback only.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on says so

mod bad_input;
mod bench;
mod conflicts;
mod consent;
mod content;
mod interruption;
mod never_reading;
mod output;
mod ping;
mod process;
mod proxy;
mod receivers;
mod reconnecting;
mod relay;
mod transfers;
mod unsafe_content;
