//! The secret half of a node's identity.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

use crate::node_id::{NodeId, SIGNATURE_LEN};

/// Bytes in a [`SecretKey`]: the seed of RFC 8032, section 5.1.5.
pub const SECRET_KEY_LEN: usize = 32;

/// The secret key of a node, an Ed25519 seed.
///
/// It is wiped from memory when dropped and never printed: `Debug` shows the [`NodeId`] only. There is no `Display`
/// and no text form.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key whose 32 secret bytes are `bytes`. Every byte string is a key.
    ///
    /// The caller's own copy of `bytes` is the caller's to wipe.
    pub fn from_bytes(bytes: [u8; SECRET_KEY_LEN]) -> Self {
        Self(SigningKey::from_bytes(&Zeroizing::new(bytes)))
    }

    /// A new key out of `random`, which must come from the operating system's generator: this crate draws none.
    pub fn generate(random: [u8; SECRET_KEY_LEN]) -> Self {
        Self::from_bytes(random)
    }

    /// The 32 secret bytes, wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SECRET_KEY_LEN]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The node that this key is the secret of.
    pub fn node_id(&self) -> NodeId {
        NodeId::from_verifying_key(&self.0.verifying_key())
    }

    /// Signs `message` (Ed25519, RFC 8032, section 5.1.6; deterministic).
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("node_id", &self.node_id()).finish_non_exhaustive()
    }
}
