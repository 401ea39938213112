//! The tables.

use std::collections::BTreeMap;

use crate::measure::{Figures, Measure};
use crate::samples::Samples;

/// Everything measured so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    samples: BTreeMap<(&'static str, Measure, usize), Samples>,
}

/// Title of a column, the measure that it shows and which of its figures.
type Column = (&'static str, Measure, usize);

const THROUGHPUT: [Column; 4] = [
    ("one stream, Gbit/s", Measure::Throughput(1), 0),
    ("CPU s/GiB, both sides", Measure::Throughput(1), 1),
    ("eight streams, Gbit/s", Measure::Throughput(8), 0),
    ("CPU s/GiB, both sides", Measure::Throughput(8), 1),
];
const ROUND_TRIPS: [Column; 4] = [
    ("1 B p50, µs", Measure::RoundTrip(1), 0),
    ("1 B p99, µs", Measure::RoundTrip(1), 1),
    ("1 KiB p50, µs", Measure::RoundTrip(1024), 0),
    ("1 KiB p99, µs", Measure::RoundTrip(1024), 1),
];
const HANDSHAKES: [Column; 2] =
    [("handshakes a second", Measure::Handshakes, 0), ("cold endpoint and connect, ms", Measure::Cold, 0)];

impl Report {
    /// Takes one measurement in; a failed one leaves no trace but its absence.
    pub(crate) fn add(&mut self, name: &'static str, measure: Measure, figures: Figures) {
        for (index, figure) in figures.into_iter().enumerate() {
            if let Some(figure) = figure {
                self.samples.entry((name, measure, index)).or_default().add(figure);
            }
        }
    }

    /// Prints all tables, one line a contestant.
    pub(crate) fn print(&self, names: impl Iterator<Item = &'static str> + Clone) {
        self.table("Throughput", &THROUGHPUT, names.clone());
        self.table("Round trips", &ROUND_TRIPS, names.clone());
        self.table("Handshakes", &HANDSHAKES, names);
    }

    fn table(&self, title: &str, columns: &[Column], names: impl Iterator<Item = &'static str>) {
        println!("\n## {title}\n");
        let titles: Vec<_> = columns.iter().map(|(title, ..)| *title).collect();
        println!("| contestant | {} |", titles.join(" | "));
        println!("|---|{}", "---|".repeat(columns.len()));
        for name in names {
            let cells: Vec<_> = columns
                .iter()
                .map(|&(_, measure, index)| {
                    self.samples
                        .get(&(name, measure, index))
                        .map_or_else(|| "failed".to_owned(), Samples::summary)
                })
                .collect();
            println!("| {name} | {} |", cells.join(" | "));
        }
    }
}
