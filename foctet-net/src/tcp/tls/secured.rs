//! A byte stream behind a handshake, as a multiplexer's carrier.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use foctet_mux::{Batch, Buffers, Carrier};
use rustls::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::handshake::invalid;
use super::opener::FULL_RECORD;
use super::records::{Received, Records};
use super::unsent::Unsent;

/// How much is read at once, in bytes: four full records. What is kept of them keeps all of them in memory, which
/// foctet-mux's bounds reckon with.
const READ_BUFFER: usize = 4 * FULL_RECORD;

/// The least room, in bytes, worth a read.
const READ_ROOM: usize = FULL_RECORD;

/// How many of these buffers are kept to be used again.
const READ_BUFFERS: usize = 8;

/// So many reads in a row of fewer bytes than this show that they are not needed now.
const FEW_IN_A_ROW: u8 = 16;
const READ_FEW: usize = 4096;

/// Both directions of a stream, in records. Data comes out where it was read, and goes in from where it lies.
///
/// It holds at most the buffer it reads into, and the batch that it was given last, in records.
pub(in crate::tcp) struct Secured<S> {
    stream: S,
    records: Records,
    input: BytesMut,
    buffers: Buffers,
    /// How many of the last reads gave little.
    few: u8,
    unsent: Unsent,
    /// How receiving ended.
    end: Option<End>,
    /// Whether the peer was told that nothing more comes.
    closed: bool,
}

enum End {
    /// By a close_notify.
    Closed,
    /// Without.
    Truncated,
    Failed(Error),
}

impl<S> Secured<S> {
    pub(super) fn new(stream: S, records: Records, outgoing: Vec<u8>, input: BytesMut) -> Self {
        let mut unsent = Unsent::default();
        if !outgoing.is_empty() {
            unsent.records.push_back(outgoing);
        }
        let buffers = Buffers::new(READ_BUFFER, READ_BUFFERS);
        Self { stream, records, input, buffers, few: 0, unsent, end: None, closed: false }
    }

    /// The stream alone, as if there had been no handshake.
    pub(in crate::tcp) fn into_inner(self) -> S {
        self.stream
    }

    /// Lets go of buffers that have not been needed for a while.
    fn note(&mut self, read: usize) {
        self.few = if read < READ_FEW { self.few.saturating_add(1) } else { 0 };
        if self.few == FEW_IN_A_ROW {
            self.buffers.clear();
        }
    }

    fn make_room(&mut self) {
        let wanted = READ_BUFFER.saturating_sub(self.input.len());
        let room = self.input.capacity() - self.input.len();
        if room >= READ_ROOM || self.input.try_reclaim(wanted) {
            return;
        }
        let mut fresh = self.buffers.take();
        fresh.extend_from_slice(&self.input);
        self.buffers.give(std::mem::replace(&mut self.input, fresh));
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Secured<S> {
    /// Ends receiving for an error, and tells the peer if it takes that at once.
    fn fail(&mut self, error: Error, cx: &mut Context<'_>) {
        // An alert that cannot be sealed is one that is not sent.
        self.records.complain(&error, &mut self.unsent.records).ok();
        let _ = self.unsent.poll_write(&mut self.stream, cx);
        self.end = Some(End::Failed(error));
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Carrier for Secured<S> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            match &self.end {
                None => {}
                Some(End::Closed) => return Poll::Ready(Ok(Bytes::new())),
                Some(End::Truncated) => {
                    let words = "the peer ended without a close_notify";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, words)));
                }
                Some(End::Failed(error)) => return Poll::Ready(Err(invalid(error.clone()))),
            }
            match self.records.open(&mut self.input) {
                Ok(Received::Data(data)) => return Poll::Ready(Ok(data)),
                Ok(Received::End) => self.end = Some(End::Closed),
                Ok(Received::Incomplete) => {
                    self.make_room();
                    let read = pin!(self.stream.read_buf(&mut self.input)).poll(cx);
                    match ready!(read)? {
                        0 => self.end = Some(End::Truncated),
                        read => self.note(read),
                    }
                }
                Err(error) => self.fail(error, cx),
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        for record in batch.records() {
            self.records.seal(&record, &mut self.unsent.records).map_err(invalid)?;
        }
        batch.clear();
        self.unsent.poll_write(&mut self.stream, cx)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.unsent.poll_write(&mut self.stream, cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.closed, true) {
            self.records.close(&mut self.unsent.records).map_err(invalid)?;
        }
        ready!(self.unsent.poll_write(&mut self.stream, cx))?;
        match ready!(Pin::new(&mut self.stream).poll_shutdown(cx)) {
            // There is nothing left to end.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            ended => Poll::Ready(ended),
        }
    }
}

impl<S> std::fmt::Debug for Secured<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secured").finish_non_exhaustive()
    }
}
