//! Quantities as people read them.

use std::time::Duration;

/// Decimal units, as disks and networks are sold.
const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// `381 MB`, `1.1 GB`, `12 B`: powers of 1000, two or three digits.
pub(crate) fn bytes(count: u64) -> String {
    let unit = unit_of(count);
    format!("{} {}", in_unit(count, unit), UNITS.get(unit).copied().unwrap_or("B"))
}

/// `271/381 MB`: both in the unit of the second.
pub(crate) fn bytes_of(count: u64, total: u64) -> String {
    let unit = unit_of(total);
    format!("{}/{} {}", in_unit(count, unit), in_unit(total, unit), UNITS.get(unit).copied().unwrap_or("B"))
}

/// `1 s`, `42 s`, `3 min 20 s`: whole seconds, rounded up.
pub(crate) fn seconds(left: Duration) -> String {
    let whole = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    if whole < 10 { format!("{whole} s") } else { duration(Duration::from_secs(whole)) }
}

/// `4.1 s`, `42 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let whole = seconds.round() as u64;
    if seconds < 0.0995 {
        format!("{} ms", (seconds * 1000.0).round())
    } else if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if whole < 60 {
        format!("{whole} s")
    } else if whole < 3600 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{} h {} min", whole / 3600, whole % 3600 / 60)
    }
}

/// `12 ms`, `0.4 ms`: a round trip.
pub(crate) fn round_trip(millis: f64) -> String {
    if millis < 9.95 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

/// `1 file`, `12 files`.
pub(crate) fn files(count: u64) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// The index of the unit in which `count` has one to three digits before the point, after rounding.
fn unit_of(count: u64) -> usize {
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    unit
}

fn in_unit(count: u64, unit: usize) -> String {
    let value = count as f64 / 1000_f64.powi(i32::try_from(unit).unwrap_or(0));
    if unit == 0 || value >= 9.95 || count == 0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_or_three_digits() {
        for (count, text) in [
            (0, "0 B"),
            (1, "1 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (381_000_000, "381 MB"),
            (1_073_741_824, "1.1 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn a_part_and_its_whole_share_a_unit() {
        assert_eq!(bytes_of(271_000_000, 381_000_000), "271/381 MB");
        assert_eq!(bytes_of(0, 381_000_000), "0/381 MB");
        assert_eq!(bytes_of(3_200_000, 381_000_000), "3.2/381 MB");
    }

    #[test]
    fn times_are_as_fine_as_they_matter() {
        for (millis, text) in [
            (12, "12 ms"),
            (4_100, "4.1 s"),
            (9_940, "9.9 s"),
            (9_960, "10 s"),
            (59_600, "1 min 0 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        for (millis, text) in [(0, "0 s"), (1, "1 s"), (9_001, "10 s"), (200_000, "3 min 20 s")] {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }
}
