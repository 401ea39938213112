use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::Inner;
use crate::connection::Connection;
use crate::error::ConnectionError;
use crate::path::Transport;

/// How long the delivery of what was finished may take.
const DELIVERY: Duration = Duration::from_secs(3);

/// How long the peers' answers to our closing are waited for after that.
const GOODBYES: Duration = Duration::from_secs(1);

/// How long to wait until closes have left this node: noq's tasks for that may be late on a busy machine.
const TOLD_WITHIN: Duration = Duration::from_millis(250);

/// What the peers of connections that were still open are told.
const CODE: u64 = 0;
const REASON: &[u8] = b"endpoint closed";

pub(super) async fn close(inner: &Inner) {
    inner.closing.send_replace(true);
    if let Some(quic) = &inner.quic {
        quic.endpoint.set_server_config(None);
    }
    // The listeners, their handshakes and the watch on the interfaces.
    let mut tasks = std::mem::take(&mut *inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
    tasks.shutdown().await;

    let mut connections = inner.live.all();
    let delivery = each(connections.clone(), |connection| async move { connection.delivered().await });
    timeout(DELIVERY, delivery).await.ok();

    // One may have come up meanwhile.
    connections = inner.live.all();
    // Those that the peer has ended have no close to send.
    let sent: Vec<_> = connections
        .iter()
        .filter(|connection| matches!(connection.close_reason(), None | Some(ConnectionError::LocallyClosed)))
        .cloned()
        .collect();
    // A dial that was given up is none of them, and its peer's answer may never come.
    let has_legs = !inner.relays.state().relays.is_empty();
    let awaits_quic = sent.iter().any(|connection| connection.transport() == Transport::Quic) || has_legs;
    for connection in &connections {
        connection.close(CODE, REASON);
    }
    let goodbyes = async {
        // What goes through relays must be there before the legs to them end: a packet may be lost on the way.
        if has_legs {
            let until = Instant::now() + TOLD_WITHIN;
            for connection in &sent {
                timeout_at(until, connection.told()).await.ok();
            }
            each(sent, |connection| async move { connection.answered().await }).await;
            inner.relays.flushed().await;
        }
        each(connections, |connection| async move { connection.drained().await }).await;
        inner.relays.close().await;
        if let Some(quic) = &inner.quic {
            quic.endpoint.close(noq::VarInt::from_u32(0), REASON);
            if awaits_quic {
                quic.endpoint.wait_all_draining().await;
            }
        }
    };
    timeout(GOODBYES, goodbyes).await.ok();
    inner.relays.end();
    if let Some(quic) = &inner.quic {
        quic.endpoint.close(noq::VarInt::from_u32(0), REASON);
        quic.sockets.release();
    }
}

/// Does something for every connection at once.
async fn each<F: Future<Output = ()> + Send + 'static>(
    connections: Vec<Connection>,
    what: impl Fn(Connection) -> F,
) {
    let mut tasks: JoinSet<()> = connections.into_iter().map(what).collect();
    while tasks.join_next().await.is_some() {}
}
