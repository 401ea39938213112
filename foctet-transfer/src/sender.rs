//! Sending an offer to those who hold the ticket.

mod answer;
mod fault;
mod places;
mod seat;
mod session;
mod stream;
mod tally;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foctet_core::TicketSecret;
use foctet_net::Connection;
use tokio::task::JoinSet;

use self::fault::Fault;
use self::places::Places;
use self::seat::Seat;
use self::session::Session;
use crate::control::{ADMISSION_TIMEOUT, Control, LAST_WORD_TIMEOUT, LinkError};
use crate::error::{ProtocolError, SendError};
use crate::event::{Event, Summary};
use crate::limit::Limit;
use crate::manifest::{NewEntry, encode_entry};
use crate::offer::Offer;
use crate::selection::Selection;
use crate::wire::{Failure, FailureCode, Frame, MAX_PAYLOAD};

/// Most data streams that one receiver may have open. Each costs a thread and some 5 MiB of buffers.
pub const MAX_DATA_STREAMS: usize = 4;
/// How long a receiver may take nothing of what it asked for.
pub const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(300);

/// The code with which a connection is closed whose receiver has come back on another one.
const CLOSE_REPLACED: u64 = 2;
/// How long a peer may look at one connection.
const MAX_PING: Duration = Duration::from_secs(24 * 3600);

/// Sends one [`Offer`] to receivers that know its secret, one call of [`serve`](Self::serve) for each.
#[derive(Clone)]
pub struct Sender {
    offer: Arc<Offer>,
    secret: TicketSecret,
    stall_timeout: Duration,
    limit: Option<Limit>,
    places: Arc<Mutex<Places<Arc<Session>, Connection>>>,
}

/// Who a connection belongs to.
enum Visitor {
    Receiver { place: Option<u64> },
    Ping,
}

impl Sender {
    /// Sends `offer` to whoever knows `secret`.
    pub fn new(offer: Arc<Offer>, secret: TicketSecret) -> Self {
        let places = Arc::new(Mutex::new(Places::new(RandomState::new().hash_one(0))));
        Self { offer, secret, stall_timeout: DEFAULT_STALL_TIMEOUT, limit: None, places }
    }

    /// How long a receiver may take nothing of what it asked for; [`DEFAULT_STALL_TIMEOUT`] unless set.
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.stall_timeout = limit;
        self
    }

    /// Bounds how fast content is sent, to all receivers together.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
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
    /// A receiver whose connection is lost may come back on another one for a quarter of an hour: what it has been sent
    /// is remembered, and the call that serves the new connection goes on from there. If the old connection is not yet
    /// known to be dead, its call ends with [`SendError::Replaced`]. A receiver that reports its result a second time,
    /// because it does not know that the first report arrived, gets a summary that is
    /// [`repeated`](Summary::repeated).
    ///
    /// # Errors
    ///
    /// [`SendError`]. The receiver has been told the reason, if it can still be told. A wrong secret ends the call: one
    /// connection has one guess. [`SendError::OnlyPing`] is no failure: somebody looked at the connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the transfer; the receiver learns that this side stopped. Threads that read stop with
    /// the group they are at.
    pub async fn serve<E>(&self, connection: &Connection, events: E) -> Result<Summary, SendError>
    where
        E: Fn(Event) + Send + Sync,
    {
        let (mut control, visitor) = match self.admit(connection).await {
            Ok(admitted) => admitted,
            Err((fault, control)) => {
                if let (Some(failure), Some(mut control)) = (fault.failure, control) {
                    control.give_up(failure).await;
                }
                return Err(fault.error);
            }
        };
        // Not before: whoever comes through a relay without the secret shall not learn where we are.
        connection.allow_direct();
        let Visitor::Receiver { place } = visitor else {
            tokio::time::timeout(MAX_PING, answer_pings(&mut control)).await.ok();
            return Err(SendError::OnlyPing);
        };
        events(Event::Admitted);
        let mut seat = Seat::take(&self.places, connection, place);
        let result = match self.transfer(connection, &mut control, &mut seat, &events).await {
            Ok(summary) => Ok(summary),
            Err(fault) => {
                if let Some(failure) = fault.failure {
                    control.give_up(failure).await;
                }
                Err(fault.error)
            }
        };
        // It may want to go on, or to hear once more that all is well.
        let may_return = matches!(result, Ok(_) | Err(SendError::ConnectionLost(_)));
        match (seat.leave(may_return), result) {
            (false, Err(SendError::ConnectionLost(_))) => Err(SendError::Replaced),
            (_, result) => result,
        }
    }

    /// Waits for the control stream and its hello.
    async fn admit(&self, connection: &Connection) -> Result<(Control, Visitor), (Fault, Option<Control>)> {
        let deadline = Instant::now() + ADMISSION_TIMEOUT;
        let opened = tokio::time::timeout(ADMISSION_TIMEOUT, connection.accept_bi()).await;
        let (send, recv) = match opened {
            Ok(Ok(streams)) => streams,
            Ok(Err(lost)) => return Err((LinkError::Lost(lost).into(), None)),
            Err(_) => return Err((ProtocolError::Silent.into(), None)),
        };
        let mut control = Control::new(send, recv);
        match control.recv_within(deadline.saturating_duration_since(Instant::now())).await {
            Ok(Frame::Hello { secret, .. }) if secret == self.secret => {
                Ok((control, Visitor::Receiver { place: None }))
            }
            Ok(Frame::Return { secret, place, .. }) if secret == self.secret => {
                Ok((control, Visitor::Receiver { place: Some(place) }))
            }
            Ok(Frame::Ping { secret }) if secret == self.secret => Ok((control, Visitor::Ping)),
            Ok(Frame::Hello { .. } | Frame::Return { .. } | Frame::Ping { .. }) => {
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
        seat: &mut Seat,
        events: &(impl Fn(Event) + Send + Sync),
    ) -> Result<Summary, Fault> {
        if let Err(error) = self.send_manifest(control, seat.number()).await {
            return Err(self.explain(control, error).await);
        }
        let selection = self.consent(control).await?;
        events(Event::Accepted { total: selection.bytes(), files: selection.files() });
        let session = match seat.session() {
            Some(known) if known.is_for(&selection) => known,
            Some(_) => return Err(ProtocolError::BadSelection.into()),
            None => {
                let session = Session::new(Arc::clone(&self.offer), selection, self.stall_timeout);
                seat.note(Arc::new(session))
            }
        };
        let done = self.serve_streams(connection, control, &session, events).await?;
        let root = session.verify(done)?;
        let repeated = session.conclude();
        events(session.progress.event());
        // The receiver has everything, verified and durable. Whether it hears the confirmation changes nothing here.
        control.last_word(&Frame::Confirm, LAST_WORD_TIMEOUT).await.ok();
        Ok(session.summary(root, repeated))
    }

    async fn send_manifest(&self, control: &mut Control, place: u64) -> Result<(), LinkError> {
        let manifest = self.offer.manifest();
        control.send(&Frame::Place { number: place }, self.stall_timeout).await?;
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
                        streams.spawn(stream::serve(Arc::clone(session), self.limit.clone(), send, recv));
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

/// Answers until the other side has seen enough.
async fn answer_pings(control: &mut Control) {
    while control.send(&Frame::Confirm, LAST_WORD_TIMEOUT).await.is_ok() {
        if !matches!(control.recv().await, Ok(Frame::Ping { .. })) {
            return;
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("offer", &self.offer.manifest()).finish_non_exhaustive()
    }
}
