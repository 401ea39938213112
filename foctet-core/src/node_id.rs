//! Who a node is: its Ed25519 public key, and the text of it.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Verifier, VerifyingKey};

use crate::base32::{self, Base32Error};

/// Bytes in a [`NodeId`] (RFC 8032, section 5.1.5).
pub const NODE_ID_LEN: usize = 32;

/// Characters in the text of a [`NodeId`]: 256 bits at 5 bits a character, rounded up.
pub const NODE_ID_TEXT_LEN: usize = base32::text_len(NODE_ID_LEN);

/// Bytes in an Ed25519 signature (RFC 8032, section 5.1.6).
pub const SIGNATURE_LEN: usize = 64;

/// The two y that the four points of order 8 have, little endian.
const ORDER_8: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
    0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];
const ORDER_8_TOO: [u8; 32] = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
    0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

/// Characters in [`NodeId::fmt_short`]: 50 bits, enough for a person to tell nodes apart, too few to trust.
const SHORT_LEN: usize = 10;

/// The identity of a node: an Ed25519 public key.
///
/// A `NodeId` in hand is always a usable key: the canonical encoding of a point on the curve that is not of small
/// order. So there is one encoding for each key, and no key for which anybody can forge signatures.
///
/// Its text is 52 characters of lower-case base32; parsing takes either case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; NODE_ID_LEN]);

/// Why bytes or a text are no [`NodeId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeIdError {
    /// The text or the byte string has the wrong length.
    #[error("a NodeId has {NODE_ID_TEXT_LEN} characters ({NODE_ID_LEN} bytes)")]
    Length,
    /// A character that base32 does not have.
    #[error("a NodeId has only the letters a to z and the digits 2 to 7")]
    Alphabet,
    /// The four bits that the last character has to spare are not zero.
    #[error("the last character of this NodeId is wrong")]
    Padding,
    /// The bytes name no point of the curve: a typing error most often.
    #[error("this NodeId is no key: mistyped?")]
    NotOnCurve,
    /// The bytes are a second spelling of a point that has a canonical one.
    #[error("this NodeId is not spelled canonically")]
    NotCanonical,
    /// A point of order 1, 2, 4 or 8: anybody can make signatures that hold under it.
    #[error("this NodeId is a weak key (of small order)")]
    SmallOrder,
}

/// The signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not hold")]
pub struct SignatureError;

impl NodeId {
    /// The node whose public key is `bytes`.
    ///
    /// # Errors
    ///
    /// [`NodeIdError::NotOnCurve`], [`NodeIdError::NotCanonical`] or [`NodeIdError::SmallOrder`], asked in this order.
    pub fn from_bytes(bytes: &[u8; NODE_ID_LEN]) -> Result<Self, NodeIdError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| NodeIdError::NotOnCurve)?;
        // Decompression reduces y and ignores the sign of a zero x.
        if !is_canonical(bytes) {
            return Err(NodeIdError::NotCanonical);
        }
        if key.is_weak() {
            return Err(NodeIdError::SmallOrder);
        }
        Ok(Self(*bytes))
    }

    /// The public key.
    pub fn as_bytes(&self) -> &[u8; NODE_ID_LEN] {
        &self.0
    }

    /// Checks strictly that this node signed `message`: beyond RFC 8032, section 5.1.7, which demands S < L, the
    /// point R must be canonical and not of small order, so that a signature cannot be varied by a third party.
    ///
    /// # Errors
    ///
    /// [`SignatureError`] if it did not.
    pub fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LEN]) -> Result<(), SignatureError> {
        // A `NodeId` always decompresses: the error branch is there instead of a panic, not for a case.
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| SignatureError)?;
        let signature = Signature::from_bytes(signature);
        // What `verify_strict` asks beyond `verify`, without decompressing R: `verify` compares R with the canonical
        // encoding of the point that it should be, so that only these are left; and a `NodeId` is never weak.
        if is_of_small_order(signature.r_bytes()) {
            return Err(SignatureError);
        }
        key.verify(message, &signature).map_err(|_| SignatureError)
    }

    /// The first ten characters, for people and logs. Never compare or look up by them.
    pub fn fmt_short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(SHORT_LEN);
        text
    }

    /// The node of a secret key, whose public key is a non-zero multiple of the base point and needs no check.
    pub(crate) fn from_verifying_key(key: &VerifyingKey) -> Self {
        Self(key.to_bytes())
    }
}

/// Whether these bytes, which name a point, spell it canonically: y below p = 2^255 - 19, and no sign where x is zero,
/// which it is where y is 1 or p - 1 (RFC 8032, section 5.1.3, forbids both).
fn is_canonical(point: &[u8; 32]) -> bool {
    let (y, negative) = without_sign(point);
    let [lowest, middle @ .., highest] = &y;
    let nearly_p = *highest == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    let is_one = *lowest == 1 && *highest == 0 && middle.iter().all(|byte| *byte == 0);
    let is_too_large = nearly_p && *lowest >= 0xed;
    let has_no_x = is_one || (nearly_p && *lowest == 0xec);
    !(is_too_large || (has_no_x && negative))
}

/// Whether this is the canonical encoding of one of the eight points of order 1, 2, 4 and 8.
fn is_of_small_order(point: &[u8; 32]) -> bool {
    let (y, _) = without_sign(point);
    let [lowest, middle @ .., highest] = &y;
    // 0 and 1, and p - 1.
    let is_small = *lowest <= 1 && *highest == 0 && middle.iter().all(|byte| *byte == 0);
    let is_large = *lowest == 0xec && *highest == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    is_small || is_large || y == ORDER_8 || y == ORDER_8_TOO
}

fn without_sign(point: &[u8; 32]) -> ([u8; 32], bool) {
    let mut y = *point;
    let [.., highest] = &mut y;
    let negative = *highest & 0x80 != 0;
    *highest &= 0x7f;
    (y, negative)
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&base32::encode(&self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        // The alphabet first: for a text with a stray character, its length is beside the point.
        if !text.chars().all(base32::is_symbol) {
            return Err(NodeIdError::Alphabet);
        }
        if text.len() != NODE_ID_TEXT_LEN {
            return Err(NodeIdError::Length);
        }
        let bytes = base32::decode(text).map_err(|error| match error {
            Base32Error::Alphabet => NodeIdError::Alphabet,
            Base32Error::Length => NodeIdError::Length,
            Base32Error::Padding => NodeIdError::Padding,
        })?;
        Self::try_from(bytes.as_slice())
    }
}

impl TryFrom<&[u8]> for NodeId {
    type Error = NodeIdError;

    fn try_from(bytes: &[u8]) -> Result<Self, NodeIdError> {
        Self::from_bytes(bytes.try_into().map_err(|_| NodeIdError::Length)?)
    }
}
