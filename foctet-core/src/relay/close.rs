/// With which application code a relay ends a leg, or resets a spliced stream.
///
/// `Refused` tells a stranger no more than that: whether a node is denied, or not on the list of those allowed, is the
/// operator's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CloseCode {
    /// The client may not use this relay, or its token is wrong.
    #[error("the relay does not admit this node")]
    Refused,
    /// The client broke the protocol.
    #[error("the relay found a protocol error")]
    Protocol,
    /// The same key has connected anew; that connection goes on.
    #[error("another connection with this node's key has taken over")]
    Replaced,
    /// The relay is full, or too many legs come from this address.
    #[error("the relay is at its limit of connections")]
    Full,
    /// The relay shuts down; what is there may be had from another.
    #[error("the relay is shutting down")]
    Draining,
    /// The client took nothing for too long.
    #[error("the relay gave up on a client that took nothing")]
    Stalled,
    /// The client said no hello in time.
    #[error("the relay heard no hello")]
    NoHello,
    /// A spliced stream leads nowhere: the peer is unknown here, away, or refuses. Which of them is not told.
    #[error("the peer cannot be reached through this relay")]
    Unreachable,
    /// The client switches between connections of one key faster than the relay allows.
    #[error("this node's key is in use by another connection")]
    InUse,
}

impl CloseCode {
    const ALL: [(Self, u64); 9] = [
        (Self::Refused, 1),
        (Self::Protocol, 2),
        (Self::Replaced, 3),
        (Self::Full, 4),
        (Self::Draining, 5),
        (Self::Stalled, 6),
        (Self::NoHello, 7),
        (Self::Unreachable, 8),
        (Self::InUse, 9),
    ];

    /// The code on the wire.
    pub fn code(self) -> u64 {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or(0, |(_, code)| *code)
    }

    /// What a code on the wire means, if this version knows it.
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == code).map(|(close, _)| *close)
    }
}
