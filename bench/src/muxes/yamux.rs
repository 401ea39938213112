//! yamux with its defaults.

use std::sync::Arc;

use anyhow::Context as _;
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::io::DuplexStream;
use tokio::sync::{Mutex, mpsc, oneshot};
use yamux::{Mode, Stream};

use super::Mux;
use crate::contestant::yamux::{Open, drive};

/// Streams that were opened and not yet taken; more than any measurement opens.
const BACKLOG: usize = 256;

pub(super) struct Yamux;

/// One end: the first asks for streams, the second takes them.
#[derive(Clone)]
pub(super) struct End {
    opens: mpsc::Sender<Open>,
    opened: Arc<Mutex<mpsc::Receiver<Stream>>>,
}

impl Mux for Yamux {
    const NAME: &'static str = "yamux";
    type End = End;
    type Sending = Stream;
    type Receiving = Stream;

    async fn pair(near: DuplexStream, far: DuplexStream) -> anyhow::Result<(End, End)> {
        Ok((end(near, Mode::Client), end(far, Mode::Server)))
    }

    async fn open(end: &End) -> anyhow::Result<Stream> {
        let (open, opened) = oneshot::channel();
        end.opens.send(open).await?;
        Ok(opened.await?)
    }

    async fn accept(end: &End) -> anyhow::Result<Stream> {
        end.opened.lock().await.recv().await.context("the connection is over")
    }

    async fn write_all(stream: &mut Stream, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(stream.write_all(bytes).await?)
    }

    async fn finish(mut stream: Stream) -> anyhow::Result<()> {
        Ok(stream.close().await?)
    }

    async fn read(stream: &mut Stream, buffer: &mut [u8]) -> anyhow::Result<usize> {
        Ok(stream.read(buffer).await?)
    }
}

fn end(carrier: DuplexStream, mode: Mode) -> End {
    let (opens, asked) = mpsc::channel(1);
    let (open, opened) = mpsc::channel(BACKLOG);
    tokio::spawn(drive(carrier, mode, asked, move |stream| {
        // One that does not fit is reset, and the measurement fails.
        open.try_send(stream).ok();
    }));
    End { opens, opened: Arc::new(Mutex::new(opened)) }
}
