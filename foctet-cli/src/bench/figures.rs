//! Figures, gathered over several rounds.

use serde::Serialize;

use super::samples::Samples;
use crate::events::Event;
use crate::report::Report;

/// One number that a measurement gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Value {
    pub(super) metric: &'static str,
    pub(super) unit: &'static str,
    pub(super) value: f64,
}

/// What all rounds say about one thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// What was done.
    pub(crate) scenario: &'static str,
    /// `quic` or `tcp`.
    pub(crate) transport: &'static str,
    /// What of it was measured.
    pub(crate) metric: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// In how many rounds.
    pub(crate) samples: usize,
}

impl Figure {
    /// `4.21 (4.02 to 4.30)`: three digits, and the extremes where there are any.
    pub(super) fn summary(&self) -> String {
        let [median, min, max] = [self.median, self.min, self.max].map(significant);
        if self.samples > 1 { format!("{median} ({min} to {max})") } else { median }
    }
}

/// At least three digits.
pub(super) fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.0995 => 2,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// To six digits: what follows is noise, and lengthens every line.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// Gathers them in the order in which they first come.
#[derive(Debug, Default)]
pub(super) struct Figures(Vec<Gathered>);

#[derive(Debug)]
struct Gathered {
    scenario: &'static str,
    transport: &'static str,
    metric: &'static str,
    unit: &'static str,
    samples: Samples,
}

impl Figures {
    /// Takes what one round gave, and tells it.
    pub(super) fn add(
        &mut self,
        report: &Report,
        round: u32,
        scenario: &'static str,
        transport: &'static str,
        values: &[Value],
    ) {
        for Value { metric, unit, value } in values.iter().copied() {
            let at = |gathered: &Gathered| {
                (gathered.scenario, gathered.transport, gathered.metric) == (scenario, transport, metric)
            };
            let place = self.0.iter().position(at).unwrap_or_else(|| {
                let samples = Samples::default();
                self.0.push(Gathered { scenario, transport, metric, unit, samples });
                self.0.len().saturating_sub(1)
            });
            let value = rounded(value);
            if let Some(gathered) = self.0.get_mut(place) {
                gathered.samples.add(value);
            }
            if report.people().is_none() {
                report.event(&Event::Sample { round, scenario, transport, metric, unit, value });
            }
        }
    }

    /// What they come to.
    pub(super) fn all(&self) -> impl Iterator<Item = Figure> + '_ {
        self.0.iter().filter_map(|gathered| {
            Some(Figure {
                scenario: gathered.scenario,
                transport: gathered.transport,
                metric: gathered.metric,
                unit: gathered.unit,
                median: rounded(gathered.samples.quantile(0.5)?),
                min: gathered.samples.quantile(0.0)?,
                max: gathered.samples.quantile(1.0)?,
                samples: gathered.samples.len(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(median: f64, samples: usize) -> Figure {
        Figure {
            scenario: "s",
            transport: "tcp",
            metric: "m",
            unit: "u",
            median,
            min: median / 2.0,
            max: median * 1.5,
            samples,
        }
    }

    #[test]
    fn a_summary_names_the_extremes_where_there_are_any() {
        assert_eq!(figure(4.0, 1).summary(), "4.00");
        assert_eq!(figure(30.0, 5).summary(), "30.0 (15.0 to 45.0)");
        assert_eq!(figure(1234.5, 2).summary(), "1234 (617 to 1852)");
        assert_eq!(figure(0.02, 1).summary(), "0.0200");
        assert_eq!(
            [rounded(0.0), rounded(59.551_049_9), rounded(123_456_789.0)],
            [0.0, 59.551, 123_457_000.0]
        );
    }
}
