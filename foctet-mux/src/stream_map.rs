//! Tables by stream.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use crate::StreamId;

/// A table by stream. It is looked into several times for every message.
pub(crate) type StreamMap<V> = HashMap<StreamId, V, Spread>;

/// Spreads numbers by one multiplication with a secret factor. Which streams exist is largely the peer's choice, but it does not
/// know the factor, and its streams are few.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    factor: u64,
}

impl Default for Spread {
    fn default() -> Self {
        // Odd, so that nothing is lost by the multiplication.
        Self { factor: RandomState::new().hash_one(0_u64) | 1 }
    }
}

impl BuildHasher for Spread {
    type Hasher = Spreader;

    fn build_hasher(&self) -> Spreader {
        Spreader { factor: self.factor, hash: 0 }
    }
}

/// One number on its way through it.
#[derive(Debug)]
pub(crate) struct Spreader {
    factor: u64,
    hash: u64,
}

impl Hasher for Spreader {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(number ^ self.hash) * u128::from(self.factor);
        self.hash = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dir, Role};

    #[test]
    fn neighbours_lie_apart() {
        for factor in [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03, 0x2545_f491_4f6c_dd1d] {
            let spread = Spread { factor };
            // As a table of 1,024 places sees them.
            let mut taken = vec![0_u32; 1_024];
            for index in 0..1_024 {
                let hash = spread.hash_one(StreamId::new(Role::Client, Dir::Bi, index));
                taken[(hash % 1_024) as usize] += 1;
            }
            assert!(taken.iter().all(|here| *here < 12), "{factor:x}: {taken:?}");
        }
    }
}
