use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use foctet_net::{Connection, ConnectionError, Endpoint};
use foctet_transfer::wire::FailureCode;
use foctet_transfer::{Event as TransferEvent, SendError, Sender, Summary};
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};

use crate::events::{Event, Path};
use crate::exit::{Exit, Failure};
use crate::hex;
use crate::progress::Progress;
use crate::report::Report;
use crate::session;
use crate::signals::Interrupt;
use crate::watch::Watch;

/// Connections served at once. Each costs memory; the next ones wait until one ends.
const MAX_AT_ONCE: usize = 64;

/// Those who fetch what is offered, several at once, until enough of them have it.
pub(super) struct Receivers {
    sender: Arc<Sender>,
    report: Arc<Report>,
    label: String,
    /// How many must have verified everything; none means that there is no end.
    wanted: Option<NonZeroU32>,
    done: u32,
    /// How many are past their consent.
    transferring: Arc<AtomicUsize>,
    bar: Arc<Semaphore>,
    tasks: JoinSet<Served>,
    /// A connection outlives a task that is stopped, so that its receiver hears of it.
    connections: HashMap<Id, Connection>,
}

/// How one receiver fared.
struct Served {
    node_id: String,
    path: Path,
    /// Whether it showed the ticket's secret.
    admitted: bool,
    result: Result<Summary, SendError>,
}

impl Receivers {
    pub(super) fn new(
        sender: Sender,
        report: Arc<Report>,
        label: String,
        wanted: Option<NonZeroU32>,
    ) -> Self {
        Self {
            sender: Arc::new(sender),
            report,
            label,
            wanted,
            done: 0,
            transferring: Arc::default(),
            bar: Arc::new(Semaphore::new(1)),
            tasks: JoinSet::new(),
            connections: HashMap::new(),
        }
    }

    /// Serves whoever comes, until enough have everything, one says a final no, or the user stops it.
    pub(super) async fn serve(&mut self, endpoint: &Endpoint, interrupt: &Interrupt) -> Result<(), Failure> {
        loop {
            tokio::select! {
                connection = endpoint.accept(), if self.tasks.len() < MAX_AT_ONCE => match connection {
                    Some(connection) => self.start(connection),
                    None => return Err(Failure::new(Exit::Other, "network", "the network is gone", "run it again")),
                },
                Some(served) = self.tasks.join_next_with_id() => {
                    if self.settle(served)? {
                        return Ok(());
                    }
                }
                () = interrupt.requested() => {
                    let busy = self.transferring.load(Ordering::Relaxed) > 0;
                    return if self.wanted.is_none() && !busy {
                        Ok(())
                    } else {
                        Err(Failure::interrupted("run the same command again, and give the receiver the new ticket"))
                    };
                }
            }
        }
    }

    /// Stops whoever is still served.
    pub(super) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }

    fn start(&mut self, connection: Connection) {
        let (sender, report) = (Arc::clone(&self.sender), Arc::clone(&self.report));
        let transferring = Transferring { count: Arc::clone(&self.transferring), counted: false };
        let (label, bar) = (self.label.clone(), Arc::clone(&self.bar));
        let serving = serve_one(sender, connection.clone(), report, label, bar, transferring);
        self.connections.insert(self.tasks.spawn(serving).id(), connection);
    }

    /// Takes in how one receiver fared; true when that was the last one wanted.
    fn settle(&mut self, served: Result<(Id, Served), JoinError>) -> Result<bool, Failure> {
        let id = served.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        self.connections.remove(&id);
        // A panic was told by its hook; the other receivers are served on.
        let Ok((_, Served { node_id, path, admitted, result })) = served else { return Ok(false) };
        match result {
            // It has it, and has been counted.
            Ok(summary) if summary.repeated => Ok(false),
            Ok(summary) => {
                self.done = self.done.saturating_add(1);
                self.report.event(&Event::Done {
                    bytes: summary.bytes,
                    files: summary.files.into(),
                    seconds: summary.elapsed.as_millis() as f64 / 1000.0,
                    blake3: hex::encode(&summary.blake3),
                    path,
                    node_id: Some(node_id),
                });
                if self.wanted.is_some_and(|wanted| self.done >= wanted.get()) {
                    return Ok(true);
                }
                self.report.event(&Event::Waiting { why: None, node_id: None });
                Ok(false)
            }
            Err(error) if is_strangers(&error, admitted) => {
                tracing::info!(%node_id, %error, "a connection ended before it fetched anything");
                Ok(false)
            }
            Err(error @ (SendError::OnlyPing | SendError::Replaced)) => {
                tracing::info!(%node_id, %error, "a connection ended");
                Ok(false)
            }
            Err(SendError::ConnectionLost(lost @ (ConnectionError::Lost(_) | ConnectionError::TimedOut))) => {
                let short = node_id.get(..10).unwrap_or(&node_id);
                let cause = Failure::from(&lost).message;
                let why = format!(
                    "{short}: {cause}. Waiting: it may come back by itself and go on where it stood."
                );
                self.report.event(&Event::Waiting { why: Some(why), node_id: Some(node_id) });
                Ok(false)
            }
            Err(error) if is_our_fault(&error) => Err(error.into()),
            Err(error) if is_final(&error) && self.wanted.is_some_and(|wanted| wanted.get() == 1) => {
                Err(error.into())
            }
            Err(error) => {
                let short = node_id.get(..10).unwrap_or(&node_id);
                let cause = Failure::from(error).message;
                let why =
                    format!("{short}: {cause}. Still waiting: the same command can be run again there.");
                self.report.event(&Event::Waiting { why: Some(why), node_id: Some(node_id) });
                Ok(false)
            }
        }
    }
}

/// Whoever it was did not hold the ticket, or never showed it: no receiver of ours.
fn is_strangers(error: &SendError, admitted: bool) -> bool {
    match error {
        SendError::WrongSecret => true,
        SendError::Protocol(_) | SendError::ConnectionLost(_) => !admitted,
        _ => false,
    }
}

/// What no other receiver would fare better with.
fn is_our_fault(error: &SendError) -> bool {
    matches!(error, SendError::SourceChanged { .. } | SendError::Source(_))
}

/// The receiver will not want the same thing a minute later.
fn is_final(error: &SendError) -> bool {
    match error {
        SendError::Declined => true,
        SendError::Receiver(remote) => remote.code == FailureCode::UnsafeContent,
        _ => false,
    }
}

async fn serve_one(
    sender: Arc<Sender>,
    connection: Connection,
    report: Arc<Report>,
    label: String,
    bar: Arc<Semaphore>,
    mut transferring: Transferring,
) -> Served {
    let node_id = connection.remote_id().to_string();
    let progress = Arc::new(Progress::default());
    let (accepted_tx, accepted) = tokio::sync::oneshot::channel();
    let accepted_tx = std::sync::Mutex::new(Some(accepted_tx));
    let admitted = Arc::new(AtomicBool::new(false));
    let told = Arc::new(std::sync::Mutex::new(session::path(&connection)));
    let serving = sender.serve(&connection, {
        let (progress, report, admitted, told) =
            (Arc::clone(&progress), Arc::clone(&report), Arc::clone(&admitted), Arc::clone(&told));
        let (node_id, connection) = (node_id.clone(), connection.clone());
        move |event| match event {
            TransferEvent::Admitted => {
                admitted.store(true, Ordering::Relaxed);
                let path = session::path(&connection);
                *told.lock().unwrap_or_else(PoisonError::into_inner) = path.clone();
                report.event(&Event::Connected { node_id: node_id.clone(), path });
            }
            TransferEvent::Accepted { total, .. } => {
                progress.set(0, total, 0);
                if let Some(tx) = accepted_tx.lock().ok().and_then(|mut tx| tx.take()) {
                    let _ = tx.send(());
                }
            }
            TransferEvent::Progress { bytes, total, files } => progress.set(bytes, total, files.into()),
            TransferEvent::Skipped { path, why } => {
                report.event(&Event::Skipped { path, why: why.to_string() });
            }
            _ => {}
        }
    });
    tokio::pin!(serving);
    let mut watch = None;
    let result = tokio::select! {
        result = &mut serving => result,
        Ok(()) = accepted => {
            transferring.count();
            let told = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let connection = tokio::sync::watch::channel(connection.clone()).1;
            let watching = Watch::new(report, connection, progress, label, Some(node_id.clone()), bar);
            let watch = watch.insert(watching.told(told));
            tokio::select! {
                result = serving => result,
                never = watch.run() => match never {},
            }
        }
    };
    let path = match watch {
        Some(watch) => watch.last(),
        None => session::path(&connection),
    };
    Served { node_id, path, admitted: admitted.load(Ordering::Relaxed), result }
}

/// Counts one transfer for as long as it lives.
struct Transferring {
    count: Arc<AtomicUsize>,
    counted: bool,
}

impl Transferring {
    fn count(&mut self) {
        self.counted = true;
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Transferring {
    fn drop(&mut self) {
        if self.counted {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
