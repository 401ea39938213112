//! The stream on which the two sides talk about the transfer.

use std::time::Duration;

use foctet_net::{Connection, ConnectionError, ReadError, RecvStream, SendStream, WriteError};
use tokio::time::timeout;

use crate::error::ProtocolError;
use crate::wire::{ASKED_ANEW, Failure, Frame, FrameDecoder};

/// How long to wait for the peer's next frame where no person has to decide anything.
pub(crate) const FRAME_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a whole manifest may take: the largest has some 30 MiB.
pub(crate) const MANIFEST_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a stranger has to open the control stream and show the secret. Until then it costs a place that others
/// wait for.
pub(crate) const ADMISSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to try to tell the sender that everything is here, which it is waiting for: as long as a connection may be
/// silent, so that a network that is gone for a while changes nothing.
pub(crate) const DONE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait until another last word has arrived.
pub(crate) const LAST_WORD_TIMEOUT: Duration = Duration::from_secs(3);
/// How much of a stream to take at once.
const READ_LEN: usize = 65_536;

/// Why nothing more comes or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// The peer ended, reset or stopped the stream: it has given up, and its reason may be on the control stream.
    Ended,
    /// It has given a data stream up, and asks for the rest on another one.
    AskedAnew,
    Stalled,
    Lost(ConnectionError),
    Protocol(ProtocolError),
}

impl From<ReadError> for LinkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::ConnectionLost(lost) => Self::Lost(lost),
            ReadError::Reset(ASKED_ANEW) => Self::AskedAnew,
            _ => Self::Ended,
        }
    }
}

impl From<WriteError> for LinkError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(lost) => Self::Lost(lost),
            WriteError::Stopped(ASKED_ANEW) => Self::AskedAnew,
            _ => Self::Ended,
        }
    }
}

impl From<ConnectionError> for LinkError {
    fn from(error: ConnectionError) -> Self {
        Self::Lost(error)
    }
}

/// Frames out of a stream.
#[derive(Debug)]
pub(crate) struct FrameReader {
    stream: RecvStream,
    decoder: FrameDecoder,
}

impl FrameReader {
    pub(crate) fn new(stream: RecvStream) -> Self {
        Self { stream, decoder: FrameDecoder::new() }
    }

    /// The next frame, or `None` at the end of the stream. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            let next = self.decoder.next_frame();
            if let Some(frame) = next.map_err(|error| LinkError::Protocol(error.into()))? {
                return Ok(Some(frame));
            }
            match self.stream.read_chunk(READ_LEN).await? {
                Some(bytes) => self.decoder.push(&bytes),
                None if self.decoder.is_empty() => return Ok(None),
                None => return Err(LinkError::Protocol(ProtocolError::EndedEarly)),
            }
        }
    }
}

/// Opens a stream, which the peer has to allow soon.
pub(crate) async fn open_stream(connection: &Connection) -> Result<(SendStream, RecvStream), LinkError> {
    Ok(timeout(FRAME_TIMEOUT, connection.open_bi()).await.map_err(|_| LinkError::Stalled)??)
}

/// Both halves of the control stream.
#[derive(Debug)]
pub(crate) struct Control {
    send: SendStream,
    recv: FrameReader,
}

impl Control {
    pub(crate) fn new(send: SendStream, recv: RecvStream) -> Self {
        Self { send, recv: FrameReader::new(recv) }
    }

    /// Sends a frame, which the peer has `limit` to take.
    pub(crate) async fn send(&mut self, frame: &Frame, limit: Duration) -> Result<(), LinkError> {
        timeout(limit, self.send.write_chunk(frame.encode())).await.map_err(|_| LinkError::Stalled)??;
        Ok(())
    }

    /// The next frame. Cancel safe.
    pub(crate) async fn recv(&mut self) -> Result<Frame, LinkError> {
        self.recv.next().await?.ok_or(LinkError::Ended)
    }

    /// The next frame, which must come within `limit`.
    pub(crate) async fn recv_within(&mut self, limit: Duration) -> Result<Frame, LinkError> {
        timeout(limit, self.recv()).await.unwrap_or(Err(LinkError::Protocol(ProtocolError::Silent)))
    }

    /// After a stream has ended unexpectedly: why the peer gave up, if it says so.
    pub(crate) async fn reason(&mut self) -> Option<Failure> {
        let wait = async {
            loop {
                match self.recv().await {
                    Ok(Frame::Fail(failure)) => return Some(failure),
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
        };
        timeout(LAST_WORD_TIMEOUT, wait).await.ok().flatten()
    }

    /// Says the last word and waits, at most twice `limit`, until the peer has it.
    pub(crate) async fn last_word(&mut self, frame: &Frame, limit: Duration) -> Result<(), LinkError> {
        self.send(frame, limit).await?;
        self.send.finish().ok();
        timeout(limit, self.send.delivered()).await.map_err(|_| LinkError::Stalled)??;
        Ok(())
    }

    /// Tells the peer why this side gives up. Nothing can be done if that fails too.
    pub(crate) async fn give_up(&mut self, failure: Failure) {
        self.last_word(&Frame::Fail(failure), LAST_WORD_TIMEOUT).await.ok();
    }
}
