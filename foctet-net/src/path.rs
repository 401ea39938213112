//! What carries a connection.

mod direct;
mod events;
mod info;
mod silence;

pub use direct::DirectPolicy;
pub use events::{PathEvent, PathEvents};
pub use foctet_core::path::WhyNotDirect;
pub use info::{ConnectionStats, PathInfo, PathKind, Prefer, Transport, Transports};
pub(crate) use silence::Progress;
