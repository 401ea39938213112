//! TLS 1.3 over a byte stream: rustls makes the handshake, the keys and the protection of every record; which records
//! there are, and where their bytes lie in memory, is decided here (`docs/decisions/0007`).

mod alert;
mod handshake;
mod opener;
mod ratchet;
mod records;
mod sealer;
mod secured;
mod unsent;

#[cfg(test)]
mod tests;

pub(super) use handshake::{Agreed, accept, connect};
pub use opener::{Opened, Opener};
pub use sealer::Sealer;
