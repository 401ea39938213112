//! Records on their way to the stream.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// How many records are handed over in one call, more than are ever there in the middle of bulk.
const AT_ONCE: usize = 8;

/// Records that the stream has not taken, in order. Whoever adds to them bounds them.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    pub(super) records: VecDeque<Vec<u8>>,
    /// How much of the first one the stream has taken.
    taken: usize,
}

impl Unsent {
    /// Ready once the stream has taken everything.
    pub(super) fn poll_write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.records.is_empty() {
            let mut slices = [IoSlice::new(&[]); AT_ONCE];
            let mut skip = self.taken;
            let mut count = 0;
            for (slice, record) in slices.iter_mut().zip(&self.records) {
                *slice = IoSlice::new(record.get(skip..).unwrap_or_default());
                (skip, count) = (0, count + 1);
            }
            let slices = slices.get(..count).unwrap_or_default();
            let taken = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, slices))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.take(taken);
        }
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, mut bytes: usize) {
        bytes += self.taken;
        while let Some(first) = self.records.front()
            && first.len() <= bytes
        {
            bytes -= first.len();
            self.records.pop_front();
        }
        self.taken = bytes;
    }
}
