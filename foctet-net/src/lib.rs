//! Connect machines by key, over QUIC and over TLS on TCP.
#![forbid(unsafe_code)]

mod alpn;
pub use alpn::MAX_ALPN_LENGTH;

mod connection;
pub use connection::{Connection, MAX_CODE};

mod endpoint;
pub use endpoint::{Builder, ConnectOptions, Endpoint};

mod error;
pub use error::{
    Attempt, AttemptError, BindError, ClosedStream, ConnectError, ConnectionError, HandshakeError,
    HandshakeFailure, IoFailure, ReadError, ReadExactError, ReadToEndError, SendDatagramError, WriteError,
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
pub use path::{ConnectionStats, PathEvent, PathEvents, PathInfo, PathKind, Prefer, Transport, Transports};

mod quic;

mod stream;
pub use stream::{RecvStream, SendStream, StreamId};

mod tcp;
