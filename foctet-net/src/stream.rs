//! The two halves of a stream, whatever carries it.

mod id;
mod recv;
mod send;

pub use id::StreamId;
pub use recv::RecvStream;
pub use send::SendStream;

pub(crate) use recv::RecvCarrier;
pub(crate) use send::SendCarrier;
