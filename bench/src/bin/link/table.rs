//! The result.

use std::collections::BTreeMap;

use crate::contest::Measured;
use crate::kind::Kind;
use crate::samples::Samples;

/// Round trip in milliseconds, loss in percent, and who.
type Key = (f64, f64, Kind);

#[derive(Default)]
pub(crate) struct Table {
    /// In the order in which they were measured first.
    keys: Vec<Key>,
    cells: BTreeMap<usize, [Samples; 3]>,
}

impl Table {
    pub(crate) fn add(&mut self, key: Key, measured: &Measured) {
        let row = self.keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        });
        let [rate, cpu, beside] = self.cells.entry(row).or_default();
        rate.add(measured.rate / 1e6);
        let gib = measured.rate * measured.seconds / 8.0 / f64::from(1 << 30);
        cpu.add(measured.cpu / gib);
        if let Some(other) = measured.beside {
            beside.add(other / 1e6);
        }
    }

    pub(crate) fn print(&self, rate: f64) {
        println!("| round trip | loss | | Mbit/s | of the link | CPU s/GiB, both ends |");
        println!("|---|---|---|---|---|---|");
        for (row, (rtt, loss, kind)) in self.keys.iter().enumerate() {
            let Some([rates, cpu, beside]) = self.cells.get(&row) else { continue };
            let share = rates.quantile(0.5).unwrap_or_default() * 1e8 / rate;
            let beside = match beside.quantile(0.5) {
                Some(_) => format!(" [{}]", beside.summary()),
                None => String::new(),
            };
            println!(
                "| {rtt} ms | {loss} % | {kind} | {}{beside} | {share:.0} % | {} |",
                rates.summary(),
                cpu.summary()
            );
        }
    }
}
