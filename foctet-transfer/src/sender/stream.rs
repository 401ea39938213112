use std::sync::Arc;

use bytes::Bytes;
use foctet_net::{RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::answer::Answerer;
use super::fault::Fault;
use super::session::Session;
use crate::control::{FrameReader, LinkError};
use crate::error::ProtocolError;
use crate::limit::Limit;
use crate::wire::{ASKED_ANEW, Frame, Range};

/// Chunks that may wait between reading and sending: enough for both to go on at once.
const WAITING_CHUNKS: usize = 2;
/// The code with which a data stream is reset when the sender gives up; the reason is on the control stream.
const RESET_GAVE_UP: u64 = 1;

/// A piece of answers, ready to be sent.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    /// Bytes of content in it.
    pub(super) content: u64,
    /// Files that it completes.
    pub(super) files: u32,
}

/// Why a data stream ended.
pub(super) enum Halt {
    Fault(Fault),
    Link(LinkError),
}

impl From<LinkError> for Halt {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Protocol(error) => Self::Fault(error.into()),
            other => Self::Link(other),
        }
    }
}

impl From<ProtocolError> for Halt {
    fn from(error: ProtocolError) -> Self {
        Self::Fault(error.into())
    }
}

/// Answers the requests of one data stream, in order.
pub(super) async fn serve(
    session: Arc<Session>,
    limit: Option<Limit>,
    mut send: SendStream,
    recv: RecvStream,
) -> Result<(), Halt> {
    let (ranges, wanted) = mpsc::channel(1);
    let (chunks, mut ready) = mpsc::channel::<Chunk>(WAITING_CHUNKS);
    let answerer = Answerer::new(Arc::clone(&session), chunks);
    let reading = tokio::task::spawn_blocking(move || answerer.run(wanted));

    let requests = take_requests(Arc::clone(&session), recv, ranges);
    let answers = async {
        while let Some(mut chunk) = ready.recv().await {
            if let Some(limit) = &limit {
                while chunk.bytes.len() > limit.piece() {
                    limit.take(limit.piece()).await;
                    let piece = chunk.bytes.split_to(limit.piece());
                    // What stands around the content counts as content of the last piece.
                    let content = chunk.content.min(piece.len() as u64);
                    let sent = timeout(session.stall_timeout, send.write_chunk(piece)).await;
                    sent.map_err(|_| LinkError::Stalled)?.map_err(LinkError::from)?;
                    chunk.content = chunk.content.saturating_sub(content);
                    session.progress.add(content, 0);
                }
                limit.take(chunk.bytes.len()).await;
            }
            let sent = timeout(session.stall_timeout, send.write_chunk(chunk.bytes)).await;
            sent.map_err(|_| LinkError::Stalled)?.map_err(LinkError::from)?;
            session.progress.add(chunk.content, chunk.files);
        }
        Ok::<(), Halt>(())
    };
    let ended = {
        tokio::pin!(requests, answers);
        let mut more = true;
        loop {
            tokio::select! {
                taken = &mut requests, if more => match taken {
                    Ok(()) => more = false,
                    Err(halt) => break Err(halt),
                },
                // Only when every request is answered, or when reading failed.
                sent = &mut answers => break sent,
            }
        }
    };
    drop(ready);
    // The thread has nothing to wait for any more.
    let read = match reading.await {
        Ok(read) => read,
        Err(join) => match join.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Ok(()),
        },
    };
    match ended.and(read.map_err(Halt::Fault)) {
        Ok(()) => {
            send.finish().ok();
            Ok(())
        }
        Err(Halt::Link(LinkError::AskedAnew)) => {
            // So that nothing of it is sent again.
            send.reset(ASKED_ANEW).ok();
            Ok(())
        }
        Err(halt) => {
            send.reset(RESET_GAVE_UP).ok();
            Err(halt)
        }
    }
}

async fn take_requests(
    session: Arc<Session>,
    recv: RecvStream,
    ranges: mpsc::Sender<Vec<Range>>,
) -> Result<(), Halt> {
    let mut frames = FrameReader::new(recv);
    while let Some(frame) = frames.next().await? {
        let Frame::Request(wanted) = frame else {
            return Err(ProtocolError::Unexpected { expected: "a request" }.into());
        };
        wanted.iter().try_for_each(|range| session.check(range))?;
        if ranges.send(wanted).await.is_err() {
            break;
        }
    }
    Ok(())
}
