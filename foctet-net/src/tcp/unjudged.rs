use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A dialler's TLS stream, whose acceptor may still refuse it. What it ends in before the acceptor's first byte is kept as
/// it came, because a multiplexer above it keeps only the words.
pub(super) struct Unjudged<S> {
    stream: S,
    /// `None` once the acceptor has spoken.
    refusal: Option<Arc<OnceLock<io::Error>>>,
}

impl<S> Unjudged<S> {
    /// The stream, and where its refusal will be found.
    pub(super) fn new(stream: S) -> (Self, Arc<OnceLock<io::Error>>) {
        let refusal = Arc::new(OnceLock::new());
        (Self { stream, refusal: Some(Arc::clone(&refusal)) }, refusal)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unjudged<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        let Some(refusal) = &self.refusal else { return Poll::Ready(read) };
        let ended = match read {
            Ok(()) if buf.filled().len() > before => {
                self.refusal = None;
                return Poll::Ready(Ok(()));
            }
            Ok(()) => io::ErrorKind::UnexpectedEof.into(),
            Err(error) => error,
        };
        let kind = ended.kind();
        // Later reads give the same or less.
        refusal.set(ended).ok();
        Poll::Ready(Err(kind.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unjudged<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
