use std::fmt;

/// Which stream of a connection it is, numbered as in RFC 9000, section 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub(crate) u64);

impl StreamId {
    /// The number itself: at most 2^62-1.
    pub fn value(self) -> u64 {
        self.0
    }

    /// How many streams of its kind were opened before it, those of foctet's own included: a dialler's first ones may be.
    pub fn index(self) -> u64 {
        self.0 >> 2
    }

    /// Whether the dialler opened it (else the acceptor did).
    pub fn is_dialler_initiated(self) -> bool {
        self.0 & 1 == 0
    }

    /// Whether it goes both ways.
    pub fn is_bidirectional(self) -> bool {
        self.0 & 2 == 0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
