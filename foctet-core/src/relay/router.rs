//! What a relay decides, without I/O: who is here, who may send what to whom, and how much.
//!
//! A server keeps one [`Roster`] of all, and one [`Allowance`] for each client. Both are pure: time is an argument.

mod allowance;
mod bucket;
mod roster;

pub use allowance::{Allowance, ClientLimits, MAX_PAIRS};
pub use bucket::{Bucket, Rate};
pub use roster::{JoinError, Joined, Roster, SWITCH_EVERY, Standing};
