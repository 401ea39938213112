use std::future::Future;
use std::net::SocketAddr;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use foctet_core::NodeId;
use tokio::sync::broadcast;
use tokio::time::{sleep, timeout};

use crate::error::{ConnectionError, SendDatagramError};
use crate::path::{ConnectionStats, PathEvent, PathInfo, PathKind, Progress, Transport, WhyNotDirect};
use crate::quic;
use crate::stream::{RecvCarrier, SendCarrier};

/// How often to look whether a closing connection has sent all that it had.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How often to look whether a close was sent.
const LOOK_SOON: Duration = Duration::from_millis(1);

/// How long an answer to a close is waited for: three probe timeouts of some two round trips each, and more than a busy
/// machine needs.
const CLOSING_ROUND_TRIPS: u32 = 6;
const LEAST_CLOSING: Duration = Duration::from_millis(200);

/// What carries a connection. The set is closed, so an enum.
pub(crate) enum Carrier {
    Quic {
        connection: quic::Watched,
    },
    /// Over a socket, or over a stream that a relay has spliced.
    Tcp {
        mux: foctet_mux::Connection,
        remote: SocketAddr,
        relay: Option<NodeId>,
    },
}

impl Carrier {
    pub(crate) fn transport(&self) -> Transport {
        match self {
            Self::Quic { .. } => Transport::Quic,
            Self::Tcp { .. } => Transport::Tcp,
        }
    }

    pub(crate) fn remote_address(&self) -> SocketAddr {
        match self {
            Self::Quic { connection, .. } => connection.remote_address(),
            Self::Tcp { remote, .. } => *remote,
        }
    }

    pub(crate) fn rtt(&self) -> Duration {
        match self {
            Self::Quic { connection, .. } => connection.rtt(),
            Self::Tcp { mux, .. } => mux.rtt().unwrap_or_default(),
        }
    }

    pub(crate) fn paths(&self) -> Vec<PathInfo> {
        match self {
            Self::Quic { connection, .. } => connection.paths(),
            Self::Tcp { remote, relay, .. } => vec![PathInfo {
                kind: if relay.is_some() { PathKind::Relay } else { PathKind::Direct },
                transport: Transport::Tcp,
                remote: *remote,
                relay: *relay,
                rtt: self.rtt(),
                in_use: true,
            }],
        }
    }

    pub(crate) fn why_not_direct(&self) -> Option<WhyNotDirect> {
        match self {
            Self::Quic { connection } => connection.why_not_direct(),
            Self::Tcp { relay, .. } => relay.map(|_| WhyNotDirect::OverTcp),
        }
    }

    pub(crate) fn may_have_paths(&self) -> bool {
        match self {
            Self::Quic { connection, .. } => connection.is_multipath_enabled(),
            Self::Tcp { .. } => false,
        }
    }

    pub(crate) fn path_events(&self) -> Option<broadcast::Receiver<PathEvent>> {
        match self {
            Self::Quic { connection, .. } => Some(connection.path_events()),
            Self::Tcp { .. } => None,
        }
    }

    /// The application has taken the connection.
    pub(crate) fn accepted(&self) {
        if let Self::Quic { connection, .. } = self {
            connection.accepted();
        }
    }

    /// So many bytes are about to be written on a stream. Over TCP the multiplexer knows by itself.
    pub(crate) fn make_room(&self, bytes: usize) {
        if let Self::Quic { connection } = self {
            connection.make_room(bytes);
        }
    }

    pub(crate) fn allow_direct(&self) {
        if let Self::Quic { connection, .. } = self {
            connection.allow_direct();
        }
    }

    pub(crate) fn stats(&self) -> ConnectionStats {
        match self {
            Self::Quic { connection, .. } => {
                let stats = connection.stats();
                ConnectionStats {
                    bytes_sent: stats.udp_tx.bytes,
                    bytes_received: stats.udp_rx.bytes,
                    rtt: self.rtt(),
                    packets_lost: stats.lost_packets,
                }
            }
            Self::Tcp { mux, .. } => {
                let stats = mux.stats();
                ConnectionStats {
                    bytes_sent: stats.bytes_sent,
                    bytes_received: stats.bytes_received,
                    rtt: self.rtt(),
                    packets_lost: 0,
                }
            }
        }
    }

    /// What went out that wants an answer, and what came in. Over TCP the kernel's acknowledgements are not seen, so
    /// that everything counts as wanting one until [`ask`](Self::ask) has been answered.
    pub(crate) fn progress(&self) -> Progress {
        match self {
            Self::Quic { connection, .. } => {
                let stats = connection.stats();
                // Without packets that only acknowledge.
                Progress { sent: stats.sent_bytes, received: stats.udp_rx.bytes }
            }
            Self::Tcp { mux, .. } => {
                let stats = mux.stats();
                Progress { sent: stats.bytes_sent, received: stats.bytes_received }
            }
        }
    }

    /// Asks the peer's stack for a sign of life. QUIC's acknowledgements are one already.
    pub(crate) fn ask(&self) {
        if let Self::Tcp { mux, .. } = self {
            // The question stays asked when its wait is dropped.
            let mut ping = std::pin::pin!(mux.ping());
            let mut cx = Context::from_waker(Waker::noop());
            let _ = ping.as_mut().poll(&mut cx);
        }
    }

    pub(crate) async fn open_bi(&self) -> Result<(SendCarrier, RecvCarrier), ConnectionError> {
        match self {
            Self::Quic { connection, .. } => {
                let (send, recv) = connection.open_bi().await?;
                Ok((SendCarrier::Quic(send), RecvCarrier::Quic(recv)))
            }
            Self::Tcp { mux, .. } => {
                let (send, recv) = mux.open_bi().await?;
                Ok((SendCarrier::Tcp(send), RecvCarrier::Tcp(recv)))
            }
        }
    }

    pub(crate) async fn open_uni(&self) -> Result<SendCarrier, ConnectionError> {
        match self {
            Self::Quic { connection, .. } => Ok(SendCarrier::Quic(connection.open_uni().await?)),
            Self::Tcp { mux, .. } => Ok(SendCarrier::Tcp(mux.open_uni().await?)),
        }
    }

    pub(crate) async fn accept_bi(&self) -> Result<(SendCarrier, RecvCarrier), ConnectionError> {
        match self {
            Self::Quic { connection, .. } => {
                let (send, recv) = connection.accept_bi().await?;
                Ok((SendCarrier::Quic(send), RecvCarrier::Quic(recv)))
            }
            Self::Tcp { mux, .. } => {
                let (send, recv) = mux.accept_bi().await?;
                Ok((SendCarrier::Tcp(send), RecvCarrier::Tcp(recv)))
            }
        }
    }

    pub(crate) async fn accept_uni(&self) -> Result<RecvCarrier, ConnectionError> {
        match self {
            Self::Quic { connection, .. } => Ok(RecvCarrier::Quic(connection.accept_uni().await?)),
            Self::Tcp { mux, .. } => Ok(RecvCarrier::Tcp(mux.accept_uni().await?)),
        }
    }

    pub(crate) fn send_datagram(&self, data: Bytes) -> Result<(), SendDatagramError> {
        match self {
            Self::Quic { connection, .. } => Ok(connection.send_datagram(data)?),
            Self::Tcp { mux, .. } => Ok(mux.send_datagram(data)?),
        }
    }

    pub(crate) async fn read_datagram(&self) -> Result<Bytes, ConnectionError> {
        match self {
            Self::Quic { connection, .. } => Ok(connection.read_datagram().await?),
            Self::Tcp { mux, .. } => Ok(mux.read_datagram().await?),
        }
    }

    pub(crate) fn send_datagrams(&self, data: &mut Vec<Bytes>) -> Result<(), SendDatagramError> {
        match self {
            Self::Quic { connection, .. } => {
                let sent = connection.send_many_datagrams(data);
                data.clear();
                sent?;
            }
            Self::Tcp { mux, .. } => mux.send_datagrams(data)?,
        }
        Ok(())
    }

    pub(crate) async fn read_datagrams(
        &self,
        into: &mut Vec<Bytes>,
        max: usize,
    ) -> Result<(), ConnectionError> {
        into.clear();
        match self {
            Self::Quic { connection, .. } => {
                into.resize(max, Bytes::new());
                let read = connection.read_many_datagrams(into).await;
                into.truncate(*read.as_ref().unwrap_or(&0));
                read?;
            }
            Self::Tcp { mux, .. } => mux.read_datagrams(into, max).await?,
        }
        Ok(())
    }

    pub(crate) fn datagram_send_space(&self) -> usize {
        match self {
            Self::Quic { connection, .. } => connection.datagram_send_buffer_space(),
            Self::Tcp { mux, .. } => mux.datagram_send_space(),
        }
    }

    pub(crate) fn max_datagram_size(&self) -> Option<usize> {
        match self {
            Self::Quic { connection, .. } => connection.max_datagram_size(),
            Self::Tcp { mux, .. } => mux.max_datagram_size(),
        }
    }

    pub(crate) fn close(&self, code: u64, reason: &[u8]) {
        match self {
            Self::Quic { connection, .. } => {
                connection.close(noq::VarInt::from_u64(code).unwrap_or(noq::VarInt::MAX), reason);
            }
            Self::Tcp { mux, .. } => {
                // It refuses codes above 2^62-1, and the caller has seen to that.
                mux.close(code, reason).ok();
            }
        }
    }

    pub(crate) async fn closed(&self) -> ConnectionError {
        match self {
            Self::Quic { connection, .. } => connection.closed().await.into(),
            Self::Tcp { mux, .. } => mux.closed().await.into(),
        }
    }

    pub(crate) fn close_reason(&self) -> Option<ConnectionError> {
        match self {
            Self::Quic { connection, .. } => connection.close_reason().map(Into::into),
            Self::Tcp { mux, .. } => mux.close_reason().map(Into::into),
        }
    }

    /// Waits until what was written is delivered. Over QUIC the streams themselves tell; see `Finishing`.
    pub(crate) async fn delivered(&self) {
        let Self::Tcp { mux, .. } = self else { return };
        while mux.close_reason().is_none() && mux.stats().bytes_unsent > 0 {
            sleep(LOOK_AGAIN).await;
        }
        // A question may overtake what was queued with it, but not what was queued before the answer to another.
        for _ in 0..2 {
            mux.ping().await.ok();
        }
    }

    /// Waits until the peer has been told that the connection is over. noq tells it for the whole endpoint.
    pub(crate) async fn drained(&self) {
        if let Self::Tcp { mux, .. } = self {
            mux.drained().await;
        }
    }
}

/// Waits until the close is sent, which the caller bounds: noq does it at once, but in a task of its own.
pub(super) async fn told(connection: &noq::Connection) {
    while connection.stats().frame_tx.connection_close == 0 {
        sleep(LOOK_SOON).await;
    }
}

/// Waits for the peer's answer to the close, as long as a connection should (RFC 9000, section 10.2). Whatever else comes from
/// the peer meanwhile is answered by the close again, should it be lost.
pub(super) async fn answered(connection: &noq::Connection, rtt: Duration) {
    let answer = async {
        while connection.stats().frame_rx.connection_close == 0 {
            sleep(LOOK_SOON).await;
        }
    };
    timeout((rtt * CLOSING_ROUND_TRIPS).max(LEAST_CLOSING), answer).await.ok();
}
