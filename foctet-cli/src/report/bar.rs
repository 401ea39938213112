//! The progress bar: one line, rendered from a sample and a width.

use super::{escape, units};
use crate::progress::Sample;

/// Eighths of a cell, from one to seven.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Columns of the bar itself: beyond the maximum it says no more, below the minimum it says nothing.
const MAX_BAR_COLUMNS: usize = 30;
const MIN_BAR_COLUMNS: usize = 6;

/// Columns for the name of what is sent.
const MAX_LABEL_COLUMNS: usize = 32;

/// Columns kept for the numbers, so that the bar does not change its width with every digit.
const NUMBER_COLUMNS: usize = 34;

/// Renders one line of at most `columns` columns: name, share, bar, bytes, rate, time left, and the way they travel:
/// the first of `ways` that there is room for.
///
/// What matters least goes first where the line is too narrow: the way, the bar, the name.
pub(crate) fn render(label: &str, sample: &Sample, ways: &[String], columns: usize) -> String {
    let numbers = numbers(sample);
    let share = format!("{:>3} %", (share(sample) * 100.0).floor());
    let head = format!("{}  {share}", escape::escape_within(label, MAX_LABEL_COLUMNS));
    let used = escape::width(&head) + 2 + escape::width(&numbers).max(NUMBER_COLUMNS);

    for way in
        ways.iter().map(|way| format!("  {}", escape::escape_within(way, columns))).chain([String::new()])
    {
        let cells = columns.saturating_sub(used + escape::width(&way) + 2).min(MAX_BAR_COLUMNS);
        if cells >= MIN_BAR_COLUMNS {
            return format!("{head}  {}  {numbers}{way}", bar(share_of_cells(sample, cells), cells));
        }
    }
    let line = format!("{head}  {numbers}");
    if escape::width(&line) <= columns {
        return line;
    }
    escape::escape_within(&format!("{}  {numbers}", share.trim_start()), columns)
}

fn numbers(sample: &Sample) -> String {
    let mut text = units::bytes_of(sample.bytes, sample.total);
    if let Some(rate) = sample.rate {
        text.push_str(&format!("  {}/s", units::bytes(rate)));
    }
    if let Some(left) = sample.left {
        text.push_str(&format!("  {} left", units::seconds(left)));
    }
    text
}

fn share(sample: &Sample) -> f64 {
    if sample.total == 0 { 1.0 } else { (sample.bytes as f64 / sample.total as f64).clamp(0.0, 1.0) }
}

/// How much of `cells` is full, in eighths of a cell.
fn share_of_cells(sample: &Sample, cells: usize) -> usize {
    (share(sample) * (cells * 8) as f64) as usize
}

fn bar(eighths: usize, cells: usize) -> String {
    let full = (eighths / 8).min(cells);
    let mut bar = "█".repeat(full);
    let mut drawn = full;
    if let Some(part) = (eighths % 8).checked_sub(1).and_then(|i| EIGHTHS.get(i))
        && drawn < cells
    {
        bar.push(*part);
        drawn += 1;
    }
    bar.extend(std::iter::repeat_n(' ', cells - drawn));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sample(bytes: u64, total: u64) -> Sample {
        Sample { bytes, total, files: 0, rate: Some(94_000_000), left: Some(Duration::from_secs(1)) }
    }

    #[test]
    fn a_wide_line_says_everything() {
        let ways = ["direct, QUIC, 192.0.2.1:7, 12 ms", "direct, QUIC"].map(str::to_owned);
        let line = render("holiday.mkv", &sample(271_000_000, 381_000_000), &ways[1..], 110);
        assert_eq!(
            line,
            "holiday.mkv   71 %  █████████████████████▎          271/381 MB  94 MB/s  1 s left  direct, QUIC"
        );
        let line = render("holiday.mkv", &sample(271_000_000, 381_000_000), &ways, 140);
        assert!(line.ends_with("  direct, QUIC, 192.0.2.1:7, 12 ms"), "{line}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let ways = ["direct, TCP, 192.0.2.1:7, 12 ms", "direct, TCP"].map(str::to_owned);
        for columns in 0..140 {
            for label in ["x", "holiday.mkv", "日本の夏休みの思い出のビデオ全部入り.mkv", &"n".repeat(300)]
            {
                let line = render(label, &sample(271_000_000, 381_000_000), &ways, columns);
                assert!(escape::width(&line) <= columns.max(1), "{columns}: {line}");
            }
        }
    }

    #[test]
    fn the_bar_is_empty_at_first_and_full_at_the_end() {
        assert_eq!(bar(share_of_cells(&sample(0, 100), 10), 10), " ".repeat(10));
        assert_eq!(bar(share_of_cells(&sample(100, 100), 10), 10), "█".repeat(10));
        assert_eq!(bar(share_of_cells(&sample(0, 0), 10), 10), "█".repeat(10));
        assert!(render("x", &sample(0, 0), &[], 80).contains("100 %"));
    }
}
