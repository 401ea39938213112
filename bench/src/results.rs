//! What was measured: of each contestant, each metric, in each round.

use std::collections::BTreeMap;

use crate::samples::Samples;

/// The title of a column, with its unit.
pub(crate) type Metric = &'static str;

/// What one measurement gives: a value for each of its metrics, or none where it failed.
pub(crate) type Figures = Vec<(Metric, f64)>;

/// Everything measured so far.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// By contestant and metric, then by round.
    values: BTreeMap<(&'static str, Metric), BTreeMap<u32, Option<f64>>>,
    /// Why a contestant did not take part.
    skipped: BTreeMap<&'static str, String>,
}

impl Results {
    /// Takes one measurement in. Those of `metrics` that are not among the figures have failed in this round.
    pub(crate) fn add(&mut self, name: &'static str, metrics: &[Metric], round: u32, figures: &Figures) {
        for &metric in metrics {
            let value = figures.iter().find(|(of, _)| *of == metric).map(|&(_, value)| value);
            self.values.entry((name, metric)).or_default().insert(round, value);
        }
    }

    /// Says why there is nothing of a contestant.
    pub(crate) fn skip(&mut self, name: &'static str, why: String) {
        self.skipped.insert(name, why);
    }

    /// Why there is nothing of it, if it was skipped.
    pub(crate) fn skipped(&self, name: &str) -> Option<&str> {
        self.skipped.get(name).map(String::as_str)
    }

    /// One cell of a table: median and extremes, and in how many rounds it failed if it did.
    pub(crate) fn cell(&self, name: &'static str, metric: Metric) -> String {
        let Some(rounds) = self.values.get(&(name, metric)) else { return "–".to_owned() };
        let samples: Samples = rounds.values().flatten().copied().collect();
        let failed = rounds.values().filter(|value| value.is_none()).count();
        match failed {
            0 => samples.summary(),
            _ if failed == rounds.len() => "failed".to_owned(),
            _ => format!("{}, failed in {failed} of {}", samples.summary(), rounds.len()),
        }
    }

    /// The values of one metric, in the order of the rounds; rounds that failed are missing.
    pub(crate) fn samples(&self, name: &'static str, metric: Metric) -> Samples {
        self.values.get(&(name, metric)).into_iter().flat_map(BTreeMap::values).flatten().copied().collect()
    }

    /// `name`'s value as a multiple of `peer`'s, round by round: what a machine's drift leaves alone.
    pub(crate) fn ratios(&self, name: &'static str, peer: &'static str, metric: Metric) -> Samples {
        let (Some(ours), Some(theirs)) = (self.values.get(&(name, metric)), self.values.get(&(peer, metric)))
        else {
            return Samples::default();
        };
        let pair = |(round, ours): (&u32, &Option<f64>)| Some((*ours)? / (*theirs.get(round)?)?);
        ours.iter().filter_map(pair).collect()
    }

    /// Whether anything failed.
    pub(crate) fn has_failures(&self) -> bool {
        self.values.values().flat_map(BTreeMap::values).any(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEED: Metric = "speed";

    fn results(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Results {
        let mut results = Results::default();
        for (name, values) in [("ours", ours), ("theirs", theirs)] {
            for (round, value) in (1..).zip(values) {
                results.add(name, &[SPEED], round, &value.iter().map(|&value| (SPEED, value)).collect());
            }
        }
        results
    }

    #[test]
    fn ratios_are_those_of_rounds_in_which_both_succeeded() {
        let results =
            results(&[Some(2.0), None, Some(9.0), Some(8.0)], &[Some(1.0), Some(1.0), None, Some(2.0)]);
        let ratios = results.ratios("ours", "theirs", SPEED);
        assert_eq!(ratios.quantile(0.0), Some(2.0));
        assert_eq!(ratios.quantile(1.0), Some(4.0));
        assert_eq!(results.ratios("ours", "nobody", SPEED).quantile(0.5), None);
    }

    #[test]
    fn a_cell_hides_no_failure() {
        let results = results(&[Some(2.0), None], &[None, None]);
        assert_eq!(results.cell("ours", SPEED), "2.00, failed in 1 of 2");
        assert_eq!(results.cell("theirs", SPEED), "failed");
        assert_eq!(results.cell("nobody", SPEED), "–");
        assert!(results.has_failures());
    }
}
