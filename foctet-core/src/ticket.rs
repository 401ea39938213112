//! A ticket: what one person hands another so that their machines find each other. See `docs/spec/ticket.md`.

mod body;

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::base32;
use crate::node_addr::NodeAddr;
use crate::node_id::NodeIdError;
use crate::ticket_secret::TicketSecret;

/// The format of the tickets that this crate writes and reads: the digit after the prefix.
pub const TICKET_VERSION: u8 = 1;

/// What the text of every ticket begins with, before the digit of its version.
pub const TICKET_PREFIX: &str = "foctet";

/// Bytes in the body of a ticket at most. Thirty-two IPv6 addresses take 688; the rest is room for address kinds to
/// come, and the bound is what a reader must be ready to hold.
pub const MAX_TICKET_BODY: usize = 2048;

/// Characters in the text of a ticket at most: prefix, version, and the base32 of length, body and checksum.
pub const MAX_TICKET_TEXT: usize =
    TICKET_PREFIX.len() + 1 + base32::text_len(LENGTH_LEN + MAX_TICKET_BODY + CHECKSUM_LEN);

/// Bytes of the length field, big endian, that goes before the body.
const LENGTH_LEN: usize = 2;

/// Characters that hold the length field, and the first bits of the body.
const LENGTH_TEXT_LEN: usize = base32::text_len(LENGTH_LEN);

/// Bytes of the checksum after the body: a typing error passes once in four thousand million.
const CHECKSUM_LEN: usize = 4;

/// A node's address, and the secret that proves that its holder was invited.
///
/// `Display` gives the text that people pass on, **with the secret in it**: print it where it is meant to be read,
/// never into a log. `Debug` leaves the secret out. Parsing takes either case, and white space around the text.
///
/// IPv6 link-local addresses are left out of a ticket, since a scope means nothing on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    addr: NodeAddr,
    secret: TicketSecret,
    unread_addrs: usize,
}

/// Why a text is no ticket that can be used. No message repeats any of the text: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// It does not begin as tickets do.
    #[error("this is not a ticket: tickets begin with `{TICKET_PREFIX}` and a digit")]
    NotATicket,
    /// It is in a format that a later foctet introduced.
    #[error(
        "this ticket was made by a newer foctet (ticket format {version}; this program reads {TICKET_VERSION})"
    )]
    Newer {
        /// The version that it names, 2 to 9.
        version: u8,
    },
    /// It is shorter than it says it is.
    #[error("this ticket is cut short: its end is missing")]
    Truncated,
    /// It has a character that no ticket has, perhaps a space or a line break within.
    #[error("this ticket is mistyped: only letters and the digits 2 to 7 follow `foctet1`, without a break")]
    Alphabet,
    /// The checksum does not agree with the rest, or something was added at the end.
    #[error("this ticket is mistyped: its checksum does not agree")]
    Mistyped,
    /// It arrived as it was written, but its NodeId is no key.
    #[error("this ticket is broken, though not mistyped: {0}")]
    NodeId(NodeIdError),
    /// It arrived as it was written, but was written wrongly.
    #[error("this ticket is broken, though not mistyped: its content does not parse")]
    Malformed,
}

impl Ticket {
    /// The ticket that leads to `addr` and authorises by `secret`.
    pub fn new(addr: NodeAddr, secret: TicketSecret) -> Self {
        let addr = addr.retaining(|addr| !addr.is_link_local_v6());
        Self { addr, secret, unread_addrs: 0 }
    }

    /// Where the ticket leads.
    pub fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    /// The secret to show to the node, once its key has been verified.
    pub fn secret(&self) -> &TicketSecret {
        &self.secret
    }

    /// How many addresses the text listed that are of a kind this foctet does not know: if
    /// [`addr`](Self::addr) has none that it knows, a newer foctet could still reach the node.
    pub fn unread_addrs(&self) -> usize {
        self.unread_addrs
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = body::encode(self);
        let length = u16::try_from(body.len()).map_err(|_| fmt::Error)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH_LEN + body.len() + CHECKSUM_LEN));
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&body);
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        let text = Zeroizing::new(base32::encode(&bytes));
        write!(f, "{TICKET_PREFIX}{TICKET_VERSION}{}", *text)
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let symbols = after_version(text.trim())?;
        if !symbols.chars().all(base32::is_symbol) {
            return Err(TicketError::Alphabet);
        }
        let body_len = declared_body_len(symbols)?;
        let text_len = base32::text_len(LENGTH_LEN + body_len + CHECKSUM_LEN);
        if symbols.len() < text_len {
            return Err(TicketError::Truncated);
        }
        if symbols.len() > text_len {
            return Err(TicketError::Mistyped);
        }
        let bytes = Zeroizing::new(base32::decode(symbols).map_err(|_| TicketError::Mistyped)?);
        let (summed, sum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(TicketError::Truncated)?;
        if checksum(summed) != *sum {
            return Err(TicketError::Mistyped);
        }
        let (_, body) = summed.split_first_chunk::<LENGTH_LEN>().ok_or(TicketError::Truncated)?;
        body::decode(body)
    }
}

/// What follows the prefix and the version, if the version is ours.
fn after_version(text: &str) -> Result<&str, TicketError> {
    let (prefix, rest) = text.split_at_checked(TICKET_PREFIX.len()).ok_or(TicketError::NotATicket)?;
    if !prefix.eq_ignore_ascii_case(TICKET_PREFIX) {
        return Err(TicketError::NotATicket);
    }
    let mut chars = rest.chars();
    match chars.next() {
        None => Err(TicketError::Truncated),
        Some('1') => Ok(chars.as_str()),
        Some(c @ '2'..='9') => {
            let version = c.to_digit(10).and_then(|digit| u8::try_from(digit).ok());
            Err(version.map_or(TicketError::NotATicket, |version| TicketError::Newer { version }))
        }
        Some(_) => Err(TicketError::NotATicket),
    }
}

/// The length field, read before the rest, so that a ticket without its end is not called mistyped.
fn declared_body_len(symbols: &str) -> Result<usize, TicketError> {
    let head = symbols.get(..LENGTH_TEXT_LEN).ok_or(TicketError::Truncated)?;
    // Four characters are 20 bits: the 16 of the length, and 4 of the body, which must not count as padding. A fifth,
    // zero, makes it 25 bits: 24 of three whole bytes, and one zero to spare.
    let bytes = base32::decode(&format!("{head}a")).map_err(|_| TicketError::Mistyped)?;
    let (length, _) = bytes.split_first_chunk::<LENGTH_LEN>().ok_or(TicketError::Truncated)?;
    let body_len = usize::from(u16::from_be_bytes(*length));
    if body_len > MAX_TICKET_BODY { Err(TicketError::Mistyped) } else { Ok(body_len) }
}

/// The first bytes of the BLAKE3 hash of prefix, version, length and body.
fn checksum(length_and_body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(TICKET_PREFIX.as_bytes());
    hasher.update(&[b'0' + TICKET_VERSION]);
    hasher.update(length_and_body);
    let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
    [a, b, c, d]
}
