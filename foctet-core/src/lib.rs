//! The nouns that everything else in foctet speaks of: keys, addresses and tickets; and [`path`], which judges a
//! connection's paths.
//!
//! This crate is pure. It opens no socket, reads no clock and draws no randomness: whoever needs a key passes
//! the random bytes in. All parsers take input from strangers; they are bounded, never panic, and name what is
//! wrong in a typed error.
//!
//! The text and byte formats are specified in `docs/spec/`.

#![forbid(unsafe_code)]

mod base32;

pub mod bench;

mod node_addr;
pub use node_addr::{MAX_ADDRS, MAX_RELAYS, NodeAddr};

mod node_id;
pub use node_id::{NODE_ID_LEN, NODE_ID_TEXT_LEN, NodeId, NodeIdError, SIGNATURE_LEN, SignatureError};

mod notice;
pub use notice::{MAX_NOTICE, Notice, NoticeError, NoticeReader};

pub mod path;
pub mod relay;

mod relay_addr;
pub use relay_addr::{
    MAX_RELAY_HOST, MAX_RELAY_TOKEN, RELAY_PORT, RELAY_SCHEME, RelayAddr, RelayAddrError, RelayHost,
    RelayToken,
};

mod secret_key;
pub use secret_key::{SECRET_KEY_LEN, SecretKey};

mod ticket;
pub use ticket::{MAX_TICKET_BODY, MAX_TICKET_TEXT, TICKET_PREFIX, TICKET_VERSION, Ticket, TicketError};

mod ticket_secret;
pub use ticket_secret::{TICKET_SECRET_LEN, TicketSecret};

mod transport_addr;
pub use transport_addr::{TransportAddr, TransportAddrError};
