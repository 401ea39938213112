//! What the figures are held against.

use std::fmt::Write as _;

use crate::results::{Metric, Results};

/// What one of ours is to reach in one metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    pub(crate) who: &'static str,
    pub(crate) metric: Metric,
    pub(crate) bound: Bound,
}

/// How much that is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    /// At least this multiple of the peer's value.
    AtLeast(f64, &'static str),
    /// At most this multiple of the peer's value.
    AtMost(f64, &'static str),
    /// At most this, in the metric's own unit.
    Within(f64),
    /// Nothing is asked; the ratio to the peer's value is of interest.
    Beside(&'static str),
}

impl Goal {
    /// One that asks for at least this multiple of the peer's value.
    pub(crate) const fn at_least(who: &'static str, metric: Metric, factor: f64, peer: &'static str) -> Self {
        Self { who, metric, bound: Bound::AtLeast(factor, peer) }
    }

    /// One that asks for at most this multiple of the peer's value.
    pub(crate) const fn at_most(who: &'static str, metric: Metric, factor: f64, peer: &'static str) -> Self {
        Self { who, metric, bound: Bound::AtMost(factor, peer) }
    }

    /// One that asks for at most this value.
    pub(crate) const fn within(who: &'static str, metric: Metric, value: f64) -> Self {
        Self { who, metric, bound: Bound::Within(value) }
    }

    /// Nothing but the ratio.
    pub(crate) const fn beside(who: &'static str, metric: Metric, peer: &'static str) -> Self {
        Self { who, metric, bound: Bound::Beside(peer) }
    }

    /// One line of a table.
    fn line(&self, results: &Results) -> String {
        let Self { who, metric, bound } = *self;
        let (subject, samples) = match bound {
            Bound::AtLeast(_, peer) | Bound::AtMost(_, peer) | Bound::Beside(peer) => {
                (format!("{who} / {peer}"), results.ratios(who, peer, metric))
            }
            Bound::Within(_) => (who.to_owned(), results.samples(who, metric)),
        };
        let wanted = match bound {
            Bound::AtLeast(factor, _) => format!("at least {factor}"),
            Bound::AtMost(factor, _) => format!("at most {factor}"),
            Bound::Within(value) => format!("at most {value}"),
            Bound::Beside(_) => "–".to_owned(),
        };
        let verdict = match (samples.quantile(0.5), bound) {
            (None, _) => "not measured",
            (Some(_), Bound::Beside(_)) => "–",
            (Some(median), Bound::AtLeast(factor, _)) if median >= factor => "met",
            (Some(median), Bound::AtMost(bound, _) | Bound::Within(bound)) if median <= bound => "met",
            (Some(_), _) => "**missed**",
        };
        let figure = samples.quantile(0.5).map_or_else(|| "–".to_owned(), |_| samples.summary());
        format!("| {metric} | {subject} | {wanted} | {figure} | {verdict} |")
    }
}

/// The goals as a table in Markdown: medians of the ratios of each round, and the extremes.
pub(crate) fn table(goals: &[Goal], results: &Results) -> String {
    let mut text = "| metric | of / to | wanted | is | |\n|---|---|---|---|---|\n".to_owned();
    for goal in goals {
        let _ = writeln!(text, "{}", goal.line(results));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(goal: Goal, ours: f64, theirs: f64) -> String {
        let mut results = Results::default();
        results.add("ours", &["s"], 1, &vec![("s", ours)]);
        results.add("theirs", &["s"], 1, &vec![("s", theirs)]);
        goal.line(&results)
    }

    #[test]
    fn the_verdict_follows_from_the_figures() {
        let goal = Goal::at_least("ours", "s", 2.0, "theirs");
        assert_eq!(line(goal, 2.0, 1.0), "| s | ours / theirs | at least 2 | 2.00 | met |");
        assert_eq!(line(goal, 1.9, 1.0), "| s | ours / theirs | at least 2 | 1.90 | **missed** |");
        let goal = Goal::at_most("ours", "s", 1.3, "theirs");
        assert_eq!(line(goal, 1.3, 1.0), "| s | ours / theirs | at most 1.3 | 1.30 | met |");
        assert_eq!(line(goal, 1.4, 1.0), "| s | ours / theirs | at most 1.3 | 1.40 | **missed** |");
        let goal = Goal::within("ours", "s", 3.0);
        assert_eq!(line(goal, 3.0, 9.0), "| s | ours | at most 3 | 3.00 | met |");
        assert_eq!(line(goal, 3.1, 9.0), "| s | ours | at most 3 | 3.10 | **missed** |");
        let goal = Goal::beside("ours", "s", "theirs");
        assert_eq!(line(goal, 1.0, 2.0), "| s | ours / theirs | – | 0.50 | – |");
        let goal = Goal::at_least("ours", "s", 2.0, "nobody");
        assert_eq!(line(goal, 1.0, 2.0), "| s | ours / nobody | at least 2 | – | not measured |");
    }
}
