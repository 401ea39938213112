//! The client of relays: legs to them, what travels on a leg, and which relays are this node's homes.
//!
//! `docs/spec/relay.md` says what a leg is. Here,
//! - [`Relays`] is the table of all legs of an endpoint;
//! - a keeper is the task that keeps one of them up, and the watchdog is how it notices that the relay is silent;
//! - the homes are the two legs that a node keeps for itself; further ones are joined for a while.

mod backoff;
mod dial;
mod error;
mod homes;
mod joined;
mod keeper;
mod leg;
mod packets;
mod relays;
mod resolve;
mod selection;
mod splice;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod watchdog;

pub(crate) use dial::{LEG_QUEUE, LegDialler, leg_mux_config};
pub use error::LegError;
pub(crate) use joined::Joined;
pub(crate) use relays::{MAX_HOMES, Relays};
pub(crate) use splice::Spliced;
pub use status::{Limited, RelayState, RelayStatus, RelaysState};
