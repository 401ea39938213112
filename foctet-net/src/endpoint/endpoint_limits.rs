use crate::limits;

/// What one endpoint's peers can make it hold, where the defaults do not fit: a relay, say, has thousands of connections
/// that carry little each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointLimits {
    pub(crate) half_open: usize,
    pub(crate) half_open_per_ip: usize,
    pub(crate) stream_receive_window: u32,
    pub(crate) receive_window: u32,
    pub(crate) initial_windows: Option<(u32, u32)>,
    pub(crate) send_window: u64,
    pub(crate) quic_send_window: u64,
    pub(crate) datagram_buffer: usize,
    pub(crate) streams: u32,
}

impl Default for EndpointLimits {
    fn default() -> Self {
        Self {
            half_open: limits::MAX_HALF_OPEN,
            half_open_per_ip: limits::MAX_HALF_OPEN_PER_IP,
            stream_receive_window: limits::STREAM_RECEIVE_WINDOW,
            receive_window: limits::RECEIVE_WINDOW,
            initial_windows: None,
            send_window: limits::SEND_WINDOW,
            quic_send_window: limits::QUIC_SEND_WINDOW,
            datagram_buffer: limits::DATAGRAM_BUFFER,
            streams: limits::MAX_STREAMS,
        }
    }
}

impl EndpointLimits {
    /// Handshakes that may be under way at once on each transport, hellos and the wait for `accept` included; and of
    /// these from one IP address (an IPv6 /64 counts as one). By default 512 and 64.
    #[must_use]
    pub fn half_open(mut self, total: usize, per_ip: usize) -> Self {
        (self.half_open, self.half_open_per_ip) = (total, per_ip);
        self
    }

    /// Bytes received and not read: on one stream, by default 8 MiB (over QUIC never more than 2), and on all streams of a
    /// connection, by default 24 MiB.
    #[must_use]
    pub fn receive_windows(mut self, stream: u32, connection: u32) -> Self {
        (self.stream_receive_window, self.receive_window) = (stream, connection);
        self
    }

    /// What the windows over TCP begin with, before data that moves makes them grow; over QUIC they do not grow. By default
    /// 1 and 2 MiB.
    #[must_use]
    pub fn initial_windows(mut self, stream: u32, connection: u32) -> Self {
        self.initial_windows = Some((stream, connection));
        self
    }

    /// Bytes written and not yet delivered (QUIC) or sent (TCP), on all streams of a connection, at most. By default 8 MiB over
    /// TCP; over QUIC between 2 and 32 MiB, as the path needs it.
    #[must_use]
    pub fn send_window(mut self, bytes: u64) -> Self {
        (self.send_window, self.quic_send_window) = (bytes, bytes);
        self
    }

    /// Bytes of datagrams not read, and as many not sent, of a connection. By default 1 MiB.
    #[must_use]
    pub fn datagram_buffer(mut self, bytes: usize) -> Self {
        self.datagram_buffer = bytes;
        self
    }

    /// Streams of each kind that a peer may have open at once. By default 4,096.
    #[must_use]
    pub fn streams(mut self, streams: u32) -> Self {
        self.streams = streams;
        self
    }
}
