//! Several measurements of one thing.

/// Values in one unit, in any order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value below which `share` of them lie, between two of them where need be; none where there are none.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let position = sorted.len().checked_sub(1)? as f64 * share;
        let (below, above) = (sorted.get(position.floor() as usize)?, sorted.get(position.ceil() as usize)?);
        Some(below + (above - below) * position.fract())
    }

    /// Median and, where there is more than one, the extremes: three significant digits.
    pub(crate) fn summary(&self) -> String {
        let (Some(median), Some(least), Some(most)) =
            (self.quantile(0.5), self.quantile(0.0), self.quantile(1.0))
        else {
            return "failed".to_owned();
        };
        if self.0.len() == 1 {
            return significant(median);
        }
        format!("{} ({} to {})", significant(median), significant(least), significant(most))
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        let mut samples = Samples::default();
        values.iter().for_each(|&value| samples.add(value));
        samples
    }

    #[test]
    fn the_median_lies_between_the_middle_two() {
        assert_eq!(samples(&[4.0, 1.0, 3.0, 2.0]).quantile(0.5), Some(2.5));
        assert_eq!(samples(&[9.0, 1.0, 5.0]).quantile(0.5), Some(5.0));
        assert_eq!(samples(&[]).quantile(0.5), None);
    }

    #[test]
    fn a_summary_names_the_extremes_where_there_are_any() {
        assert_eq!(samples(&[12.345]).summary(), "12.3");
        assert_eq!(samples(&[0.5, 1234.5, 99.0]).summary(), "99.0 (0.50 to 1234)");
        assert_eq!(samples(&[]).summary(), "failed");
    }
}
