//! Sending an offer to those who hold the ticket.

mod answer;
mod fault;
mod session;
mod stream;
mod tally;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foctet_core::TicketSecret;
use foctet_net::Connection;
use tokio::task::JoinSet;

use self::fault::Fault;
use self::session::Session;
use crate::control::{ADMISSION_TIMEOUT, Control, LAST_WORD_TIMEOUT, LinkError};
use crate::error::{ProtocolError, SendError};
use crate::event::{Event, Summary};
use crate::manifest::{NewEntry, encode_entry};
use crate::offer::Offer;
use crate::selection::Selection;
use crate::wire::{Failure, FailureCode, Frame, MAX_PAYLOAD};

/// Most data streams that one receiver may have open. Each costs a thread and some 5 MiB of buffers.
pub const MAX_DATA_STREAMS: usize = 4;
/// How long a receiver may take nothing of what it asked for.
pub const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(300);

/// Sends one [`Offer`] to receivers that know its secret, one call of [`serve`](Self::serve) for each.
#[derive(Clone)]
pub struct Sender {
    offer: Arc<Offer>,
    secret: TicketSecret,
    stall_timeout: Duration,
}

impl Sender {
    /// Sends `offer` to whoever knows `secret`.
    pub fn new(offer: Arc<Offer>, secret: TicketSecret) -> Self {
        Self { offer, secret, stall_timeout: DEFAULT_STALL_TIMEOUT }
    }

    /// How long a receiver may take nothing of what it asked for; [`DEFAULT_STALL_TIMEOUT`] unless set.
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.stall_timeout = limit;
        self
    }

    /// What is offered.
    pub fn offer(&self) -> &Arc<Offer> {
        &self.offer
    }

    /// Serves one receiver: checks its secret, sends the manifest, waits for its consent, sends what it asks for, and
    /// returns once the receiver has verified everything and made it durable. Several calls may run at once.
    ///
    /// Every byte is read and hashed while it is sent; memory stays bounded however slowly the receiver reads.
    ///
    /// # Errors
    ///
    /// [`SendError`]. The receiver has been told the reason, if it can still be told. A wrong secret ends the call: one
    /// connection has one guess.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the transfer; the receiver learns that this side stopped. Threads that read stop with
    /// the group they are at.
    pub async fn serve<E>(&self, connection: &Connection, events: E) -> Result<Summary, SendError>
    where
        E: Fn(Event) + Send + Sync,
    {
        let mut control = match self.admit(connection).await {
            Ok(control) => control,
            Err((fault, control)) => {
                if let (Some(failure), Some(mut control)) = (fault.failure, control) {
                    control.give_up(failure).await;
                }
                return Err(fault.error);
            }
        };
        events(Event::Admitted);
        match self.transfer(connection, &mut control, &events).await {
            Ok(summary) => Ok(summary),
            Err(fault) => {
                if let Some(failure) = fault.failure {
                    control.give_up(failure).await;
                }
                Err(fault.error)
            }
        }
    }

    /// Waits for the control stream and its hello.
    async fn admit(&self, connection: &Connection) -> Result<Control, (Fault, Option<Control>)> {
        let deadline = Instant::now() + ADMISSION_TIMEOUT;
        let opened = tokio::time::timeout(ADMISSION_TIMEOUT, connection.accept_bi()).await;
        let (send, recv) = match opened {
            Ok(Ok(streams)) => streams,
            Ok(Err(lost)) => return Err((LinkError::Lost(lost).into(), None)),
            Err(_) => return Err((ProtocolError::Silent.into(), None)),
        };
        let mut control = Control::new(send, recv);
        match control.recv_within(deadline.saturating_duration_since(Instant::now())).await {
            Ok(Frame::Hello { secret, .. }) if secret == self.secret => Ok(control),
            Ok(Frame::Hello { .. }) => {
                let failure = Failure::new(FailureCode::WrongSecret);
                Err((Fault { error: SendError::WrongSecret, failure: Some(failure) }, Some(control)))
            }
            Ok(_) => Err((ProtocolError::Unexpected { expected: "a hello" }.into(), Some(control))),
            Err(error) => Err((error.into(), Some(control))),
        }
    }

    async fn transfer(
        &self,
        connection: &Connection,
        control: &mut Control,
        events: &(impl Fn(Event) + Send + Sync),
    ) -> Result<Summary, Fault> {
        if let Err(error) = self.send_manifest(control).await {
            return Err(self.explain(control, error).await);
        }
        let selection = self.consent(control).await?;
        let start = Instant::now();
        events(Event::Accepted { total: selection.bytes(), files: selection.files() });
        let session = Session::new(Arc::clone(&self.offer), selection, self.stall_timeout);
        let session = Arc::new(session);
        let done = self.serve_streams(connection, control, &session, events).await?;
        let root = session.verify(done)?;
        events(session.progress.event());
        // The receiver has everything, verified and durable. Whether it hears the confirmation changes nothing here.
        control.last_word(&Frame::Confirm, LAST_WORD_TIMEOUT).await.ok();
        Ok(session.summary(root, start.elapsed()))
    }

    async fn send_manifest(&self, control: &mut Control) -> Result<(), LinkError> {
        let manifest = self.offer.manifest();
        control
            .send(&Frame::ManifestHead { entries: manifest.len(), features: 0 }, self.stall_timeout)
            .await?;
        let mut part = Vec::new();
        let mut encoded = Vec::new();
        for entry in manifest.entries() {
            encoded.clear();
            encode_entry(&NewEntry::from(&entry), &mut encoded);
            if part.len() + encoded.len() > MAX_PAYLOAD {
                let full = Frame::ManifestPart(Bytes::from(std::mem::take(&mut part)));
                control.send(&full, self.stall_timeout).await?;
            }
            part.extend_from_slice(&encoded);
        }
        if !part.is_empty() {
            control.send(&Frame::ManifestPart(Bytes::from(part)), self.stall_timeout).await?;
        }
        control.send(&Frame::ManifestEnd { hash: manifest.hash() }, self.stall_timeout).await
    }

    /// Waits for the receiver's answer, which takes as long as a person takes.
    async fn consent(&self, control: &mut Control) -> Result<Selection, Fault> {
        let manifest = self.offer.manifest();
        let mut selection = Selection::all(manifest);
        let mut done = 0;
        loop {
            match control.recv().await? {
                Frame::LeaveOut(runs) => {
                    done = selection.apply(manifest, done, &runs).ok_or(ProtocolError::BadSelection)?;
                }
                Frame::Accept => return Ok(selection),
                Frame::Decline => return Err(Fault { error: SendError::Declined, failure: None }),
                Frame::Fail(failure) => return Err(self.remote(failure)),
                _ => return Err(ProtocolError::Unexpected { expected: "an answer to the offer" }.into()),
            }
        }
    }

    /// Answers requests until the receiver says that it is done.
    async fn serve_streams(
        &self,
        connection: &Connection,
        control: &mut Control,
        session: &Arc<Session>,
        events: &(impl Fn(Event) + Send + Sync),
    ) -> Result<Frame, Fault> {
        let mut streams = JoinSet::new();
        loop {
            let error = tokio::select! {
                biased;
                frame = control.recv() => match frame {
                    Ok(done @ Frame::Done { .. }) => return Ok(done),
                    Ok(Frame::Fail(failure)) => return Err(self.remote(failure)),
                    Ok(_) => return Err(ProtocolError::Unexpected { expected: "the result" }.into()),
                    Err(error) => return Err(error.into()),
                },
                () = session.progress.raised() => {
                    events(session.progress.event());
                    continue;
                }
                Some(ended) = streams.join_next(), if !streams.is_empty() => match ended {
                    Ok(Ok(())) => continue,
                    Ok(Err(stream::Halt::Fault(fault))) => return Err(fault),
                    Ok(Err(stream::Halt::Link(error))) => error,
                    Err(join) => match join.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(_) => LinkError::Ended,
                    },
                },
                opened = connection.accept_bi() => match opened {
                    Ok(_) if streams.len() >= MAX_DATA_STREAMS => return Err(ProtocolError::TooManyStreams.into()),
                    Ok((send, recv)) => {
                        streams.spawn(stream::serve(Arc::clone(session), send, recv));
                        continue;
                    }
                    Err(lost) => LinkError::Lost(lost),
                },
            };
            return Err(self.explain(control, error).await);
        }
    }

    /// A stream ended that should not have: the receiver may have said why.
    async fn explain(&self, control: &mut Control, error: LinkError) -> Fault {
        match error {
            LinkError::Ended => match control.reason().await {
                Some(failure) => self.remote(failure),
                None => LinkError::Ended.into(),
            },
            other => other.into(),
        }
    }

    fn remote(&self, failure: Failure) -> Fault {
        let path =
            failure.entry.and_then(|entry| self.offer.manifest().entry(entry)).map(|entry| entry.path());
        Fault::remote(failure, path)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("offer", &self.offer.manifest()).finish_non_exhaustive()
    }
}
