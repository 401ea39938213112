//! A table of figures: a line a contestant, a column a metric.

use std::fmt::Write as _;

use crate::results::{Metric, Results};

/// The table in Markdown.
pub(crate) fn table(results: &Results, first: &str, names: &[&'static str], columns: &[Metric]) -> String {
    let mut text = format!("| {first} | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for &name in names {
        let cells: Vec<_> = match results.skipped(name) {
            Some(why) => vec![format!("SKIPPED: {why}")]
                .into_iter()
                .chain(columns.iter().skip(1).map(|_| String::new()))
                .collect(),
            None => columns.iter().map(|metric| results.cell(name, metric)).collect(),
        };
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text
}
