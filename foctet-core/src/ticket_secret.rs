//! What the holder of a ticket proves to know.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Bytes in a [`TicketSecret`]: 128 bits, which nobody guesses online.
pub const TICKET_SECRET_LEN: usize = 16;

/// The authorisation secret of a ticket: whoever knows it may use what the ticket is for.
///
/// Comparison takes constant time, the bytes are wiped when dropped, and `Debug` does not show them. Send it to a
/// peer only after the peer's key has been verified.
#[derive(Clone)]
pub struct TicketSecret([u8; TICKET_SECRET_LEN]);

impl TicketSecret {
    /// The secret with these bytes.
    pub fn from_bytes(bytes: [u8; TICKET_SECRET_LEN]) -> Self {
        Self(bytes)
    }

    /// A new secret out of `random`, which must come from the operating system's generator: this crate draws none.
    pub fn generate(random: [u8; TICKET_SECRET_LEN]) -> Self {
        Self(random)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; TICKET_SECRET_LEN] {
        &self.0
    }
}

impl PartialEq for TicketSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TicketSecret {}

impl Drop for TicketSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for TicketSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketSecret(..)")
    }
}
