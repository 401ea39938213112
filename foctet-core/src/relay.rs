//! What a relay and its clients say to each other: bytes in and out, without I/O.
//!
//! A relay is a node. Its clients connect to it as to any other, by QUIC or by TCP, with the application protocol
//! [`ALPN`]; such a connection is a *leg*. On a leg travel
//! - control frames ([`Control`]), on the first bidirectional stream that the client opens;
//! - packets ([`packet`]), one a datagram: QUIC packets of peers, which the relay forwards and cannot read;
//! - spliced streams: bidirectional streams that begin with one control frame and belong to two clients from then on.
//!
//! `docs/spec/relay.md` has the whole flow.

mod close;
mod control;
mod control_reader;
pub mod packet;
pub mod router;

pub use close::CloseCode;
pub use control::{
    Control, ControlError, LegRole, Limit, MAX_CONTROL_BODY, MAX_SIGNAL, Observed, RELAY_VERSION, Welcome,
};
pub use control_reader::ControlReader;

/// The application protocol of legs.
pub const ALPN: &[u8] = b"foctet-relay/1";
