//! Several measurements of one thing.

/// Values in one unit, in any order.
#[derive(Debug, Default, Clone)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    pub(super) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value below which `share` of them lie, between two of them where need be; none where there are none.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let position = sorted.len().checked_sub(1)? as f64 * share;
        let (below, above) = (sorted.get(position.floor() as usize)?, sorted.get(position.ceil() as usize)?);
        Some(below + (above - below) * position.fract())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_values() {
        let mut samples = Samples::default();
        assert_eq!(samples.quantile(0.5), None);
        for value in [4.0, 1.0, 3.0, 2.0] {
            samples.add(value);
        }
        let [least, median, most] = [0.0, 0.5, 1.0].map(|share| samples.quantile(share));
        assert_eq!((least, median, most), (Some(1.0), Some(2.5), Some(4.0)));
    }
}
