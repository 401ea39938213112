use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::Inner;
use crate::connection::Ending;

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
    // Those that were dropped a moment ago may not have told their peers yet, and are awaited as if they were open.
    let mut ending = inner.live.take_ending();
    ending.extend(connections.iter().map(|connection| connection.end(CODE, REASON)));
    drop(connections);
    // Those that the peer has ended have nothing to tell it.
    ending.retain(|ending| !ending.is_over());
    // A dial that was given up is none of them, and its peer's answer may never come.
    let has_legs = !inner.relays.state().relays.is_empty();
    let awaits_quic = has_legs || ending.iter().any(Ending::is_quic);
    let goodbyes = async {
        // What goes through relays must be there before the legs to them end: a packet may be lost on the way.
        if has_legs {
            let until = Instant::now() + TOLD_WITHIN;
            for ending in &ending {
                timeout_at(until, ending.told()).await.ok();
            }
            each(ending.clone(), |ending| async move { ending.answered().await }).await;
            inner.relays.flushed().await;
        }
        each(ending, |ending| async move { ending.drained().await }).await;
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

/// Does something for all at once.
async fn each<T, F: Future<Output = ()> + Send + 'static>(all: Vec<T>, what: impl Fn(T) -> F) {
    let mut tasks: JoinSet<()> = all.into_iter().map(what).collect();
    while tasks.join_next().await.is_some() {}
}
