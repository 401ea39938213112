//! The state machine in virtual time: no I/O, no runtime, no clock.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod closing;
mod floods;
mod flow;
mod order;
mod pair;
mod random;
mod raw;
mod rules;
mod streams;
