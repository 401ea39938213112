//! One error type for each operation, each saying who acted.

mod bind;
mod connect;
mod connection;
mod handshake;
mod stream;

pub use bind::BindError;
pub use connect::{Attempt, AttemptError, ConnectError, Place};
pub use connection::{ConnectionError, IoFailure, SendDatagramError};
pub use handshake::{HandshakeError, HandshakeFailure};
pub use stream::{ClosedStream, ReadError, ReadExactError, ReadToEndError, WriteError};
