use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use foctet_net::{Connection, RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::fault::Fault;
use super::gap::{Gap, GivenUp};
use super::input::{Arrived, Batch, Input};
use super::verifier::{Halt, Sink, Verifier};
use super::wanted::{Known, wanted};
use crate::control::{Control, LinkError, open_stream};
use crate::error::ProtocolError;
use crate::event::Event;
use crate::limit::Limit;
use crate::manifest::Manifest;
use crate::wire::{ASKED_ANEW, Frame, Range};

/// Batches that may wait for the thread that verifies and writes.
const WAITING_BATCHES: usize = 3;
/// A batch is handed over at the latest when it has this many bytes.
const FULL_BATCH: usize = 1 << 20;
/// A batch with at least this many bytes is handed over as soon as there is room for it.
const GOOD_BATCH: usize = 128 << 10;
/// Ranges in a request: a few hundred small files each, so that the first answers come soon.
const RANGES_A_REQUEST: usize = 512;

/// How a pull ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pulled {
    All,
    /// What was on its way is lost with its path: what is missing shall be asked for anew, on the same connection.
    Lost,
}

/// Why nothing more comes on a data stream.
enum Stop {
    Link(LinkError),
    /// See [`Pulled::Lost`].
    Gap,
}

impl From<LinkError> for Stop {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

/// Fetches what is missing of the selected files over one data stream.
pub(super) struct Pull<'a> {
    pub(super) connection: &'a Connection,
    pub(super) control: &'a mut Control,
    pub(super) stall_timeout: Duration,
    pub(super) limit: Option<&'a Limit>,
    pub(super) known: Known,
    /// The data streams before on this connection.
    pub(super) given_up: &'a GivenUp,
}

impl Pull<'_> {
    /// Passes all content through `verifier`, which comes back with what is verified unless it panicked or the runtime
    /// ends. `watch` may end the pull early.
    pub(super) async fn run<S: Sink>(
        self,
        mut verifier: Verifier<S>,
        events: &(impl Fn(Event) + Send + Sync),
        mut watch: Pin<&mut impl Future<Output = Fault>>,
    ) -> (Option<Verifier<S>>, Result<Pulled, Fault>) {
        let Self { connection, control, stall_timeout, limit, known, given_up } = self;
        if verifier.selection.files() == 0 {
            return (Some(verifier), Ok(Pulled::All));
        }
        let mut gap = Gap::new(connection, given_up);
        let (mut send, recv) = match open_stream(connection).await {
            Ok(streams) => streams,
            Err(error) => return (Some(verifier), Err(error.into())),
        };
        let manifest = &Arc::clone(&verifier.manifest);
        let selection = Arc::clone(&verifier.selection);
        let progress = Arc::clone(&verifier.progress);
        let position = verifier.position();
        let (tx, arrived) = mpsc::channel(WAITING_BATCHES);
        let mut verifying = tokio::task::spawn_blocking(move || {
            let verified = verifier.run(Input::new(arrived), known);
            (verifier, verified)
        });
        let transport = async {
            let mut more = true;
            let ended = {
                let requests = request_all(wanted(manifest, &selection, position, known), &mut send);
                let answers = take_answers(recv, tx, stall_timeout, limit, &mut gap);
                tokio::pin!(requests, answers);
                loop {
                    tokio::select! {
                        asked = &mut requests, if more => match asked {
                            Ok(()) => more = false,
                            Err(error) => break Err(Stop::Link(error)),
                        },
                        taken = &mut answers => break taken,
                    }
                }
            };
            if more && matches!(ended, Err(Stop::Gap)) {
                send.reset(ASKED_ANEW).ok();
            }
            ended
        };
        let mut transported = None;
        let ended = {
            tokio::pin!(transport);
            loop {
                tokio::select! {
                    biased;
                    ended = &mut transport, if transported.is_none() => transported = Some(ended),
                    verified = &mut verifying => break Ok(verified),
                    fault = &mut watch => break Err((fault, true)),
                    frame = control.recv() => break Err((match frame {
                        Ok(Frame::Fail(failure)) => Fault::remote(failure, manifest),
                        Ok(_) => ProtocolError::Unexpected { expected: "content" }.into(),
                        Err(error) => error.into(),
                    }, false)),
                    () = progress.raised() => events(progress.event()),
                }
            }
        };
        let verified = match ended {
            Ok(verified) => verified,
            Err((fault, watch_ended)) => {
                // Nothing feeds the thread any more, so it ends once `watch` has taken what it has. Its sink must be gone,
                // or here, before this returns.
                let (verified, fault) = tokio::select! {
                    verified = &mut verifying => (verified, fault),
                    worse = &mut watch, if !watch_ended => (verifying.await, worse),
                };
                let (verifier, fault) = match verified {
                    // The connection was lost when nothing more was needed of it.
                    Ok((verifier, Ok(()))) if fault.is_lost() => (Some(verifier), Ok(Pulled::All)),
                    Ok((verifier, _)) => (Some(verifier), Err(fault)),
                    Err(_) => (None, Err(fault)),
                };
                events(progress.event());
                return (verifier, fault);
            }
        };
        let (verifier, verified) = match verified {
            Ok(verified) => verified,
            Err(join) => match join.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return (None, Err(Fault::cancelled())),
            },
        };
        let result = match (verified, transported) {
            (Ok(()), _) => {
                events(progress.event());
                Ok(Pulled::All)
            }
            (Err(Halt::Fault(fault)), _) => Err(explain(control, manifest, fault).await),
            (Err(Halt::Aborted), Some(Err(Stop::Gap))) => Ok(Pulled::Lost),
            (Err(Halt::Aborted), Some(Err(Stop::Link(LinkError::Ended)))) => match control.reason().await {
                Some(failure) => Err(Fault::remote(failure, manifest)),
                None => Err(LinkError::Ended.into()),
            },
            (Err(Halt::Aborted), Some(Err(Stop::Link(error)))) => Err(error.into()),
            (Err(Halt::Aborted), _) => Err(Fault::cancelled()),
        };
        (Some(verifier), result)
    }
}

/// A stream that ended too early may have been ended by a sender that gave up.
async fn explain(control: &mut Control, manifest: &Manifest, fault: Fault) -> Fault {
    if fault.error != ProtocolError::EndedEarly.into() {
        return fault;
    }
    control.reason().await.map_or(fault, |failure| Fault::remote(failure, manifest))
}

/// Asks for all ranges. Flow control keeps this from running ahead of the sender.
async fn request_all(wanted: impl Iterator<Item = Range>, send: &mut SendStream) -> Result<(), LinkError> {
    let mut ranges = Vec::with_capacity(RANGES_A_REQUEST);
    for range in wanted {
        ranges.push(range);
        if ranges.len() == RANGES_A_REQUEST {
            send.write_chunk(Frame::Request(std::mem::take(&mut ranges)).encode()).await?;
        }
    }
    if !ranges.is_empty() {
        send.write_chunk(Frame::Request(ranges).encode()).await?;
    }
    send.finish().ok();
    Ok(())
}

/// Hands what arrives to the thread that verifies, in batches that grow while that thread is busy.
async fn take_answers(
    mut recv: RecvStream,
    arrived: mpsc::Sender<Arrived>,
    stall_timeout: Duration,
    limit: Option<&Limit>,
    gap: &mut Gap,
) -> Result<(), Stop> {
    let most = limit.map_or(FULL_BATCH, Limit::piece);
    loop {
        let mut batch = Batch::default();
        let mut ended = false;
        while batch.len() < FULL_BATCH {
            let most = most.min(FULL_BATCH - batch.len());
            let piece = match try_now(recv.read_chunk(most)).await {
                Some(piece) => piece,
                // Nothing is here at the moment.
                None if batch.len() > 0
                    && (batch.len() >= GOOD_BATCH || arrived.capacity() == WAITING_BATCHES) =>
                {
                    break;
                }
                None => {
                    let piece = tokio::select! {
                        biased;
                        piece = timeout(stall_timeout, recv.read_chunk(most)) => piece,
                        () = gap.found() => {
                            tracing::debug!("content was lost with its path and is asked for anew");
                            recv.stop(ASKED_ANEW).ok();
                            return Err(Stop::Gap);
                        }
                    };
                    piece.map_err(|_| LinkError::Stalled)?
                }
            };
            match piece.map_err(LinkError::from)? {
                Some(piece) => {
                    let len = piece.len();
                    batch.push(piece);
                    if let Some(limit) = limit {
                        limit.take(len).await;
                        // Whoever verifies need not wait until the next piece may come.
                        break;
                    }
                }
                None => {
                    ended = true;
                    break;
                }
            }
        }
        // Refused only if the thread has ended early, and then it knows why.
        if batch.len() > 0 && arrived.send(Arrived::Bytes(batch)).await.is_err() {
            return Ok(());
        }
        if ended {
            arrived.send(Arrived::End).await.ok();
            return Ok(());
        }
    }
}

/// The result of a future that is ready at once. The future must be cancel safe.
async fn try_now<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = std::future::ready(()) => None,
    }
}
