use std::fmt;

/// What an application may want to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// Another path carries the data now.
    Changed {
        /// The path that did, if there was one.
        from: Option<u32>,
        /// The one that does.
        to: u32,
        /// Why.
        why: ChangeReason,
    },
    /// Nothing comes back on any path.
    Stalled,
    /// Something came back again.
    Recovered,
}

/// Why another path carries the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeReason {
    /// It is the first.
    First,
    /// It is direct, and the other was relayed.
    Direct,
    /// It is clearly faster.
    Faster,
    /// Nothing comes back on the other one.
    NoAnswer,
    /// The other one is closed.
    Closed,
    /// The relay of the other one is out of reach.
    RelayLost,
    /// The peer has left the relay of the other one.
    RelayLeft,
    /// It is better than the one that stood in for it, and answers again or has proved itself.
    Answers,
    /// The peer, who decides, has moved to it.
    PeerMoved,
}

impl fmt::Display for ChangeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "it is the first path",
            Self::Direct => "a direct path works",
            Self::Faster => "it is faster",
            Self::NoAnswer => "nothing came back on the path before",
            Self::Closed => "the path before was closed",
            Self::RelayLost => "the relay of the path before is out of reach",
            Self::RelayLeft => "the peer has left the relay of the path before",
            Self::Answers => "the better path answers again",
            Self::PeerMoved => "the peer moved to it",
        })
    }
}
