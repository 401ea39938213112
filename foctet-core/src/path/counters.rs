use std::time::Duration;

/// What a path has carried since it opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// What was sent and wants an answer, in packets or bytes; packets that only acknowledge do not count.
    pub sent: u64,
    /// Datagrams received, of any kind.
    pub received: u64,
    /// The smoothed round-trip time.
    pub rtt: Duration,
}
