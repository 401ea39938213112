/// Rounds over which a maximum is kept: a cycle of probing, and a little more.
const ROUNDS: usize = 10;

/// The greatest value of the last rounds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RecentMax {
    rounds: [f64; ROUNDS],
    round: usize,
}

impl RecentMax {
    pub(super) fn get(&self) -> f64 {
        self.rounds.iter().copied().fold(0.0, f64::max)
    }

    pub(super) fn add(&mut self, value: f64) {
        if let Some(of_round) = self.rounds.get_mut(self.round) {
            *of_round = of_round.max(value);
        }
    }

    /// The oldest round is forgotten.
    pub(super) fn next_round(&mut self) {
        self.round = (self.round + 1) % ROUNDS;
        if let Some(of_round) = self.rounds.get_mut(self.round) {
            *of_round = 0.0;
        }
    }
}
