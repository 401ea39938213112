//! What one component of a path may be called.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Longest component, in bytes: NAME_MAX of every common Linux filesystem.
pub const MAX_NAME_LEN: usize = 255;

/// What the hidden partials of [`Incoming::save_into`](crate::Incoming::save_into) are called: this and 16 hexadecimal
/// digits.
pub const PARTIAL_PREFIX: &str = ".foctet-partial-";

/// Which rule a name breaks.
///
/// The rules are those of the strictest system that the content may end up on, so that a name which is harmless here
/// is not a weapon there: a sender leaves such files out, a receiver refuses the whole manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NameRule {
    /// The name is empty.
    #[error("the name is empty")]
    Empty,
    /// The name is `.` or `..`, or would be after compatibility normalisation (full-width dots).
    #[error("the name stands for this or the parent directory")]
    Dots,
    /// The name holds a `/`.
    #[error("the name holds a slash")]
    Slash,
    /// The name holds a `\`, the separator of Windows.
    #[error("the name holds a backslash")]
    Backslash,
    /// The name holds a character that looks like or becomes a separator (full-width slash, division slash, ...).
    #[error("the name holds a character that becomes a separator")]
    LookAlike,
    /// The name holds a zero byte.
    #[error("the name holds a zero byte")]
    Nul,
    /// The name holds a `:` (drive letters, alternate data streams).
    #[error("the name holds a colon")]
    Colon,
    /// The name belongs to a device on Windows (`CON`, `COM1.txt`, ...).
    #[error("the name belongs to a device on Windows")]
    Device,
    /// The name ends with a dot or a space, which Windows drops.
    #[error("the name ends with a dot or a space")]
    TrailingDotOrSpace,
    /// The name is longer than [`MAX_NAME_LEN`] bytes.
    #[error("the name is longer than 255 bytes")]
    TooLong,
    /// The name is no UTF-8 (overlong forms and surrogates included).
    #[error("the name is no UTF-8")]
    NotUtf8,
    /// The name begins with [`PARTIAL_PREFIX`]: the next receiver would take it for a leftover.
    #[error("the name is one of foctet's own hidden partials")]
    Partial,
}

/// Checks one component and gives it back as text.
///
/// # Errors
///
/// The first [`NameRule`] that the name breaks.
///
/// ```
/// use foctet_transfer::{NameRule, check_name};
/// assert_eq!(check_name(b"holiday.mkv"), Ok("holiday.mkv"));
/// assert_eq!(check_name(b".."), Err(NameRule::Dots));
/// assert_eq!(check_name(b"COM1.txt"), Err(NameRule::Device));
/// ```
pub fn check_name(name: &[u8]) -> Result<&str, NameRule> {
    if name.is_empty() {
        return Err(NameRule::Empty);
    }
    if name.len() > MAX_NAME_LEN {
        return Err(NameRule::TooLong);
    }
    let text = std::str::from_utf8(name).map_err(|_| NameRule::NotUtf8)?;
    check_characters(text, NameRule::Slash, NameRule::Backslash, NameRule::Colon)?;
    let compatible = compatible_form(text);
    if let Cow::Owned(form) = &compatible {
        check_characters(form, NameRule::LookAlike, NameRule::LookAlike, NameRule::LookAlike)?;
    }
    if text.contains(LOOK_ALIKES) {
        return Err(NameRule::LookAlike);
    }
    if compatible == "." || compatible == ".." {
        return Err(NameRule::Dots);
    }
    // White space at the end in any form: U+00A0 and U+3000 become a space.
    if compatible.ends_with(['.', ' ']) {
        return Err(NameRule::TrailingDotOrSpace);
    }
    if is_device(&compatible) {
        return Err(NameRule::Device);
    }
    if text.starts_with(PARTIAL_PREFIX) {
        return Err(NameRule::Partial);
    }
    Ok(text)
}

/// Slashes that compatibility normalisation leaves alone but eyes, fonts and lossy conversions do not: fraction slash,
/// division slash, set minus, big solidus, big reverse solidus.
const LOOK_ALIKES: [char; 5] = ['\u{2044}', '\u{2215}', '\u{2216}', '\u{29f8}', '\u{29f9}'];

fn check_characters(
    text: &str,
    slash: NameRule,
    backslash: NameRule,
    colon: NameRule,
) -> Result<(), NameRule> {
    for byte in text.bytes() {
        match byte {
            b'/' => return Err(slash),
            b'\\' => return Err(backslash),
            b':' => return Err(colon),
            0 => return Err(NameRule::Nul),
            _ => {}
        }
    }
    Ok(())
}

fn compatible_form(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfkc().collect()) }
}

/// Whether Windows takes the name for a device: it looks at what stands before the first dot, without trailing spaces.
/// NFKC has turned `COM¹` into `COM1` before.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end_matches(' ');
    let is = |device: &str| stem.eq_ignore_ascii_case(device);
    if is("con") || is("prn") || is("aux") || is("nul") || is("conin$") || is("conout$") || is("clock$") {
        return true;
    }
    match stem.as_bytes() {
        [a, b, c, digit] => {
            let port = [a.to_ascii_lowercase(), b.to_ascii_lowercase(), c.to_ascii_lowercase()];
            (&port == b"com" || &port == b"lpt") && digit.is_ascii_digit()
        }
        _ => false,
    }
}

/// The form in which two names of one directory must differ: canonically decomposed, with case folded character by
/// character, as a filesystem that ignores case and normalisation compares them.
pub(crate) fn folded(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(name.to_ascii_lowercase());
        }
        return Cow::Borrowed(name);
    }
    // Down, up and down again: upper case unites what has several lower-case forms (ß and ss, ſ and s, ς and σ), and
    // the first step what is already upper case and has another way down (ẞ).
    let folded =
        name.nfd().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    Cow::Owned(folded.nfd().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_weapons_somewhere_are_refused() {
        use NameRule::*;
        let long = [b'a'; 256];
        let table: &[(&[u8], NameRule)] = &[
            (b"", Empty),
            (b".", Dots),
            (b"..", Dots),
            ("．．".as_bytes(), Dots),
            ("．".as_bytes(), Dots),
            ("‥".as_bytes(), Dots),
            (b"/etc/passwd", Slash),
            (b"a/b", Slash),
            (b"../x", Slash),
            (b"C:\\x", Colon),
            (b"C:", Colon),
            (b"a:b", Colon),
            (b"\\\\server\\share", Backslash),
            (b"..\\x", Backslash),
            ("a／b".as_bytes(), LookAlike),
            ("a＼b".as_bytes(), LookAlike),
            ("a：b".as_bytes(), LookAlike),
            ("a∕b".as_bytes(), LookAlike),
            ("a⁄b".as_bytes(), LookAlike),
            (b"a\0b", Nul),
            (b"CON", Device),
            (b"con", Device),
            (b"Con.txt", Device),
            (b"CON .txt", Device),
            (b"COM1.txt", Device),
            (b"lpt9", Device),
            ("COM¹".as_bytes(), Device),
            (b"NUL.tar.gz", Device),
            (b"aux.h", Device),
            (b"CONOUT$", Device),
            (b"name.", TrailingDotOrSpace),
            (b"name ", TrailingDotOrSpace),
            (b"...", TrailingDotOrSpace),
            ("name．".as_bytes(), TrailingDotOrSpace),
            ("name\u{a0}".as_bytes(), TrailingDotOrSpace),
            (b"\xc0\xae\xc0\xae", NotUtf8),
            (b"\xc0\xaf", NotUtf8),
            (b"\xe0\x80\xaf", NotUtf8),
            (b"\xed\xa0\x80", NotUtf8),
            (b"\xff", NotUtf8),
            (&long, TooLong),
            (b".foctet-partial-0123456789abcdef", Partial),
        ];
        for (name, rule) in table {
            assert_eq!(check_name(name), Err(*rule), "{:?}", String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn ordinary_names_pass_however_odd() {
        let long = "a".repeat(255);
        for name in [
            "a",
            "...a",
            ".hidden",
            "..a",
            "a..b",
            "console",
            "com",
            "com10",
            "COMX",
            "nullable.rs",
            "-rf",
            "~",
            "$HOME",
            "日本語．txt",
            "Füße",
            "\u{1b}[2J",
            "new\nline",
            "quote\"?*<>|",
            " leading",
            &long,
        ] {
            assert_eq!(check_name(name.as_bytes()), Ok(name));
        }
    }

    #[test]
    fn folding_unites_case_and_normalisation() {
        for (a, b) in [
            ("README", "readme"),
            ("É", "e\u{301}"),
            ("straße", "STRASSE"),
            ("Σας", "σασ"),
            ("\u{212a}", "k"),
            ("ﬁ", "FI"),
            ("\u{1e9e}", "ss"),
        ] {
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
        assert_ne!(folded("a"), folded("b"));
        assert_ne!(folded("ａ"), folded("a"));
    }
}
