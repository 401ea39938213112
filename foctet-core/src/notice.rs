//! What the acceptor of a connection tells its dialler while the connection lives: bytes in and out, without I/O.

mod reader;

pub use reader::NoticeReader;

use crate::node_addr::MAX_RELAYS;
use crate::relay_addr::{RELAY_KINDS, RelayAddr};

/// Bytes in the body of a notice at most: as many relays as an address has, each with the longest host name, in an entry of
/// 255 bytes and its kind and length.
pub const MAX_NOTICE: usize = MAX_RELAYS * (2 + 255);

/// Bytes before the body: the type, and the length as 16 bits, big endian.
const HEADER_LEN: usize = 3;

/// Something that the acceptor of a connection tells its dialler, on a stream of that connection: so it is from the acceptor,
/// complete and in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The relays through which the acceptor can be reached from now on, best first, instead of those before: at most
    /// [`MAX_RELAYS`], each once, without their tokens.
    Relays(Vec<RelayAddr>),
}

/// Why bytes are no notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeError {
    /// The notice says to be longer than any is.
    #[error("a notice of {length} bytes is too long")]
    TooLong {
        /// What it says.
        length: usize,
    },
    /// The body does not parse.
    #[error("a notice of type {kind} is malformed")]
    Malformed {
        /// The notice's type.
        kind: u8,
    },
}

const RELAYS: u8 = 1;

impl Notice {
    /// The notice's bytes. Relays beyond [`MAX_RELAYS`] are left out, and so are tokens.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let kind = match self {
            Self::Relays(relays) => {
                relays.iter().take(MAX_RELAYS).for_each(|relay| relay.encode_entry(&mut body));
                RELAYS
            }
        };
        let mut notice = Vec::with_capacity(HEADER_LEN + body.len());
        notice.push(kind);
        // At most MAX_NOTICE, which fits.
        notice.extend_from_slice(&(body.len() as u16).to_be_bytes());
        notice.extend_from_slice(&body);
        notice
    }

    /// The notice of type `kind` with this body; `None` for a type that this version does not know and skips.
    fn decode(kind: u8, body: &[u8]) -> Result<Option<Self>, NoticeError> {
        match kind {
            RELAYS => match decode_relays(body) {
                Some(relays) => Ok(Some(Self::Relays(relays))),
                None => Err(NoticeError::Malformed { kind }),
            },
            _ => Ok(None),
        }
    }
}

/// Entries as in a ticket; those of other kinds are skipped, as a reader of tickets does.
fn decode_relays(mut body: &[u8]) -> Option<Vec<RelayAddr>> {
    let mut relays: Vec<RelayAddr> = Vec::new();
    while let [kind, length, rest @ ..] = body {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        body = rest;
        if !RELAY_KINDS.contains(kind) {
            continue;
        }
        let relay = RelayAddr::decode_entry(*kind, value).ok()?;
        if relays.len() < MAX_RELAYS && relays.iter().all(|known| known.id() != relay.id()) {
            relays.push(relay);
        }
    }
    body.is_empty().then_some(relays)
}

#[cfg(test)]
mod tests;
