//! Networks to test on.
//!
//! [`Testbed`] builds one out of network namespaces of this machine: a public internet, hosts, routers with the NAT
//! behaviours that exist ([`Nat`]), and uplinks with a rate, a loss and a delay ([`Uplink`]). While programs run in it,
//! mappings change, paths go silent and cables are pulled. It needs Linux and root; [`Testbed::available`] says whether
//! it can be had.
//!
//! [`sim`] is the same in one process, in virtual time and without I/O, for protocol logic.
//!
//! ```no_run
//! # #[cfg(target_os = "linux")]
//! # fn main() -> Result<(), testbed::Error> {
//! use testbed::{Nat, RouterOptions, Testbed, Uplink};
//!
//! let mut bed = Testbed::new("example")?;
//! let relay = bed.public_host("relay", &Uplink::default())?;
//! let home = bed.router("home", &RouterOptions::nat(Nat::PortRestricted))?;
//! let alice = bed.host("alice", &home)?;
//! let answer = alice.run("ping", ["-c1", &relay.ipv4_text()])?;
//! assert!(answer.contains("1 received"));
//! # Ok(())
//! # }
//! # #[cfg(not(target_os = "linux"))]
//! # fn main() {}
//! ```
#![forbid(unsafe_code)]

pub mod sim;

pub mod link;

#[cfg(target_os = "linux")]
mod available;
#[cfg(target_os = "linux")]
pub use available::Reason;

#[cfg(target_os = "linux")]
mod bed;
#[cfg(target_os = "linux")]
pub use bed::{Subnet, Testbed, existing, take_down};

#[cfg(target_os = "linux")]
mod error;
#[cfg(target_os = "linux")]
pub use error::Error;

#[cfg(target_os = "linux")]
mod line;

#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
pub use namespace::sweep;

#[cfg(target_os = "linux")]
mod nat;
#[cfg(target_os = "linux")]
pub use nat::{Nat, ParseNatError, Ports};

#[cfg(target_os = "linux")]
mod node;
#[cfg(target_os = "linux")]
pub use node::{Node, Process};

#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
pub use options::{Ipv6, Out, RouterOptions, Uplink};

#[cfg(target_os = "linux")]
pub mod probe;

#[cfg(target_os = "linux")]
mod tool;

#[cfg(target_os = "linux")]
pub mod topology;

#[cfg(target_os = "linux")]
mod traffic;
#[cfg(target_os = "linux")]
pub use traffic::{Blackhole, Traffic, Watch};
