//! Connections between machines that know each other by key, over QUIC and over TLS on TCP.
//!
//! An [`Endpoint`] is a node's presence on the network: it has an identity (an Ed25519 key, whose public half is the
//! node's [`NodeId`](foctet_core::NodeId)), one port number for UDP and TCP, and the application protocols that it
//! accepts. [`Endpoint::connect`] dials a node at its addresses, over both transports at once, and gives a
//! [`Connection`] once each side has proved its identity to the other. A connection carries any number of streams,
//! in both directions or one ([`SendStream`], [`RecvStream`]), and datagrams. Whichever transport carries it, it behaves
//! the same.
//!
//! ```
//! use foctet_net::Endpoint;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! const PROTOCOL: &[u8] = b"example/1";
//! let (alice, bob) = (
//!     Endpoint::builder().build().await?,
//!     Endpoint::builder().alpns([PROTOCOL]).build().await?,
//! );
//! // Bob tells Alice his address by other means; his node's id in it is all that she needs to trust.
//! let (to_bob, to_alice) = tokio::join!(alice.connect(bob.addr(), PROTOCOL), bob.accept());
//! let (to_bob, to_alice) = (to_bob?, to_alice.ok_or("Bob is closed")?);
//! assert_eq!(to_alice.remote_id(), alice.id());
//!
//! let mut letter = to_bob.open_uni().await?;
//! letter.write_all(b"Dear Bob").await?;
//! letter.finish()?;
//! assert_eq!(to_alice.accept_uni().await?.read_to_end(1000).await?, b"Dear Bob");
//! # alice.close().await;
//! # bob.close().await;
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! How nodes meet on the wire is written down in `docs/spec/connection.md`, who they are to each other in
//! `docs/spec/identity.md`.
#![forbid(unsafe_code)]

mod alpn;
pub use alpn::MAX_ALPN_LENGTH;

mod connection;
pub use connection::{Connection, MAX_CODE};

mod endpoint;
pub use endpoint::{Builder, ConnectOptions, Endpoint, EndpointLimits};

mod error;
pub use error::{
    Attempt, AttemptError, BindError, ClosedStream, ConnectError, ConnectionError, HandshakeError,
    HandshakeFailure, IoFailure, Place, ReadError, ReadExactError, ReadToEndError, SendDatagramError,
    WriteError,
};

mod hello;

mod identity;
pub use identity::{
    Authorize, Identity, IdentityError, KeyFile, KeyFileError, MAX_CERTIFICATE_SIZE, Rejection, SERVER_NAME,
    TlsError, peer_node_id, require_alpn,
};

mod limits;

mod os;

mod path;
pub use path::{
    ConnectionStats, DirectPolicy, PathEvent, PathEvents, PathInfo, PathKind, Prefer, Transport, Transports,
};

mod quic;

/// For the fuzzer, and no part of the interface.
#[doc(hidden)]
pub mod records {
    pub use crate::tcp::tls::{Opened, Opener, Sealer};
}

mod relay;
pub use relay::{LegError, Limited, RelayState, RelayStatus, RelaysState};

mod stream;
pub use stream::{RecvStream, SendStream, StreamId};

mod tcp;
