//! What goes out, record by record: RFC 8446, section 5.2.

use rustls::crypto::cipher::{AeadKey, Iv, MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::{ContentType, Error, ProtocolVersion, Tls13CipherSuite};

/// The longest content of a record, in bytes (section 5.1).
pub(super) const MAX_CONTENT: usize = 1 << 14;

/// Protects records under one key after another.
pub struct Sealer {
    suite: &'static Tls13CipherSuite,
    encrypter: Box<dyn MessageEncrypter>,
    sequence: u64,
    /// How many records one key may protect.
    limit: u64,
}

impl Sealer {
    /// One that starts with this key, which has protected nothing yet.
    pub fn new(suite: &'static Tls13CipherSuite, key: AeadKey, iv: Iv) -> Self {
        let limit = suite.common.confidentiality_limit;
        Self { suite, encrypter: suite.aead_alg.encrypter(key, iv), sequence: 0, limit }
    }

    /// As if the suite allowed so many records under one key.
    #[cfg(test)]
    pub(super) fn limit(&mut self, records: u64) {
        self.limit = records;
    }

    /// Goes on with another key.
    pub(super) fn rekey(&mut self, key: AeadKey, iv: Iv) {
        self.encrypter = self.suite.aead_alg.encrypter(key, iv);
        self.sequence = 0;
    }

    /// Whether there is one record left under this key: that of a KeyUpdate (section 5.5).
    pub(super) fn is_worn(&self) -> bool {
        self.sequence.saturating_add(1) >= self.limit && self.sequence > 0
    }

    /// One whole record.
    ///
    /// # Errors
    ///
    /// [`Error::EncryptError`] if `content` is longer than 2^14 bytes, or no number is left for the record.
    pub fn seal(&mut self, typ: ContentType, content: OutboundChunks<'_>) -> Result<Vec<u8>, Error> {
        let next = self.sequence.checked_add(1).filter(|_| content.len() <= MAX_CONTENT);
        let next = next.ok_or(Error::EncryptError)?;
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload: content };
        let sealed = self.encrypter.encrypt(message, self.sequence)?;
        self.sequence = next;
        Ok(sealed.encode())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}
