//! Certificates that an honest node would never make, byte by byte.

use foctet_core::SecretKey;

/// 1.3.101.112
pub const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// 1.3.101.113
pub const ED448: &[u8] = &[0x2b, 0x65, 0x71];
/// 1.3.101.110
pub const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
/// 1.2.840.113549.1.1.1
pub const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
pub const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 2.5.29.17
pub const ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// 2.5.29.19
pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// 2.5.29.15
pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// 1.2.3.4, which is nobody's
pub const UNKNOWN: &[u8] = &[0x2a, 0x03, 0x04];

pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;
pub const NULL: &[u8] = &[0x05, 0x00];
/// BOOLEAN TRUE
pub const TRUE: &[u8] = &[0x01, 0x01, 0xff];

/// Tag, length and value in DER.
pub fn tlv(tag: u8, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let mut out = vec![tag];
    match value.len() {
        short @ 0..0x80 => out.push(short as u8),
        long @ 0x80..0x100 => out.extend([0x81, long as u8]),
        longer => out.extend([0x82, (longer >> 8) as u8, longer as u8]),
    }
    out.extend(value);
    out
}

pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(SEQUENCE, parts.concat())
}

pub fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, [&[0], bytes].concat())
}

pub fn algorithm(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, [tlv(0x06, oid), parameters.to_vec()].concat())
}

pub fn key_info(algorithm: Vec<u8>, key: &[u8]) -> Vec<u8> {
    sequence(&[algorithm, bit_string(key)])
}

/// A name of one attribute, the common name.
pub fn name(common_name: &str) -> Vec<u8> {
    let attribute = sequence(&[tlv(0x06, [0x55, 0x04, 0x03]), tlv(0x0c, common_name)]);
    tlv(SEQUENCE, tlv(SET, attribute))
}

pub fn validity(not_before: &str, not_after: &str) -> Vec<u8> {
    let time = |text: &str| tlv(if text.len() == 13 { 0x17 } else { 0x18 }, text);
    sequence(&[time(not_before), time(not_after)])
}

/// `critical` is the encoded BOOLEAN, or nothing.
pub fn extension(oid: &[u8], critical: &[u8], content: impl AsRef<[u8]>) -> Vec<u8> {
    sequence(&[tlv(0x06, oid), critical.to_vec(), tlv(0x04, content)])
}

pub fn dns(name: &str) -> Vec<u8> {
    tlv(0x82, name)
}

pub fn alt_name(names: &[Vec<u8>]) -> Vec<u8> {
    extension(ALT_NAME, &[], sequence(names))
}

/// The fields of a certificate in their encoding, those of an honest one to begin with.
#[derive(Clone)]
pub struct Forge {
    /// With its `[0]` tag, or empty.
    pub version: Vec<u8>,
    pub serial: Vec<u8>,
    pub inner_algorithm: Vec<u8>,
    pub issuer: Vec<u8>,
    pub validity: Vec<u8>,
    pub subject: Vec<u8>,
    pub key_info: Vec<u8>,
    /// Unique identifiers with their tags, or empty.
    pub unique_ids: Vec<u8>,
    /// `None`: the field itself is absent.
    pub extensions: Option<Vec<Vec<u8>>>,
    pub outer_algorithm: Vec<u8>,
}

impl Forge {
    pub fn of(key: &SecretKey) -> Self {
        Self {
            version: tlv(0xa0, tlv(0x02, [2])),
            serial: tlv(0x02, [1]),
            inner_algorithm: algorithm(ED25519, &[]),
            issuer: name("foctet"),
            validity: validity("700101000000Z", "99991231235959Z"),
            subject: name("foctet"),
            key_info: key_info(algorithm(ED25519, &[]), key.node_id().as_bytes()),
            unique_ids: Vec::new(),
            extensions: Some(vec![alt_name(&[dns(&key.node_id().to_string())])]),
            outer_algorithm: algorithm(ED25519, &[]),
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The honest extensions and one more.
    pub fn and_extension(self, extension: Vec<u8>) -> Self {
        self.with(|forge| forge.extensions.get_or_insert_default().push(extension))
    }

    /// Another subject alternative name, as the only extension.
    pub fn named(self, names: &[Vec<u8>]) -> Self {
        self.with(|forge| forge.extensions = Some(vec![alt_name(names)]))
    }

    pub fn tbs(&self) -> Vec<u8> {
        let extensions = match &self.extensions {
            Some(extensions) => tlv(0xa3, sequence(extensions)),
            None => Vec::new(),
        };
        sequence(&[
            self.version.clone(),
            self.serial.clone(),
            self.inner_algorithm.clone(),
            self.issuer.clone(),
            self.validity.clone(),
            self.subject.clone(),
            self.key_info.clone(),
            self.unique_ids.clone(),
            extensions,
        ])
    }

    pub fn signed_by(&self, key: &SecretKey) -> Vec<u8> {
        let tbs = self.tbs();
        let signature = key.sign(&tbs);
        self.with_signature(&signature)
    }

    pub fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        sequence(&[self.tbs(), self.outer_algorithm.clone(), bit_string(signature)])
    }
}

/// The same signature with S + L in the place of S: it holds where S is not checked.
pub fn with_large_s(mut signature: [u8; 64]) -> [u8; 64] {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0u16;
    for (s, l) in signature[32..].iter_mut().zip(L) {
        let sum = u16::from(*s) + u16::from(l) + carry;
        *s = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    signature
}

/// Encodings of the points of small order, canonical and not, and of points that are not canonical.
pub const BAD_KEYS: &[(&str, [u8; 32])] = &[
    ("all zero, order 4", [0; 32]),
    ("order 1", small(1, 0x00)),
    ("order 2", edge(0xec, 0x7f)),
    ("order 4, other sign", small(0, 0x80)),
    (
        "order 8",
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
    ),
    (
        "order 8, other",
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ),
    ("order 1, sign bit set", small(1, 0x80)),
    ("p, not canonical", edge(0xed, 0x7f)),
    ("p + 1, not canonical", edge(0xee, 0x7f)),
    ("p + 3, not canonical", edge(0xf0, 0x7f)),
    ("2^255 - 1, not canonical", edge(0xff, 0x7f)),
    ("all ones", [0xff; 32]),
    ("on no curve", small(2, 0x00)),
];

const fn small(first: u8, last: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

const fn edge(first: u8, last: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}
