use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use foctet_core::relay::{CloseCode, Control};
use foctet_net::{ReadError, RecvStream, SendStream, WriteError};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clients::{Client, Shared};
use crate::control::Frames;
use crate::metrics::Metrics;

/// Bytes that go from one stream into the other at once.
const CHUNK: usize = 64 * 1024;

/// How long the frame at the beginning of a stream may take, and the opening of the other stream.
const OPENING: Duration = Duration::from_secs(10);

/// Takes the streams that a client opens, until the leg is over.
pub(crate) async fn take(shared: &Arc<Shared>, client: &Arc<Client>) {
    let mut splices = JoinSet::new();
    loop {
        tokio::select! {
            opened = client.connection.accept_bi() => {
                let Ok((send, recv)) = opened else { return };
                let (shared, client) = (Arc::clone(shared), Arc::clone(client));
                splices.spawn(async move { splice(&shared, &client, send, recv).await });
            }
            Some(_) = splices.join_next() => {}
        }
    }
}

/// One spliced stream's place, given back when dropped.
struct Counted<'a> {
    shared: &'a Shared,
    client: &'a Client,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.client.allowance.lock().unwrap_or_else(PoisonError::into_inner).splice_over();
        Metrics::subtract(&self.shared.metrics.splices_open, 1);
    }
}

async fn splice(shared: &Shared, client: &Client, mut send: SendStream, mut recv: RecvStream) {
    let allowed = client.allowance.lock().unwrap_or_else(PoisonError::into_inner).splice();
    if let Err(limit) = allowed {
        client.hit(Instant::now(), limit, &shared.metrics);
        send.reset(CloseCode::Unreachable.code()).ok();
        recv.stop(CloseCode::Unreachable.code()).ok();
        return;
    }
    Metrics::add(&shared.metrics.splices_open, 1);
    let _counted = Counted { shared, client };
    let head = timeout(OPENING, Frames::new(recv).only()).await;
    let Ok(Ok(Some((Control::Splice { peer }, from)))) = head else {
        // No protocol that anybody speaks here, or a client that has given up.
        send.reset(CloseCode::Protocol.code()).ok();
        return;
    };
    recv = from;
    let opened = match shared.route(client.standing, peer) {
        Some(to) => timeout(OPENING, open(&to, client)).await.ok().flatten().map(|streams| (streams, to)),
        None => None,
    };
    let Some(((there, back), to)) = opened else {
        send.reset(CloseCode::Unreachable.code()).ok();
        recv.stop(CloseCode::Unreachable.code()).ok();
        return;
    };
    Metrics::add(&shared.metrics.splices, 1);
    tokio::join!(copy(shared, client, recv, there), copy(shared, &to, back, send));
}

async fn open(to: &Client, from: &Client) -> Option<(SendStream, RecvStream)> {
    let (mut send, recv) = to.connection.open_bi().await.ok()?;
    send.write_all(&Control::Spliced { peer: from.id }.encode()).await.ok()?;
    Some((send, recv))
}

/// Copies until the stream ends, one way or another, and passes that on. What `sender` sends counts against its limits.
async fn copy(shared: &Shared, sender: &Client, mut from: RecvStream, mut to: SendStream) {
    loop {
        match from.read_chunk(CHUNK).await {
            Ok(Some(chunk)) => {
                let bytes = chunk.len() as u64;
                wait(shared, sender, bytes).await;
                match to.write_chunk(chunk).await {
                    Ok(()) => Metrics::add(&shared.metrics.splice_bytes, bytes),
                    Err(WriteError::Stopped(code)) => {
                        from.stop(code).ok();
                        return;
                    }
                    Err(_) => {
                        from.stop(CloseCode::Unreachable.code()).ok();
                        return;
                    }
                }
            }
            Ok(None) => {
                to.finish().ok();
                return;
            }
            Err(ReadError::Reset(code)) => {
                to.reset(code).ok();
                return;
            }
            Err(_) => {
                to.reset(CloseCode::Unreachable.code()).ok();
                return;
            }
        }
    }
}

/// A stream that is over a limit waits; packets would be lost.
async fn wait(shared: &Shared, sender: &Client, bytes: u64) {
    loop {
        let now = Instant::now();
        let own = sender.allowance.lock().unwrap_or_else(PoisonError::into_inner).stream(now, bytes);
        if own.is_zero() {
            break;
        }
        sleep(own).await;
    }
    loop {
        let total = shared.total_wait(Instant::now(), bytes);
        if total.is_zero() {
            return;
        }
        sleep(total).await;
    }
}
