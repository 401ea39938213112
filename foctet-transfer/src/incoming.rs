//! Receiving what a ticket's sender offers.

mod fault;
mod gap;
mod input;
mod pull;
mod reconnect;
mod streamed;
mod verifier;
mod wanted;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foctet_core::TicketSecret;
use foctet_net::Connection;
use tokio::io::AsyncWrite;
use tokio::time::timeout;

pub(crate) use self::fault::Fault;
use self::gap::GivenUp;
use self::pull::{Pull, Pulled};
pub use self::reconnect::{DEFAULT_RECONNECT_LIMIT, Reconnect};
pub(crate) use self::verifier::Sink;
use self::verifier::Verifier;
use self::wanted::Known;
use crate::content_root::ContentRoot;
use crate::control::{
    Control, DONE_TIMEOUT, FRAME_TIMEOUT, LAST_WORD_TIMEOUT, LinkError, MANIFEST_TIMEOUT, open_stream,
};
use crate::destination::{Destination, SaveOptions, Survey};
use crate::error::{ProtocolError, ReceiveError};
use crate::event::{Event, SkipReason, Summary};
use crate::limit::Limit;
use crate::manifest::{EntryDecoder, MAX_ENTRIES, Manifest, ManifestBuilder, ManifestError};
use crate::selection::Selection;
use crate::sender::DEFAULT_STALL_TIMEOUT;
use crate::wire::{Failure, FailureCode, Frame};

/// An offer that has arrived and been checked, and waits for this side's consent. Nothing has been written.
pub struct Incoming {
    connection: Connection,
    control: Control,
    secret: TicketSecret,
    /// The place that the sender keeps for us.
    place: Option<u64>,
    manifest: Arc<Manifest>,
    stall_timeout: Duration,
    limit: Option<Limit>,
    reconnect: Option<Reconnect>,
}

impl Incoming {
    /// Shows the sender the ticket's secret and fetches its manifest. Every rule of [`Rule`](crate::Rule) has been
    /// checked when this returns.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]: most likely `WrongSecret`, `Unsafe`, `Manifest` or `ConnectionLost`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the transfer up; the sender takes it as stopped.
    pub async fn fetch(connection: &Connection, secret: &TicketSecret) -> Result<Self, ReceiveError> {
        match open(connection, secret, None).await {
            Ok((control, place, manifest)) => Ok(Self {
                connection: connection.clone(),
                control,
                secret: secret.clone(),
                place,
                manifest: Arc::new(manifest),
                stall_timeout: DEFAULT_STALL_TIMEOUT,
                limit: None,
                reconnect: None,
            }),
            Err(fault) => Err(fault.error),
        }
    }

    /// As [`fetch`](Self::fetch), and whenever the connection is lost, now or later, gets another one by `reconnect` and
    /// goes on: what is verified is kept in place and not fetched again.
    ///
    /// # Errors
    ///
    /// As `fetch`. `ConnectionLost` only comes once `reconnect` has tried for as long as it may, and [`save_into`] and
    /// [`stream_into`] can end with `OfferChanged` or `Reconnect` too.
    ///
    /// [`save_into`]: Self::save_into
    /// [`stream_into`]: Self::stream_into
    ///
    /// # Cancel safety
    ///
    /// As `fetch`.
    pub async fn fetch_and_hold(
        connection: &Connection,
        secret: &TicketSecret,
        mut reconnect: Reconnect,
        events: impl Fn(Event) + Send + Sync,
    ) -> Result<Self, ReceiveError> {
        let mut connection = connection.clone();
        let mut first = None;
        loop {
            let fault = match open(&connection, secret, None).await {
                Ok((control, place, manifest)) => {
                    reconnect.restart();
                    return Ok(Self {
                        connection,
                        control,
                        secret: secret.clone(),
                        place,
                        manifest: Arc::new(manifest),
                        stall_timeout: DEFAULT_STALL_TIMEOUT,
                        limit: None,
                        reconnect: Some(reconnect),
                    });
                }
                Err(fault) => fault,
            };
            let again = if first.is_none() { fault.is_lost() } else { fault.may_pass() };
            if !again {
                return Err(fault.error);
            }
            if let ReceiveError::ConnectionLost(error) = &fault.error {
                events(Event::Interrupted { error: error.clone() });
            }
            let first = first.get_or_insert(fault);
            let deadline = reconnect.deadline((0, 0));
            connection = match reconnect.next(deadline).await {
                Ok(Some(connection)) => connection,
                Ok(None) => return Err(first.error.clone()),
                Err(error) => return Err(ReceiveError::Reconnect(error)),
            };
            events(Event::Reconnected { bytes: 0 });
        }
    }

    /// How long the sender may send nothing of what it was asked for; five minutes unless set.
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.stall_timeout = limit;
        self
    }

    /// Bounds how fast content is received. The sender gives a receiver up that takes nothing for some minutes, so that
    /// less than some 32 kB/s may be too little.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// What is offered.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What saving into `dir` would meet. This blocks shortly and changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Disk`] if the directory cannot be looked at.
    pub fn survey(&self, dir: &Path) -> Result<Survey, ReceiveError> {
        Survey::of(dir, &self.manifest).map_err(ReceiveError::Disk)
    }

    /// Tells the sender that its offer is not wanted, and waits, not for long, until it knows.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the transfer up; the sender may take it as stopped instead of declined.
    pub async fn decline(mut self) {
        let Err(error) = self.control.last_word(&Frame::Decline, LAST_WORD_TIMEOUT).await else { return };
        // The connection may have been lost while somebody was thinking.
        let lost = Fault::from(error);
        if lost.is_lost() && self.come_back(&lost, (0, 0), Some(LAST_WORD_TIMEOUT), &|_| ()).await.is_ok() {
            self.control.last_word(&Frame::Decline, LAST_WORD_TIMEOUT).await.ok();
        }
    }

    /// Consents, receives into the directory `dir`, which must exist, and returns when everything is verified and
    /// durable under its final name.
    ///
    /// Content is written to a hidden partial in `dir` (see [`PARTIAL_PREFIX`](crate::PARTIAL_PREFIX)) and moved to its
    /// final name in one exclusive rename for each top-level entry, so that a final name never holds anything
    /// incomplete, whenever the process is killed. What a killed process leaves behind is replaced by the next attempt.
    /// Work is relative to a handle of `dir`; no symbolic link in it is followed.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]. The partial has been removed and the sender has been told the reason, if it can still be told.
    /// A connection that is lost after everything is in place is not an error here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the transfer; the sender takes it as stopped. The partial is removed as soon as the
    /// thread that writes has noticed, unless the process ends before. While the future is in its last phase (after
    /// [`Event::Flushing`]) final names may still appear, each complete.
    pub async fn save_into<E>(
        mut self,
        dir: &Path,
        options: &SaveOptions,
        events: E,
    ) -> Result<Summary, ReceiveError>
    where
        E: Fn(Event) + Send + Sync,
    {
        let start = Instant::now();
        let saved = self.save(dir, options, &events).await;
        self.conclude(saved, start, &events).await
    }

    /// Consents and writes the one file that is offered into `output`, each group after it has been verified. Returns
    /// when the whole file is verified and `output` is flushed.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]; `NotOneFile` if something else is offered. What was written before an error is a verified
    /// beginning of the file.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the transfer; the sender takes it as stopped.
    pub async fn stream_into<W, E>(mut self, output: W, events: E) -> Result<Summary, ReceiveError>
    where
        W: AsyncWrite + Unpin,
        E: Fn(Event) + Send + Sync,
    {
        let start = Instant::now();
        let streamed = self.stream(output, &events).await;
        self.conclude(streamed, start, &events).await
    }

    async fn save(
        &mut self,
        dir: &Path,
        options: &SaveOptions,
        events: &(impl Fn(Event) + Send + Sync),
    ) -> Result<Received, Fault> {
        let (dir, options, manifest) = (dir.to_owned(), options.clone(), Arc::clone(&self.manifest));
        let prepared = blocking(move || Destination::prepare(&dir, &options, manifest)).await;
        let destination = prepared.ok_or_else(Fault::cancelled)??;
        for entry in destination.kept().iter().filter_map(|index| self.manifest.entry(*index)) {
            events(Event::Skipped { path: entry.path(), why: SkipReason::Exists });
        }
        let selection = destination.selection();
        let verifier = Verifier::new(&self.manifest, &selection, destination);
        let pending = std::pin::pin!(std::future::pending());
        let Verifier { sink: written, root, .. } = self.pull(verifier, events, pending).await?;
        events(Event::Flushing);
        // From here on the connection is not needed: what is verified is kept.
        let told = blocking(move || written.commit()).await.ok_or_else(Fault::cancelled)??;
        told.into_iter().for_each(events);
        Ok(Received { selection, root })
    }

    async fn stream(
        &mut self,
        output: impl AsyncWrite + Unpin,
        events: &(impl Fn(Event) + Send + Sync),
    ) -> Result<Received, Fault> {
        if self.manifest.single_file().is_none() {
            return Err(Fault {
                error: ReceiveError::NotOneFile,
                failure: Failure::new(FailureCode::Cancelled).into(),
            });
        }
        let selection = Arc::new(Selection::all(&self.manifest));
        let (sink, wanted, verified) = streamed::channel();
        let mut writing = std::pin::pin!(streamed::write_out(output, verified));
        let mut written = false;
        let watch = {
            let (writing, written) = (&mut writing, &mut written);
            async move {
                let _wanted = wanted;
                match writing.as_mut().await {
                    Ok(()) => *written = true,
                    Err(fault) => return fault,
                }
                std::future::pending().await
            }
        };
        let verifier = Verifier::new(&self.manifest, &selection, sink);
        let Verifier { root, sink, .. } = {
            let watch = std::pin::pin!(watch);
            self.pull(verifier, events, watch).await?
        };
        drop(sink);
        if !written {
            writing.await?;
        }
        Ok(Received { selection, root })
    }

    /// Consents and passes everything through `verifier`, over as many connections as it takes.
    async fn pull<S: Sink>(
        &mut self,
        verifier: Verifier<S>,
        events: &(impl Fn(Event) + Send + Sync),
        mut watch: Pin<&mut impl Future<Output = Fault>>,
    ) -> Result<Verifier<S>, Fault> {
        let (selection, progress) = (Arc::clone(&verifier.selection), Arc::clone(&verifier.progress));
        let mut verifier = Some(verifier);
        let mut known = Known::Remembered;
        let mut accepted = false;
        let mut given_up = GivenUp::default();
        loop {
            let mut result =
                if accepted { Ok(()) } else { self.accept(&selection).await }.map(|()| Pulled::All);
            accepted = true;
            if result.is_ok()
                && let Some(resumed) = verifier.take()
            {
                let (connection, control) = (&self.connection, &mut self.control);
                let (stall_timeout, limit) = (self.stall_timeout, self.limit.as_ref());
                let given_up = &given_up;
                let pull = Pull { connection, control, stall_timeout, limit, known, given_up };
                (verifier, result) = pull.run(resumed, events, watch.as_mut()).await;
            }
            let fault = match (result, verifier.take()) {
                (Ok(Pulled::All), Some(verifier)) => return Ok(verifier),
                (Ok(Pulled::Lost), Some(kept)) => {
                    given_up.note(tokio::time::Instant::now());
                    verifier = Some(kept);
                    continue;
                }
                (Ok(_), None) => Fault::cancelled(),
                (Err(fault), Some(kept)) if fault.is_lost() && self.reconnect.is_some() => {
                    let reached = progress.reached();
                    let back = tokio::select! {
                        back = self.come_back(&fault, reached, None, events) => back,
                        fault = watch.as_mut() => Err(fault),
                    };
                    verifier = Some(kept);
                    match back {
                        Ok(now_known) => {
                            known = now_known;
                            accepted = false;
                            given_up = GivenUp::default();
                            continue;
                        }
                        Err(fault) => fault,
                    }
                }
                (Err(fault), kept) => {
                    verifier = kept;
                    fault
                }
            };
            // What it holds must be gone before this returns, and that may block.
            let kept = verifier;
            blocking(move || drop(kept)).await;
            return Err(fault);
        }
    }

    /// Gets another connection after one was lost, shows the secret again and makes sure that the same is offered.
    /// `limit` is the time that this may take, if it is not that of [`Reconnect`].
    async fn come_back(
        &mut self,
        lost: &Fault,
        reached: (u64, u32),
        limit: Option<Duration>,
        events: &(impl Fn(Event) + Send + Sync),
    ) -> Result<Known, Fault> {
        let given_up = || Fault { error: lost.error.clone(), failure: None };
        let Some(reconnect) = &mut self.reconnect else { return Err(given_up()) };
        if let ReceiveError::ConnectionLost(error) = &lost.error {
            events(Event::Interrupted { error: error.clone() });
        }
        let deadline = match limit {
            Some(limit) => reconnect.last_deadline(limit),
            None => reconnect.deadline(reached),
        };
        loop {
            let connection = match reconnect.next(deadline).await {
                Ok(Some(connection)) => connection,
                Ok(None) => return Err(given_up()),
                Err(error) => {
                    return Err(Fault { error: ReceiveError::Reconnect(error), failure: None });
                }
            };
            let (mut control, place, manifest) = match open(&connection, &self.secret, self.place).await {
                Ok(opened) => opened,
                Err(fault) if fault.may_pass() => continue,
                Err(fault) => return Err(Fault { failure: None, ..fault }),
            };
            if manifest.hash() != self.manifest.hash() {
                control.give_up(Failure::new(FailureCode::Cancelled)).await;
                return Err(Fault { error: ReceiveError::OfferChanged, failure: None });
            }
            let known =
                if place.is_some() && place == self.place { Known::Remembered } else { Known::Forgotten };
            self.connection = connection;
            self.control = control;
            self.place = place;
            events(Event::Reconnected { bytes: reached.0 });
            return Ok(known);
        }
    }

    async fn accept(&mut self, selection: &Selection) -> Result<(), Fault> {
        for frame in selection.frames(&self.manifest) {
            self.control.send(&frame, FRAME_TIMEOUT).await?;
        }
        Ok(self.control.send(&Frame::Accept, FRAME_TIMEOUT).await?)
    }

    /// Tells the sender how it ended.
    async fn conclude(
        mut self,
        result: Result<Received, Fault>,
        start: Instant,
        events: &(impl Fn(Event) + Send + Sync),
    ) -> Result<Summary, ReceiveError> {
        let received = match result {
            Ok(received) => received,
            Err(fault) => return Err(give_up(&mut self.control, fault).await),
        };
        let mut received_root = received.root;
        let (files, bytes) = received_root.counted();
        let Some(root) = received_root.finish(&self.manifest, &received.selection) else {
            return Err(give_up(&mut self.control, ProtocolError::EndedEarly.into()).await);
        };
        let summary = Summary {
            bytes,
            files,
            left_out: self.manifest.files().saturating_sub(files),
            blake3: match self.manifest.single_file() {
                Some(file) => received_root.last_file(file.index()).unwrap_or(root),
                None => root,
            },
            elapsed: start.elapsed(),
            repeated: false,
        };
        let done = Frame::Done { root, files, bytes };
        let since = tokio::time::Instant::now();
        loop {
            let lost = match self.control.last_word(&done, DONE_TIMEOUT).await {
                Ok(()) => break,
                Err(error) => Fault::from(error),
            };
            // It may have heard it all the same, and said so before it left.
            if lost.is_lost()
                && matches!(self.control.recv_within(LAST_WORD_TIMEOUT).await, Ok(Frame::Confirm))
            {
                return Ok(summary);
            }
            tracing::debug!(error = %lost.error, "the sender could not be told that everything is here");
            let limit = DONE_TIMEOUT.saturating_sub(since.elapsed());
            if !lost.is_lost() || self.reconnect.is_none() {
                return Ok(summary);
            }
            // Everything is in place, whatever becomes of this. A sender that has forgotten what it sent cannot confirm.
            let back = self.come_back(&lost, (bytes, files), Some(limit), events).await;
            if !matches!(back, Ok(Known::Remembered)) || self.accept(&received.selection).await.is_err() {
                return Ok(summary);
            }
        }
        match self.control.recv_within(LAST_WORD_TIMEOUT).await {
            Ok(Frame::Fail(failure)) => Err(Fault::remote(failure, &self.manifest).error),
            Ok(Frame::Confirm) => Ok(summary),
            other => {
                tracing::debug!(?other, "the sender did not confirm");
                Ok(summary)
            }
        }
    }
}

/// What has been received and put in its place.
struct Received {
    selection: Arc<Selection>,
    root: ContentRoot,
}

/// Runs work that blocks; `None` if the runtime is being shut down.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(join) => match join.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}

async fn give_up(control: &mut Control, fault: Fault) -> ReceiveError {
    if let Some(failure) = fault.failure {
        control.give_up(failure).await;
    }
    fault.error
}

/// Opens the control stream, shows the secret and takes the manifest, and the place that the sender keeps. `place` is
/// the one before. A sender that is given up has been told why.
async fn open(
    connection: &Connection,
    secret: &TicketSecret,
    place: Option<u64>,
) -> Result<(Control, Option<u64>, Manifest), Fault> {
    let (send, recv) = open_stream(connection).await?;
    let mut control = Control::new(send, recv);
    let fetched = timeout(MANIFEST_TIMEOUT, fetch_manifest(connection, &mut control, secret, place)).await;
    match fetched.unwrap_or_else(|_| Err(LinkError::Stalled.into())) {
        Ok((place, manifest)) => Ok((control, place, manifest)),
        Err(fault) => {
            if let Some(failure) = fault.failure {
                control.give_up(failure).await;
            }
            Err(fault)
        }
    }
}

async fn fetch_manifest(
    connection: &Connection,
    control: &mut Control,
    secret: &TicketSecret,
    place: Option<u64>,
) -> Result<(Option<u64>, Manifest), Fault> {
    let secret = secret.clone();
    let hello = match place {
        None => Frame::Hello { secret, features: 0 },
        Some(place) => Frame::Return { secret, features: 0, place },
    };
    control.send(&hello, FRAME_TIMEOUT).await?;
    let mut first = control.recv_within(FRAME_TIMEOUT).await?;
    let mut kept = None;
    if let Frame::Place { number } = first {
        kept = Some(number);
        first = control.recv_within(FRAME_TIMEOUT).await?;
    }
    let entries = match first {
        Frame::ManifestHead { entries, .. } => entries,
        Frame::Fail(failure) => return Err(Fault::remote_unknown(failure)),
        _ => return Err(ProtocolError::Unexpected { expected: "the manifest" }.into()),
    };
    // The secret is the right one, so that both know whom they talk to.
    connection.allow_direct();
    if entries > MAX_ENTRIES {
        return Err(ManifestError::TooManyEntries { limit: MAX_ENTRIES }.into());
    }
    let mut decoder = EntryDecoder::new(ManifestBuilder::new().max_entries(entries));
    let announced = loop {
        match control.recv_within(FRAME_TIMEOUT).await? {
            Frame::ManifestPart(part) => decoder.push_frame(&part)?,
            Frame::ManifestEnd { hash } => break hash,
            Frame::Fail(failure) => return Err(Fault::remote_unknown(failure)),
            _ => return Err(ProtocolError::Unexpected { expected: "more of the manifest" }.into()),
        }
    };
    if decoder.so_far().len() != entries {
        return Err(ProtocolError::ManifestMismatch.into());
    }
    let builder = decoder.builder();
    let manifest = blocking(move || builder.finish()).await.ok_or_else(Fault::cancelled)??;
    if manifest.hash() != announced {
        return Err(ProtocolError::ManifestMismatch.into());
    }
    Ok((kept, manifest))
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl From<LinkError> for ReceiveError {
    fn from(error: LinkError) -> Self {
        Fault::from(error).error
    }
}
