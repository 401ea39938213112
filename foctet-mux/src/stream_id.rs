//! Who opened a stream and which way it carries data: RFC 9000, section 2.1.

use std::fmt;

/// Which end of the carrier this is.
///
/// The client is the side that opened the carrier. Apart from stream numbering the two are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The side that opened the carrier.
    Client,
    /// The side that accepted the carrier.
    Server,
}

impl Role {
    /// The other end's role.
    pub fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Whether data flows both ways or only away from the opener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dir {
    /// Both ends send.
    Bi,
    /// Only the opener sends.
    Uni,
}

impl Dir {
    /// Both directions, for loops over per-direction tables.
    pub(crate) const ALL: [Self; 2] = [Self::Bi, Self::Uni];

    /// Where a per-direction table keeps this direction.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Bi => 0,
            Self::Uni => 1,
        }
    }
}

/// The number of a stream on the wire: RFC 9000, section 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

impl StreamId {
    /// The `index`th (from 0) stream that `initiator` opens in direction `dir`.
    ///
    /// `index` is below 2^60, which every stream limit of the protocol guarantees; higher bits are lost.
    pub fn new(initiator: Role, dir: Dir, index: u64) -> Self {
        let kind = u64::from(initiator == Role::Server) | (u64::from(dir == Dir::Uni) << 1);
        Self((index << 2) | kind)
    }

    /// A stream number as it came off the wire, below 2^62.
    pub fn from_u64(id: u64) -> Self {
        Self(id)
    }

    /// Who opened it.
    pub fn initiator(self) -> Role {
        if self.0 & 1 == 0 { Role::Client } else { Role::Server }
    }

    /// Whether it carries data both ways.
    pub fn dir(self) -> Dir {
        if self.0 & 2 == 0 { Dir::Bi } else { Dir::Uni }
    }

    /// How many streams of the same initiator and direction were opened before it.
    pub fn index(self) -> u64 {
        self.0 >> 2
    }

    /// The number on the wire.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.initiator() {
            Role::Client => "client",
            Role::Server => "server",
        };
        let dir = match self.dir() {
            Dir::Bi => "bi",
            Dir::Uni => "uni",
        };
        write!(f, "{who} {dir} stream {}", self.index())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_low_bits_say_who_opened_it_and_which_way_it_flows() {
        for (wire, role, dir, index) in [
            (0, Role::Client, Dir::Bi, 0),
            (1, Role::Server, Dir::Bi, 0),
            (2, Role::Client, Dir::Uni, 0),
            (3, Role::Server, Dir::Uni, 0),
            (4 * 77 + 3, Role::Server, Dir::Uni, 77),
            ((1 << 62) - 1, Role::Server, Dir::Uni, (1 << 60) - 1),
        ] {
            let id = StreamId::from_u64(wire);
            assert_eq!((id.initiator(), id.dir(), id.index()), (role, dir, index));
            assert_eq!(StreamId::new(role, dir, index), id);
        }
    }
}
