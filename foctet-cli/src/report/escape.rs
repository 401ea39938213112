//! Text from strangers, made harmless: names and reasons may hold anything that Unicode has.
//!
//! What could move the cursor, hide, reorder or fake text is shown as an escape: control characters, bidirectional
//! controls, zero-width and other invisible characters, line and paragraph separators.

use std::fmt::Write as _;

use foctet_transfer::Escaped;

/// The most columns that a name from a peer takes in a list.
pub(crate) const NAME_COLUMNS: usize = 60;

/// Whether `c` must not reach a terminal as it is. What is harmful, foctet-transfer knows.
pub(crate) fn is_harmful(c: char) -> bool {
    if matches!(c, ' '..='~') {
        return false;
    }
    let mut utf8 = [0; 4];
    let text: &str = c.encode_utf8(&mut utf8);
    Escaped::text(text).to_string() != text
}

/// `text` with every harmful character written as an escape such as `\n` or `\u{202e}`. Backslashes stay as they are:
/// a message may hold names that are escaped already.
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// As [`escape`], and cut in the middle to at most `columns` columns.
pub(crate) fn escape_within(text: &str, columns: usize) -> String {
    let shown = escape(text);
    if width(&shown) <= columns {
        return shown;
    }
    let room = columns.saturating_sub(1);
    let tail_room = room / 2;
    let mut head = take_columns(shown.chars(), room - tail_room);
    let tail: String = take_columns(shown.chars().rev(), tail_room).chars().rev().collect();
    head.push('…');
    head + &tail
}

/// The terminal columns that `text` takes, rounded up where terminals differ.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// Writes a JSON document so that no harmful character is in it: `\u` escapes mean the same to every parser.
///
/// Outside strings, JSON has none of these characters, so it is safe to replace them wherever they stand.
pub(crate) fn escape_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmful(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

fn take_columns(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut left = columns;
    chars
        .take_while(|c| match left.checked_sub(char_width(*c)) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        })
        .collect()
}

/// Two columns for what East Asian fonts and emoji draw wide, one for the rest; combining marks count as one.
fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => 2,
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1_f000..=0x1_faff | 0x2_0000..=0x3_fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_fool_a_terminal_is_escaped() {
        for (text, shown) in [
            ("holiday.mkv", "holiday.mkv"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb\r\t", "a\\nb\\r\\t"),
            ("gpj\u{202e}exe.", "gpj\\u{202e}exe."),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("héllo 日本 🎉", "héllo 日本 🎉"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn json_keeps_its_meaning_without_the_harm() {
        let name = "a\u{202e}b\u{85}\u{e0041}\u{7f}\n日";
        let json = escape_json(&serde_json::to_string(name).unwrap());
        assert!(!json.chars().any(is_harmful));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
    }

    #[test]
    fn long_names_lose_their_middle() {
        let long = format!("{}.tar.gz", "x".repeat(4096));
        let shown = escape_within(&long, 20);
        assert_eq!(width(&shown), 20);
        assert!(shown.starts_with("xxx") && shown.ends_with(".tar.gz"), "{shown}");
        assert!(width(&escape_within(&"日".repeat(50), 21)) <= 21);
        assert_eq!(escape_within("short", 20), "short");
        assert_eq!(escape_within("xyz", 0), "…");
    }
}
