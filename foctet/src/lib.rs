//! Connect any two machines by key, and move data between them.
//!
//! This crate only gathers what an application needs under one name:
//! - [`Endpoint`], [`Connection`] and their streams, from `foctet-net`;
//! - keys, addresses and tickets, from `foctet-core`;
//! - [`transfer`]: verified transfer of files and directories.
//!
//! The README's example runs as a test of this crate.
#![forbid(unsafe_code)]

pub use foctet_core::*;
pub use foctet_net::*;

/// Verified transfer of files and directories.
pub mod transfer {
    pub use foctet_transfer::*;
}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
