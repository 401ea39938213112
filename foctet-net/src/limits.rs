//! What a peer can make us hold, the same on both transports.

use std::time::Duration;

/// Streams of each kind that a peer may have open at once. A thousand parallel requests are honest use;
/// what each costs before it carries data is a few hundred bytes.
pub(crate) const MAX_STREAMS: u32 = 4096;

/// Bytes that a peer may send on one stream over TCP beyond what was read from it: 1 Gbit/s at 64 ms.
pub(crate) const STREAM_RECEIVE_WINDOW: u32 = 8 * 1024 * 1024;

/// The same over QUIC: less, because noq gives a connection up on whose stream more than 2,048 full packets wait, be it behind
/// one that was lost or for their reader (`docs/decisions/0001`).
pub(crate) const QUIC_STREAM_RECEIVE_WINDOW: u32 = 2 * 1024 * 1024;

/// Bytes that a peer may send on all streams beyond what was read: two streams whose readers have stopped leave as
/// much again for the others. This is what one connection's streams can cost us in memory.
pub(crate) const RECEIVE_WINDOW: u32 = 24 * 1024 * 1024;

/// Bytes written and not yet taken by the carrier (TCP), over all streams.
pub(crate) const SEND_WINDOW: u64 = 8 * 1024 * 1024;

/// Bytes written and not yet acknowledged over QUIC, over all streams, where a path is so long and fast that it takes as much: twice
/// what is in flight at 500 Mbit/s and 200 ms, and a quarter more.
pub(crate) const QUIC_SEND_WINDOW: u64 = 32 * 1024 * 1024;

/// Bytes of datagrams that wait to be read, and as many that wait to be sent.
pub(crate) const DATAGRAM_BUFFER: usize = 1024 * 1024;

/// A connection over which nothing was heard for so long is over.
pub(crate) const MAX_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection that is silent for so long is kept alive by a ping: often enough that neither the idle timeout nor
/// a NAT's UDP mapping (30 s on the poorer ones) ends it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How often to ping under an idle timeout: three times within it at least.
pub(crate) fn keep_alive(max_idle_timeout: Duration) -> Duration {
    KEEP_ALIVE.min(max_idle_timeout / 4)
}

/// A direct path that is silent for so long is kept alive by a ping: some routers forget a UDP mapping after 8 s.
const KEEP_DIRECT_PATH_ALIVE: Duration = Duration::from_secs(5);

/// As [`keep_alive`], for each direct path.
pub(crate) fn keep_direct_path_alive(max_idle_timeout: Duration) -> Duration {
    KEEP_DIRECT_PATH_ALIVE.min(keep_alive(max_idle_timeout))
}

/// A handshake that takes longer is given up, on either side.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection whose dialler has not said hello for so long after the handshake was not chosen.
pub(crate) const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Handshakes that may be under way at once on one transport, hellos and the wait for `accept` included. Each
/// costs up to some 50 KiB and 10 s until its dialler is verified and authorised; from then on up to its receive window,
/// which a dialler that says no hello may fill for another 5 s.
pub(crate) const MAX_HALF_OPEN: usize = 512;

/// As [`MAX_HALF_OPEN`], from one IP address: enough for a busy NAT, too few to shut out everybody else.
pub(crate) const MAX_HALF_OPEN_PER_IP: usize = 64;

/// QUIC handshakes under way above which a new dialler must first show that it can receive at its address, which
/// costs it a round trip (RFC 9000, section 8.1.2).
pub(crate) const RETRY_ABOVE: usize = 64;

/// Connections that said hello and wait for `accept`.
pub(crate) const MAX_ACCEPTED: usize = 128;

/// Handshake failures that are kept for a slow reader of them.
pub(crate) const MAX_FAILURES: usize = 64;

/// Addresses that an endpoint may be bound to.
pub(crate) const MAX_BINDS: usize = 8;
