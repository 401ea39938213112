//! Rates as people write them: `20MB`, `1.5GiB`, `500k`, in bytes a second.

use std::num::NonZeroU64;

/// The units: k, M, G are powers of 1000, Ki, Mi, Gi of 1024.
const UNITS: [(&str, f64); 7] = [
    ("", 1.0),
    ("k", 1e3),
    ("m", 1e6),
    ("g", 1e9),
    ("ki", 1024.0),
    ("mi", 1024.0 * 1024.0),
    ("gi", 1024.0 * 1024.0 * 1024.0),
];

/// The highest rate taken: more is a mistake, and no limit.
const HIGHEST: f64 = 1e15;

/// Parses a positive number of bytes a second. Case does not matter; a `B` and a `/s` may follow.
pub(crate) fn parse_rate(text: &str) -> Result<NonZeroU64, String> {
    const EXPECTED: &str = "expected bytes a second such as 500k, 20MB or 1.5GiB";
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_suffix("/s").unwrap_or(&text);
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| EXPECTED.to_owned())?;
    let unit = unit.trim_start();
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let each = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, each)| *each).ok_or(EXPECTED)?;
    let rate = number * each;
    if rate > HIGHEST {
        return Err("this is faster than any network".to_owned());
    }
    NonZeroU64::new(rate.round() as u64).ok_or_else(|| EXPECTED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read() {
        for (text, rate) in [
            ("20MB", 20_000_000),
            ("1.5GiB", 1_610_612_736),
            ("500k", 500_000),
            ("500kB", 500_000),
            ("2Ki", 2048),
            ("3 MiB/s", 3 << 20),
            ("7", 7),
            ("7b", 7),
            ("1g", 1_000_000_000),
        ] {
            assert_eq!(parse_rate(text).map(NonZeroU64::get), Ok(rate), "{text}");
        }
    }

    #[test]
    fn what_is_no_positive_rate_is_refused() {
        for text in ["", "0", "0.4", "k", "-1M", "1T", "5kk", "1.2.3", "9999999999G", "nan", "inf", "1 M b"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
