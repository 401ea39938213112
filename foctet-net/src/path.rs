//! What carries a connection.

mod events;
mod info;

pub use events::{PathEvent, PathEvents};
pub use info::{ConnectionStats, PathInfo, PathKind, Prefer, Transport, Transports};
