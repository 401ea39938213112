//! What carries a connection.

mod events;
mod info;
mod silence;

pub use events::{PathEvent, PathEvents};
pub use info::{ConnectionStats, PathInfo, PathKind, Prefer, Transport, Transports};
pub(crate) use silence::Progress;
