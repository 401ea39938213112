//! A link with a delay, a rate and a loss of one's choice.
//!
//! [`Queue`] is one direction of it, in virtual time. On Linux, a link between two namespaces is run by a thread of
//! this process ([`Running`]) or by a program of its own.

mod queue;
pub use queue::{Fate, Queue, Shape};

mod shape_text;
pub use shape_text::ParseShapeError;

mod random;
pub(crate) use random::Random;

#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
pub use run::{Ends, Running, run_until_killed};
