use std::collections::VecDeque;

/// How many packets wait for a client in the queue of its connection, which tells only how much room it has left.
///
/// The queue is first in, first out: what has left it is known by how much room there is again. Its room alone would
/// not do, as it is told without what each packet costs beside its bytes.
#[derive(Debug)]
pub(crate) struct Unsent {
    /// The room of the empty queue, in bytes.
    empty: usize,
    /// What one packet takes of it beside its bytes.
    overhead: usize,
    max: usize,
    costs: VecDeque<usize>,
    cost: usize,
}

impl Unsent {
    pub(crate) fn new(empty: usize, overhead: usize, max: usize) -> Self {
        Self { empty, overhead, max, costs: VecDeque::new(), cost: 0 }
    }

    /// Whether one more fits in, with so much room left.
    pub(crate) fn has_place(&mut self, room: usize) -> bool {
        let used = self.empty.saturating_sub(room);
        while self.cost > used {
            let Some(oldest) = self.costs.pop_front() else { break };
            self.cost -= oldest;
        }
        self.costs.len() < self.max
    }

    /// One more has been put in; what it takes of the room.
    pub(crate) fn add(&mut self, bytes: usize) -> usize {
        let cost = bytes + self.overhead;
        self.costs.push_back(cost);
        self.cost += cost;
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_counted_whatever_their_size() {
        let mut unsent = Unsent::new(100_000, 64, 3);
        for bytes in [10, 1000, 10] {
            assert!(unsent.has_place(100_000 - unsent.cost));
            unsent.add(bytes);
        }
        assert!(!unsent.has_place(100_000 - 1212), "three wait");
        assert!(unsent.has_place(100_000 - 1138), "the oldest has left");
        unsent.add(5);
        assert!(!unsent.has_place(100_000 - 1207));
        assert!(unsent.has_place(100_000), "all have left");
        assert_eq!((unsent.costs.len(), unsent.cost), (0, 0));
    }
}
