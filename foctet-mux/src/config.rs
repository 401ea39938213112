//! What this side allows the peer, and how much it buffers.

use std::time::Duration;

use crate::varint::MAX_VARINT;

/// The smallest record, in bytes, that every peer must take; with its two-byte size exactly one full TLS record.
pub const MIN_MAX_RECORD_SIZE: usize = 16_382;

/// The largest record, in bytes, that this side can be set to take: it must be held whole before its frames act.
pub const MAX_MAX_RECORD_SIZE: usize = 1 << 20;

/// The largest window, in bytes: keeps every sum of windows and offsets far from 2^62.
pub const MAX_WINDOW: u64 = 1 << 40;

/// The most streams of one direction, the protocol's own limit (RFC 9000, section 4.6).
pub const MAX_STREAMS: u64 = 1 << 60;

/// The most streams of one direction that this side can be set to allow at once: one frame may open them all, and
/// each costs up to 1 KiB.
pub const MAX_CONCURRENT_STREAMS: u64 = 1 << 16;

/// How a [`Connection`](crate::Connection) behaves.
///
/// The memory that a peer can make this side hold, however it behaves, is at most about the sum of
/// - `64 / 15 * receive_window`: unread stream data, which may hold the buffers it was read into;
/// - `send_window`, and [`MIN_SEND_BUFFER`](crate::MIN_SEND_BUFFER) for each stream with data: what this side's
///   application wrote and the peer does not take;
/// - 1 KiB for each stream: `max_streams_bidi + max_streams_uni`, and those that this side opens;
/// - `2 * datagram_buffer`;
/// - `2 * max(64 KiB, max_record_size + 8) + 64 KiB`: input and output in hand;
/// - over TLS 1 MiB and a half of buffers that are used again, and of records in hand.
///
/// `tests/attacks` measures each of them within a quarter more under what costs most; see `docs/spec/qmux.md` too.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) max_streams_bidi: u64,
    pub(crate) max_streams_uni: u64,
    pub(crate) initial_stream_window: u64,
    pub(crate) stream_receive_window: u64,
    pub(crate) initial_window: u64,
    pub(crate) receive_window: u64,
    pub(crate) send_window: u64,
    pub(crate) stream_send_window: u64,
    pub(crate) max_record_size: usize,
    pub(crate) max_datagram_frame_size: usize,
    pub(crate) datagram_buffer: usize,
    pub(crate) max_idle_timeout: Option<Duration>,
    pub(crate) keep_alive: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // A thousand parallel requests are ordinary; a stream costs under 1 KiB.
            max_streams_bidi: 1_024,
            max_streams_uni: 1_024,
            // 100 Mbit/s over 80 ms without a single adjustment.
            initial_stream_window: 1 << 20,
            // 10 Gbit/s over 6 ms, 1 Gbit/s over 64 ms.
            stream_receive_window: 8 << 20,
            initial_window: 2 << 20,
            receive_window: 16 << 20,
            send_window: 4 << 20,
            stream_send_window: 1 << 20,
            max_record_size: MIN_MAX_RECORD_SIZE,
            // A datagram fills at most one record.
            max_datagram_frame_size: MIN_MAX_RECORD_SIZE,
            datagram_buffer: 1 << 20,
            max_idle_timeout: Some(Duration::from_secs(60)),
            keep_alive: None,
        }
    }
}

impl Config {
    /// How many bidirectional streams the peer may have open at once. At most [`MAX_CONCURRENT_STREAMS`].
    pub fn max_streams_bidi(mut self, streams: u64) -> Self {
        self.max_streams_bidi = streams.min(MAX_CONCURRENT_STREAMS);
        self
    }

    /// How many unidirectional streams the peer may have open at once. At most [`MAX_CONCURRENT_STREAMS`].
    pub fn max_streams_uni(mut self, streams: u64) -> Self {
        self.max_streams_uni = streams.min(MAX_CONCURRENT_STREAMS);
        self
    }

    /// The most unread bytes that one stream may hold: the window starts at the smaller of this and
    /// 1 MiB and grows to this as the bandwidth-delay product asks. At most [`MAX_WINDOW`].
    pub fn stream_receive_window(mut self, bytes: u64) -> Self {
        self.stream_receive_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The stream window, in bytes, before any growth. At most [`MAX_WINDOW`].
    pub fn initial_stream_receive_window(mut self, bytes: u64) -> Self {
        self.initial_stream_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The most unread bytes that all streams together may hold. How many may be on their way at once starts at the
    /// smaller of this and 2 MiB and grows to this as the bandwidth-delay product asks. At most [`MAX_WINDOW`].
    pub fn receive_window(mut self, bytes: u64) -> Self {
        self.receive_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The connection window, in bytes, before any growth. At most [`MAX_WINDOW`].
    pub fn initial_receive_window(mut self, bytes: u64) -> Self {
        self.initial_window = bytes.min(MAX_WINDOW);
        self
    }

    /// How many written but unsent bytes all streams together may hold. A stream always may hold
    /// [`MIN_SEND_BUFFER`](crate::MIN_SEND_BUFFER), so that no stream can starve its siblings.
    pub fn send_window(mut self, bytes: u64) -> Self {
        self.send_window = bytes.min(MAX_WINDOW);
        self
    }

    /// How many written but unsent bytes one stream may hold.
    pub fn stream_send_window(mut self, bytes: u64) -> Self {
        self.stream_send_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The largest record, in bytes, that the peer may send; clamped to [`MIN_MAX_RECORD_SIZE`]
    /// and [`MAX_MAX_RECORD_SIZE`].
    pub fn max_record_size(mut self, bytes: usize) -> Self {
        self.max_record_size = bytes.clamp(MIN_MAX_RECORD_SIZE, MAX_MAX_RECORD_SIZE);
        self
    }

    /// The largest DATAGRAM frame, in bytes and including its type and length, that the peer may send.
    /// 0 turns datagrams off, in both directions.
    pub fn max_datagram_frame_size(mut self, bytes: usize) -> Self {
        self.max_datagram_frame_size = bytes.min(MAX_MAX_RECORD_SIZE);
        self
    }

    /// How many bytes of unread datagrams, and as many of unsent ones, may wait. The oldest give way.
    pub fn datagram_buffer(mut self, bytes: usize) -> Self {
        self.datagram_buffer = bytes;
        self
    }

    /// How long the peer may be silent before the connection counts as lost; `None` is for ever. The smaller of
    /// both sides' values holds (RFC 9000, section 10.1). Whole milliseconds.
    pub fn max_idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        let longest = Duration::from_millis(MAX_VARINT);
        self.max_idle_timeout = timeout.map(|timeout| timeout.clamp(Duration::from_millis(1), longest));
        self
    }

    /// Ask the peer for a sign of life after this much silence, so that an unused connection stays up. Should be
    /// under half of the idle timeout of either side.
    pub fn keep_alive(mut self, interval: Option<Duration>) -> Self {
        self.keep_alive = interval.map(|interval| interval.max(Duration::from_millis(1)));
        self
    }
}

impl Config {
    /// The stream window to start with.
    pub(crate) fn stream_window(&self) -> u64 {
        self.initial_stream_window.min(self.stream_receive_window)
    }

    /// The connection window to start with.
    pub(crate) fn connection_window(&self) -> u64 {
        self.initial_window.min(self.receive_window)
    }
}
