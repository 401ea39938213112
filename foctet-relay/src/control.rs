use std::sync::{Arc, PoisonError};
use std::time::Instant;

use foctet_core::relay::{CloseCode, Control, ControlReader};
use foctet_net::{RecvStream, SendStream};
use tokio::sync::mpsc;

use crate::clients::{Client, Shared};
use crate::metrics::Metrics;

/// Bytes of the control stream that are read at once.
const READ: usize = 4096;

/// Frames that wait until a client takes them; beyond it they are dropped.
pub(crate) const WAITING_FRAMES: usize = 32;

/// Reads frames off a control stream.
pub(crate) struct Frames {
    recv: RecvStream,
    reader: ControlReader,
}

impl Frames {
    pub(crate) fn new(recv: RecvStream) -> Self {
        Self { recv, reader: ControlReader::default() }
    }

    /// The next frame; `None` at the end of the stream or of the leg.
    pub(crate) async fn next(&mut self) -> Result<Option<Control>, CloseCode> {
        loop {
            if let Some(frame) = self.reader.next().map_err(|_| CloseCode::Protocol)? {
                return Ok(Some(frame));
            }
            match self.recv.read_chunk(READ).await {
                Ok(Some(bytes)) => self.reader.push(&bytes),
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }

    /// The one frame at the beginning of a spliced stream, and not a byte more.
    pub(crate) async fn only(mut self) -> Result<Option<(Control, RecvStream)>, CloseCode> {
        loop {
            match self.reader.missing().map_err(|_| CloseCode::Protocol)? {
                0 => {
                    let frame = self.reader.next().map_err(|_| CloseCode::Protocol)?;
                    return Ok(frame.map(|frame| (frame, self.recv)));
                }
                missing => match self.recv.read_chunk(missing).await {
                    Ok(Some(bytes)) => self.reader.push(&bytes),
                    Ok(None) | Err(_) => return Ok(None),
                },
            }
        }
    }
}

/// Does what a client's frames ask for, until the leg is over or broken by its client.
pub(crate) async fn hear(shared: &Shared, client: &Arc<Client>, mut frames: Frames) -> Result<(), CloseCode> {
    while let Some(frame) = frames.next().await? {
        match frame {
            Control::Bound { channel } => client.confirm(channel),
            Control::Signal { peer, bytes } => {
                let now = Instant::now();
                let allowed = client.allowance.lock().unwrap_or_else(PoisonError::into_inner).signal(now);
                match allowed {
                    Ok(()) => {
                        if let Some(to) = shared.route(client.standing, peer) {
                            Metrics::add(&shared.metrics.signals, 1);
                            to.tell(Control::Signal { peer: client.id, bytes });
                        }
                    }
                    Err(limit) => client.hit(now, limit, &shared.metrics),
                }
            }
            _ => return Err(CloseCode::Protocol),
        }
    }
    // A client that ends its control stream, but not the leg, has no more to say.
    std::future::pending().await
}

/// Sends a client what it is told, until the leg is over.
pub(crate) async fn speak(mut send: SendStream, mut told: mpsc::Receiver<Control>) {
    while let Some(frame) = told.recv().await {
        if send.write_all(&frame.encode()).await.is_err() {
            return;
        }
    }
}
