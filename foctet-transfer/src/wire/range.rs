/// Groups of one file that a receiver asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// The file's index in the manifest.
    pub entry: u32,
    /// The first group.
    pub first: u64,
    /// How many groups.
    pub count: u64,
    /// Whether only the groups' values are wanted, not their bytes: to compare what is already here.
    pub values_only: bool,
}

impl Range {
    /// Bytes in an encoded range: `entry 4 | flags 1 | first 8 | count 8`.
    pub(super) const LEN: usize = 21;
    /// The flag that asks for values without bytes.
    const VALUES_ONLY: u8 = 1;

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.entry.to_be_bytes());
        out.push(if self.values_only { Self::VALUES_ONLY } else { 0 });
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
    }

    pub(super) fn decode(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let [e0, e1, e2, e3, flags, f0, f1, f2, f3, f4, f5, f6, f7, c @ ..] = *bytes;
        if flags & !Self::VALUES_ONLY != 0 {
            return None;
        }
        Some(Self {
            entry: u32::from_be_bytes([e0, e1, e2, e3]),
            first: u64::from_be_bytes([f0, f1, f2, f3, f4, f5, f6, f7]),
            count: u64::from_be_bytes(c),
            values_only: flags & Self::VALUES_ONLY != 0,
        })
    }
}

/// Consecutive entries of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Run {
    /// Index of the first.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl Run {
    /// Bytes in an encoded run: `first 4 | count 4`.
    pub(super) const LEN: usize = 8;

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
    }

    pub(super) fn decode(bytes: &[u8; Self::LEN]) -> Self {
        let [f0, f1, f2, f3, c0, c1, c2, c3] = *bytes;
        Self { first: u32::from_be_bytes([f0, f1, f2, f3]), count: u32::from_be_bytes([c0, c1, c2, c3]) }
    }
}
