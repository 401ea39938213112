use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use foctet_core::NodeId;
use foctet_core::relay::{CloseCode, Control, ControlReader};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::error::LegError;
use super::leg::Leg;
use crate::error::{ReadError, WriteError};
use crate::stream::{RecvStream, SendStream};

/// Spliced streams that wait for their handshake to begin. It begins at once, so that more means overload.
pub(super) const MAX_WAITING: usize = 32;

/// How long the frame at the beginning of a stream may take: the relay writes it as it opens the stream.
const BEGINNING: Duration = Duration::from_secs(5);

/// What a stream without room is reset with.
const NO_ROOM: u64 = 0;

/// A byte stream to a peer, through a relay. What the two say in it is TLS: the relay reads nothing.
#[derive(Debug)]
pub(crate) struct SplicedStream {
    send: SendStream,
    recv: RecvStream,
    /// For as long as this exists, the leg is in use.
    _leg: Arc<()>,
}

/// A byte stream that a peer has asked a relay for.
#[derive(Debug)]
pub(crate) struct Spliced {
    pub(crate) stream: SplicedStream,
    /// Who that is, if the relay tells the truth.
    pub(crate) peer: NodeId,
    pub(crate) relay: NodeId,
    /// The relay's own address.
    pub(crate) remote: std::net::SocketAddr,
}

/// Opens a stream to a peer over a leg. Whether the peer is there shows when it is read.
pub(super) async fn open(leg: &Leg, peer: NodeId) -> Result<SplicedStream, LegError> {
    let (mut send, recv) = leg.connection.open_bi().await?;
    send.write_all(&Control::Splice { peer }.encode()).await?;
    Ok(SplicedStream { send, recv, _leg: leg.splice_mark() })
}

/// Takes the streams that the relay opens, until the leg is over.
pub(super) async fn accept(leg: &Leg, relay: NodeId, waiting: &mpsc::Sender<Spliced>) -> LegError {
    loop {
        let (send, mut recv) = match leg.connection.accept_bi().await {
            Ok(stream) => stream,
            Err(error) => return error.into(),
        };
        let peer = match timeout(BEGINNING, beginning(&mut recv)).await {
            Ok(Ok(peer)) => peer,
            Ok(Err(LegError::Protocol(words))) => return LegError::Protocol(words),
            Ok(Err(_)) | Err(_) => continue,
        };
        let remote = leg.connection.remote_address();
        let stream = SplicedStream { send, recv, _leg: leg.splice_mark() };
        let spliced = Spliced { stream, peer, relay, remote };
        if let Err(full) = waiting.try_send(spliced) {
            let SplicedStream { mut send, mut recv, .. } = full.into_inner().stream;
            send.reset(NO_ROOM).ok();
            recv.stop(NO_ROOM).ok();
        }
    }
}

/// Reads the frame at the beginning, and nothing behind it.
async fn beginning(recv: &mut RecvStream) -> Result<NodeId, LegError> {
    let protocol = |words: &str| LegError::Protocol(words.into());
    let mut reader = ControlReader::default();
    loop {
        match reader.next().map_err(|error| protocol(&error.to_string()))? {
            Some(Control::Spliced { peer }) => return Ok(peer),
            Some(_) => return Err(protocol("a stream of its begins with another frame")),
            None => {}
        }
        let missing = reader.missing().map_err(|error| protocol(&error.to_string()))?;
        match recv.read_chunk(missing).await? {
            Some(piece) => reader.push(&piece),
            None => return Err(LegError::NoLeg),
        }
    }
}

/// What the relay meant by ending the stream, where that is known.
fn in_words(error: io::Error) -> io::Error {
    let kind = error.kind();
    let code = match error.get_ref() {
        Some(inner) => match (inner.downcast_ref::<ReadError>(), inner.downcast_ref::<WriteError>()) {
            (Some(ReadError::Reset(code)), _) | (_, Some(WriteError::Stopped(code))) => Some(*code),
            _ => None,
        },
        None => None,
    };
    match code.and_then(CloseCode::from_code) {
        Some(code) => io::Error::new(kind, LegError::Closed(code)),
        None => error,
    }
}

impl AsyncRead for SplicedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.recv).poll_read(cx, buffer).map_err(in_words)
    }
}

impl AsyncWrite for SplicedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.send).poll_write(cx, data).map_err(in_words)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.send).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.send).poll_shutdown(cx)
    }
}
