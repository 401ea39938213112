//! Counters of one connection.

use std::time::Duration;

/// What a connection has carried so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Bytes of records sent, sizes included; the carrier's own framing is not.
    pub bytes_sent: u64,
    /// Bytes of records received, sizes included.
    pub bytes_received: u64,
    /// Records sent.
    pub records_sent: u64,
    /// Records received.
    pub records_received: u64,
    /// Bytes of stream data sent.
    pub stream_bytes_sent: u64,
    /// Bytes of stream data received.
    pub stream_bytes_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Datagrams received, those dropped for want of a reader included.
    pub datagrams_received: u64,
    /// Datagrams dropped because nobody read them, or because they could not be sent in time.
    pub datagrams_dropped: u64,
    /// Bytes written to streams and not yet handed to the carrier.
    pub bytes_unsent: u64,
    /// Bytes received on streams and not yet read.
    pub bytes_unread: u64,
    /// Streams that exist now, of both kinds and by both sides.
    pub streams: u64,
    /// The smoothed round trip, once measured.
    pub rtt: Option<Duration>,
    /// How long ago the last whole record arrived (or the connection began).
    pub since_received: Duration,
    /// How long the oldest question (QX_PING) has gone without an answer, if one is out.
    pub unanswered: Option<Duration>,
}
