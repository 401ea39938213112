use std::io;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use foctet_mux::{Batch, Carrier};

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

impl<S: Carrier> Carrier for Unjudged<S> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let received = ready!(self.stream.poll_receive(cx));
        let Some(refusal) = &self.refusal else { return Poll::Ready(received) };
        let ended = match received {
            Ok(data) if !data.is_empty() => {
                self.refusal = None;
                return Poll::Ready(Ok(data));
            }
            Ok(_) => io::ErrorKind::UnexpectedEof.into(),
            Err(error) => error,
        };
        let kind = ended.kind();
        // Later reads give the same or less.
        refusal.set(ended).ok();
        Poll::Ready(Err(kind.into()))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        self.stream.poll_send(cx, batch)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }
}
