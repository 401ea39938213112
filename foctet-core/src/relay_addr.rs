//! Where a relay is, and whom to expect there.

mod entry;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use zeroize::Zeroize;

use crate::node_id::{NODE_ID_LEN, NodeId, NodeIdError};

pub(crate) use entry::{RELAY_KINDS, RelayEntryError};

/// What the text of every relay address begins with.
pub const RELAY_SCHEME: &str = "foctet-relay://";

/// The port of a relay whose address names none.
pub const RELAY_PORT: u16 = 4433;

/// Bytes in a host name at most: what is left for it in a ticket's entry, whose length is one byte, beside the NodeId and
/// the port. DNS allows 253 (RFC 1035, section 2.3.4), and nobody uses them.
pub const MAX_RELAY_HOST: usize = 255 - NODE_ID_LEN - 2;

/// Bytes in a token at most.
pub const MAX_RELAY_TOKEN: usize = 128;

/// A relay: a node with an address, `foctet-relay://NODEID@host:port`.
///
/// The key makes impersonation impossible, so that the host may be a plain IP address and needs no certificate of
/// anybody's. A token, `?token=T` at the end, admits to a relay that is not open to everybody. `Display` **leaves the token
/// out**, as do tickets: whoever gets the address of a relay from somebody else is a guest there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelayAddr {
    id: NodeId,
    host: RelayHost,
    port: u16,
    token: Option<RelayToken>,
}

/// Where a relay is: an IP address, or a name that DNS knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RelayHost {
    /// An IP address; never an IPv4-mapped one.
    Ip(IpAddr),
    /// A name of letters, digits, hyphens, underscores and dots, in lower case, 1 to [`MAX_RELAY_HOST`] bytes.
    Name(Box<str>),
}

/// What admits to a relay that is not open: 1 to [`MAX_RELAY_TOKEN`] of the characters that need no escape in a URL
/// (RFC 3986, section 2.3). `Debug` does not show it, and it is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RelayToken(Box<str>);

/// Why a text is no [`RelayAddr`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayAddrError {
    /// It does not begin with `foctet-relay://`.
    #[error("a relay's address looks like {RELAY_SCHEME}NODEID@HOST:PORT")]
    Scheme,
    /// There is no `@`, and so no NodeId.
    #[error("a relay's address needs the relay's NodeId: {RELAY_SCHEME}NODEID@HOST:PORT")]
    NoNodeId,
    /// What stands before the `@` is no NodeId.
    #[error("the NodeId of this relay's address is wrong: {0}")]
    NodeId(#[from] NodeIdError),
    /// What follows the `@` is no host.
    #[error("the host of this relay's address is neither an IP address nor a name")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port of this relay's address is not a number from 1 to 65535")]
    Port,
    /// What follows the `?` is not `token=` and a token.
    #[error(
        "after the `?` of a relay's address comes token=T, with 1 to {MAX_RELAY_TOKEN} letters, digits or any of -._~"
    )]
    Token,
}

impl RelayAddr {
    /// The relay `id` at `host`.
    pub fn new(id: NodeId, host: RelayHost, port: u16) -> Self {
        Self { id, host, port, token: None }
    }

    /// The same relay with a token for it, or without one.
    #[must_use]
    pub fn with_token(mut self, token: Option<RelayToken>) -> Self {
        self.token = token;
        self
    }

    /// The relay's identity.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Where it is.
    pub fn host(&self) -> &RelayHost {
        &self.host
    }

    /// The one port number for UDP and TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What admits to it, if anything has to.
    pub fn token(&self) -> Option<&RelayToken> {
        self.token.as_ref()
    }
}

impl RelayHost {
    /// A host by its text: an IP address, IPv6 without brackets, or a name.
    ///
    /// # Errors
    ///
    /// [`RelayAddrError::Host`].
    pub fn parse(text: &str) -> Result<Self, RelayAddrError> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Ip(ip.to_canonical()));
        }
        let is_name = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            && !text.starts_with(['-', '.'])
            // A name that ends in a number is a mistyped IPv4 address (WHATWG URL, "ends in a number").
            && !text.trim_end_matches('.').rsplit('.').next().is_none_or(is_number);
        if !is_name || text.len() > MAX_RELAY_HOST {
            return Err(RelayAddrError::Host);
        }
        Ok(Self::Name(text.to_ascii_lowercase().into()))
    }
}

fn is_number(label: &str) -> bool {
    label.chars().all(|c| c.is_ascii_digit())
}

impl RelayToken {
    /// The token with this text.
    ///
    /// # Errors
    ///
    /// [`RelayAddrError::Token`] if it is empty, too long, or has characters that a token does not have.
    pub fn new(text: &str) -> Result<Self, RelayAddrError> {
        let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        if text.is_empty() || text.len() > MAX_RELAY_TOKEN || !text.chars().all(ok) {
            return Err(RelayAddrError::Token);
        }
        Ok(Self(text.into()))
    }

    /// The text. It is a secret: send it only to the relay, once its key has been verified.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for RelayToken {
    fn drop(&mut self) {
        std::mem::take(&mut self.0).into_string().zeroize();
    }
}

impl fmt::Debug for RelayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayToken(..)")
    }
}

impl fmt::Display for RelayHost {
    /// As in a relay's address: IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for RelayAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{RELAY_SCHEME}{}@{}:{}", self.id, self.host, self.port)
    }
}

impl FromStr for RelayAddr {
    type Err = RelayAddrError;

    /// Takes surrounding white space, a missing port ([`RELAY_PORT`]) and one slash at the end.
    fn from_str(text: &str) -> Result<Self, RelayAddrError> {
        let text = text.trim();
        let (scheme, rest) = text.split_at_checked(RELAY_SCHEME.len()).ok_or(RelayAddrError::Scheme)?;
        if !scheme.eq_ignore_ascii_case(RELAY_SCHEME) {
            return Err(RelayAddrError::Scheme);
        }
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let (id, place) = place.split_once('@').ok_or(RelayAddrError::NoNodeId)?;
        let id = id.parse::<NodeId>()?;
        let (host, port) = split_port(place.strip_suffix('/').unwrap_or(place))?;
        let token = match query {
            Some(query) => {
                let token = query.strip_prefix("token=").ok_or(RelayAddrError::Token)?;
                Some(RelayToken::new(token)?)
            }
            None => None,
        };
        Ok(Self { id, host: RelayHost::parse(host)?, port, token })
    }
}

/// The host without brackets, and the port.
fn split_port(place: &str) -> Result<(&str, u16), RelayAddrError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(RelayAddrError::Host)?;
            // Only IPv6 goes into brackets.
            if !host.contains(':') {
                return Err(RelayAddrError::Host);
            }
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(RelayAddrError::Port),
            }
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let Some(port) = port else { return Ok((host, RELAY_PORT)) };
    // `parse` alone would take a plus sign.
    if !is_number(port) {
        return Err(RelayAddrError::Port);
    }
    match port.parse::<u16>() {
        Ok(port) if port != 0 => Ok((host, port)),
        _ => Err(RelayAddrError::Port),
    }
}
