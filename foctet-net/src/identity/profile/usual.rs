//! The certificates that foctet makes, known by their bytes: all but the serial number, the key, the name and the
//! signature is the same in each, so that they need no parsing.

use std::sync::LazyLock;

use der::{Decode, Encode};
use foctet_core::{NodeId, SecretKey};
use x509_cert::certificate::Certificate;

use super::NodeCertificate;
use crate::identity::certificate;
use crate::identity::signer::NodeSigner;

/// Bytes of the serial number. One in some 500 is shorter, and so parsed.
const SERIAL_LEN: usize = 20;
const KEY_LEN: usize = 32;
const NAME_LEN: usize = 52;
const SIGNATURE_LEN: usize = 64;

/// What lies before, between and behind what differs, in this order: serial number, key, name, signature.
struct Fixed {
    /// Of these, the first bytes are not signed.
    unsigned: usize,
    before_serial: Vec<u8>,
    before_key: Vec<u8>,
    before_name: Vec<u8>,
    /// Of these, the first bytes are signed.
    signed: usize,
    before_signature: Vec<u8>,
}

/// A certificate that is ours but for its signature, perhaps that of the node `expected`, whose key need not be checked
/// again; `None`: it has to be parsed.
pub(super) fn read(bytes: &[u8], expected: Option<NodeId>) -> Option<NodeCertificate> {
    static FIXED: LazyLock<Option<Fixed>> = LazyLock::new(Fixed::learn);
    FIXED.as_ref()?.read(bytes, expected)
}

impl Fixed {
    /// Out of a certificate that is made for the purpose.
    fn learn() -> Option<Self> {
        let secret_key = SecretKey::from_bytes([1; KEY_LEN]);
        let id = secret_key.node_id();
        let made = certificate::make(&NodeSigner::new(secret_key)).ok()?;
        let parsed = Certificate::from_der(&made).ok()?;
        let tbs = parsed.tbs_certificate();
        let signed = tbs.to_der().ok()?;
        let unsigned = position(&made, &signed)?;
        let mut pieces = Pieces(&made);
        let before_serial = pieces.until(tbs.serial_number().as_bytes(), SERIAL_LEN)?;
        let before_key = pieces.until(id.as_bytes(), KEY_LEN)?;
        let before_name = pieces.until(id.to_string().as_bytes(), NAME_LEN)?;
        let before_signature = pieces.0.len().checked_sub(SIGNATURE_LEN)?;
        let before_signature = pieces.0.get(..before_signature)?.to_vec();
        let until_name =
            before_serial.len() + SERIAL_LEN + before_key.len() + KEY_LEN + before_name.len() + NAME_LEN;
        let signed = (unsigned + signed.len()).checked_sub(until_name)?;
        Some(Self { unsigned, before_serial, before_key, before_name, signed, before_signature })
    }

    fn read(&self, bytes: &[u8], expected: Option<NodeId>) -> Option<NodeCertificate> {
        let rest = bytes.strip_prefix(&*self.before_serial)?;
        let (serial, rest) = rest.split_first_chunk::<SERIAL_LEN>()?;
        let rest = rest.strip_prefix(&*self.before_key)?;
        let (key, rest) = rest.split_first_chunk::<KEY_LEN>()?;
        let rest = rest.strip_prefix(&*self.before_name)?;
        let (name, rest) = rest.split_first_chunk::<NAME_LEN>()?;
        let signature: &[u8; SIGNATURE_LEN] = rest.strip_prefix(&*self.before_signature)?.try_into().ok()?;
        // X.690, section 8.3: no sign, and a zero byte only where the next one would be taken for it.
        if !matches!(serial, [0x01..=0x7f, ..] | [0, 0x80..=0xff, ..]) {
            return None;
        }
        let id = match expected.filter(|expected| expected.as_bytes() == key) {
            Some(expected) => expected,
            None => NodeId::from_bytes(key).ok()?,
        };
        if id.to_string().as_bytes() != name {
            return None;
        }
        let signed = bytes.len().checked_sub(rest.len())?.checked_add(self.signed)?;
        let signed = bytes.get(self.unsigned..signed)?.to_vec();
        Some(NodeCertificate { id, signed, signature: *signature })
    }
}

/// What is left of a certificate.
struct Pieces<'a>(&'a [u8]);

impl Pieces<'_> {
    /// Takes everything up to `value`, and throws `value` away, if it has that length.
    fn until(&mut self, value: &[u8], length: usize) -> Option<Vec<u8>> {
        let at = position(self.0, value).filter(|_| value.len() == length)?;
        let (before, rest) = self.0.split_at(at);
        self.0 = rest.get(length..)?;
        Some(before.to_vec())
    }
}

fn position(within: &[u8], value: &[u8]) -> Option<usize> {
    within.windows(value.len()).position(|window| window == value)
}
