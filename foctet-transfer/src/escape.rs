//! Showing names that strangers chose.

use std::fmt::{self, Display, Formatter, Write};
use std::path::Path;

/// A name or path from a stranger, displayed so that it cannot speak to the terminal.
///
/// Control characters (C0 and C1, so escape sequences and newlines too), bidirectional controls, zero-width and other
/// invisible characters, line separators and the backslash itself are written as `\n`, `\t`, `\r`, `\\` or
/// `\u{202e}`; a byte that is no UTF-8 as `\xff`. Everything else is shown as it is. Two different names never look
/// the same after escaping.
///
/// ```
/// use foctet_transfer::Escaped;
/// assert_eq!(Escaped::text("evil\u{1b}[2J\u{202e}gpj.exe").to_string(), r"evil\u{1b}[2J\u{202e}gpj.exe");
/// assert_eq!(Escaped::text("Füße 日本.txt").to_string(), "Füße 日本.txt");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escaped<'a>(&'a [u8]);

impl<'a> Escaped<'a> {
    /// Wraps a string.
    pub fn text(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    /// Wraps bytes that should be UTF-8 but need not be.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Wraps a path of this machine.
    pub fn path(path: &'a Path) -> Self {
        Self(path.as_os_str().as_encoded_bytes())
    }
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    '\\' => f.write_str("\\\\")?,
                    c if is_treacherous(c) => write!(f, "{}", c.escape_unicode())?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Whether a character moves the cursor, reorders text or cannot be seen (Unicode's `Default_Ignorable_Code_Point`,
/// `Bidi_Control`, `Cc`, `Zl`, `Zp` and the interlinear annotations).
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        for (raw, shown) in [
            ("plain name.txt", "plain name.txt"),
            ("a\nb\rc\td", r"a\nb\rc\td"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("c1 \u{9b}31m", r"c1 \u{9b}31m"),
            ("\u{202e}fdp.exe\u{2066}\u{2069}", r"\u{202e}fdp.exe\u{2066}\u{2069}"),
            ("zero\u{200b}width\u{feff}", r"zero\u{200b}width\u{feff}"),
            ("line\u{2028}sep", r"line\u{2028}sep"),
            ("del\u{7f}", r"del\u{7f}"),
            ("tag\u{e0041}", r"tag\u{e0041}"),
            (r"back\slash", r"back\\slash"),
        ] {
            assert_eq!(Escaped::text(raw).to_string(), shown);
        }
        assert_eq!(Escaped::bytes(b"\xffa\xc3").to_string(), r"\xffa\xc3");
    }

    #[test]
    fn different_names_stay_different() {
        assert_ne!(Escaped::text("a\nb").to_string(), Escaped::text(r"a\nb").to_string());
        assert_ne!(Escaped::bytes(b"\xff").to_string(), Escaped::text(r"\xff").to_string());
    }
}
