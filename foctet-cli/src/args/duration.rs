//! Durations as people write them: `500ms`, `10s`, `2m`, `1h`.

use std::time::Duration;

/// The longest duration taken, in seconds: a year. Longer ones are mistakes, and would overflow a deadline.
const LONGEST_SECS: f64 = 365.0 * 86_400.0;

/// The units, each with its length in seconds.
const UNITS: [(&str, f64); 5] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("min", 60.0), ("h", 3600.0)];

/// Parses a positive number with a unit. A bare number counts seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a positive time such as 500ms, 10s or 2m";
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| EXPECTED.to_owned())?;
    let seconds_each = match unit.trim_start() {
        "" => 1.0,
        unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, s)| *s).ok_or(EXPECTED)?,
    };
    let seconds = number * seconds_each;
    if seconds > LONGEST_SECS {
        return Err("the longest is a year".to_owned());
    }
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| EXPECTED.to_owned())?;
    if duration.is_zero() { Err(EXPECTED.to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("10", 10_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1.5s", 1500),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_positive_time_is_refused() {
        for text in
            ["", "s", "-1s", "0", "0ms", "1d2", "1.2.3s", "1e99h", "99999999h", "ten seconds", "NaN", "inf"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
