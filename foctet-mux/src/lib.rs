//! QMux version 1 (draft-ietf-quic-qmux-02): QUIC's streams and datagrams over any reliable byte stream.
//!
//! [`Mux`] is the protocol as a state machine, without I/O and without a clock; [`Connection`] drives it over
//! any tokio `AsyncRead + AsyncWrite`.
#![forbid(unsafe_code)]

mod batch;
pub use batch::Batch;

mod budget;

mod buffers;
pub use buffers::Buffers;

mod chunks;

mod config;
pub use config::{
    Config, MAX_CONCURRENT_STREAMS, MAX_MAX_RECORD_SIZE, MAX_STREAMS, MAX_WINDOW, MIN_MAX_RECORD_SIZE,
};

mod datagrams;

mod driver;
pub use driver::{Carrier, Connection, RecvStream, SendStream};

mod error;
pub use error::{
    ClosedStream, CodeTooLarge, ConnectionError, ReadError, ReadExactError, ReadToEndError, ResetError,
    SendDatagramError, StoppedError, TransportErrorCode, WriteError,
};

mod flow;

mod frame;
pub use frame::Frame;

mod mux;
pub use mux::{Event, Mux};

mod params;

mod ping;

mod record;

mod scheduler;

mod stats;
pub use stats::Stats;

mod stream_id;
pub use stream_id::{Dir, Role, StreamId};

mod streams;

mod varint;
pub use varint::MAX_VARINT;

mod violation;
pub use violation::Violation;

/// How many written but unsent bytes a stream may always hold, however full the connection's buffer is: one record.
pub const MIN_SEND_BUFFER: u64 = 16_384;

/// How long the end of a connection may take: handing over the CONNECTION_CLOSE, and waiting for the peer's end.
pub const CLOSE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);
