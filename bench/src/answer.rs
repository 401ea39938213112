//! What a server does with each stream: the same for every contestant.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Bytes of one write, and of one read at most.
pub(crate) const CHUNK: usize = 64 * 1024;

/// First byte of a stream: count what follows, to its end, and tell how much it was.
const COUNT: u8 = 1;
/// First byte of a stream: send back each message; its length follows as four bytes.
const ECHO: u8 = 2;
/// First byte of a stream that is also its last one: it is sent back.
const ONCE: u8 = 4;
/// What the server says once it has the stream.
const READY: u8 = 3;

/// A stream that can be read and written.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Serves one stream to its end.
pub(crate) async fn answer(mut stream: impl Stream) -> std::io::Result<()> {
    let kind = stream.read_u8().await?;
    if kind == ONCE {
        stream.write_u8(ONCE).await?;
        stream.shutdown().await?;
        // Dropped before the other side's end was read, it would count as refused.
        return stream.read(&mut [0]).await.map(drop);
    }
    let size = stream.read_u32().await?;
    stream.write_u8(READY).await?;
    stream.flush().await?;
    if kind == COUNT {
        let mut buffer = vec![0; CHUNK];
        let mut count = 0;
        loop {
            match stream.read(&mut buffer).await? {
                0 => break,
                n => count += n as u64,
            }
        }
        stream.write_u64(count).await?;
    } else {
        let mut message = vec![0; size as usize];
        // The end of the stream is how the other side says that it is done.
        while stream.read_exact(&mut message).await.is_ok() {
            stream.write_all(&message).await?;
            stream.flush().await?;
        }
    }
    stream.shutdown().await
}

/// The asking side of a stream that counts.
pub(crate) struct Counted<S>(S);

impl<S: Stream> Counted<S> {
    /// Returns once the server has the stream.
    pub(crate) async fn start(mut stream: S) -> anyhow::Result<Self> {
        ask(&mut stream, COUNT, 0).await?;
        Ok(Self(stream))
    }

    /// Sends `bytes` and returns once the server has read them all.
    pub(crate) async fn send(mut self, bytes: u64) -> anyhow::Result<()> {
        let chunk = vec![0x5a; CHUNK];
        let mut left = bytes;
        while left > 0 {
            let n = left.min(CHUNK as u64);
            self.0.write_all(&chunk[..n as usize]).await?;
            left -= n;
        }
        self.0.shutdown().await?;
        let counted = self.0.read_u64().await?;
        anyhow::ensure!(counted == bytes, "sent {bytes} bytes, {counted} arrived");
        Ok(())
    }
}

/// The asking side of a stream that echoes.
pub(crate) struct Echo<S> {
    stream: S,
    message: Vec<u8>,
}

impl<S: Stream> Echo<S> {
    /// Returns once the server has the stream.
    pub(crate) async fn start(mut stream: S, size: u32) -> anyhow::Result<Self> {
        ask(&mut stream, ECHO, size).await?;
        Ok(Self { stream, message: vec![0x5a; size as usize] })
    }

    /// One message there and back.
    pub(crate) async fn round_trip(&mut self) -> std::io::Result<()> {
        self.stream.write_all(&self.message).await?;
        self.stream.flush().await?;
        self.stream.read_exact(&mut self.message).await?;
        Ok(())
    }

    /// Ends the stream on both sides.
    pub(crate) async fn finish(mut self) -> std::io::Result<()> {
        self.stream.shutdown().await?;
        tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await?;
        Ok(())
    }
}

/// Uses a stream for one byte there and one back, and closes it on both sides.
pub(crate) async fn once(mut stream: impl Stream) -> anyhow::Result<()> {
    stream.write_u8(ONCE).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    anyhow::ensure!(answer == [ONCE], "not the byte that was sent");
    Ok(())
}

async fn ask<S: Stream>(stream: &mut S, kind: u8, size: u32) -> anyhow::Result<()> {
    let mut question = [kind, 0, 0, 0, 0];
    question[1..].copy_from_slice(&size.to_be_bytes());
    stream.write_all(&question).await?;
    stream.flush().await?;
    anyhow::ensure!(stream.read_u8().await? == READY, "not the server of this benchmark");
    Ok(())
}
