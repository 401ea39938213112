//! The one base32 of foctet: RFC 4648 section 6, no padding, lower case out, either case in.

use data_encoding::{BASE32_NOPAD_NOCASE, DecodeKind};

/// Why a text is no base32 of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base32Error {
    /// A character outside `a-z`, `A-Z`, `2-7`.
    Alphabet,
    /// No whole number of bytes has a text of this length.
    Length,
    /// The last character carries bits beyond the last byte that are not zero: a second spelling of the bytes.
    Padding,
}

/// The lower-case text of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = BASE32_NOPAD_NOCASE.encode(bytes);
    text.make_ascii_lowercase();
    text
}

/// The bytes of `text`, of which there is exactly one spelling apart from case.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Base32Error> {
    BASE32_NOPAD_NOCASE.decode(text.as_bytes()).map_err(|error| match error.kind {
        DecodeKind::Length => Base32Error::Length,
        DecodeKind::Symbol => Base32Error::Alphabet,
        DecodeKind::Trailing | DecodeKind::Padding => Base32Error::Padding,
    })
}

/// Whether `c` is in the alphabet, in either case.
pub(crate) fn is_symbol(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '2'..='7')
}

/// How many characters spell `bytes` bytes.
pub(crate) const fn text_len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}
