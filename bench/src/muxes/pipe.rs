//! No multiplexer: a pipe in memory for each stream, as the reference.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::{Mutex, mpsc};

use super::{CARRIER, Mux};

/// Pipes that were opened and not yet taken; more than any measurement opens.
const BACKLOG: usize = 256;

pub(super) struct Pipe;

#[derive(Clone)]
pub(super) struct End {
    open: mpsc::Sender<DuplexStream>,
    opened: Arc<Mutex<mpsc::Receiver<DuplexStream>>>,
}

impl Mux for Pipe {
    const NAME: &'static str = "pipe";
    type End = End;
    type Sending = DuplexStream;
    type Receiving = DuplexStream;

    async fn pair(_near: DuplexStream, _far: DuplexStream) -> anyhow::Result<(End, End)> {
        let (open, opened) = mpsc::channel(BACKLOG);
        let end = End { open, opened: Arc::new(Mutex::new(opened)) };
        Ok((end.clone(), end))
    }

    async fn open(end: &End) -> anyhow::Result<DuplexStream> {
        let (near, far) = tokio::io::duplex(CARRIER);
        end.open.send(far).await?;
        Ok(near)
    }

    async fn accept(end: &End) -> anyhow::Result<DuplexStream> {
        end.opened.lock().await.recv().await.context("the other end is gone")
    }

    async fn write_all(stream: &mut DuplexStream, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(stream.write_all(bytes).await?)
    }

    async fn finish(mut stream: DuplexStream) -> anyhow::Result<()> {
        Ok(stream.shutdown().await?)
    }

    async fn read(stream: &mut DuplexStream, buffer: &mut [u8]) -> anyhow::Result<usize> {
        Ok(stream.read(buffer).await?)
    }
}
