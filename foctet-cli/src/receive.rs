//! `foctet receive`.

use std::path::Path;
use std::sync::Arc;

use foctet_core::Ticket;
use foctet_net::{Connection, Endpoint};
use foctet_transfer::{Event as TransferEvent, Incoming, Limit, OnConflict, SaveOptions, Summary};
use tokio::sync::{Semaphore, watch};

use crate::args::ReceiveArgs;
use crate::events::Event;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::report::Report;
use crate::signals::Interrupt;
use crate::watch::Watch;
use crate::{hex, offered, reconnecting, session, ticket_input};

mod consent;
mod target;

use consent::Answer;

const INTERRUPTED_HINT: &str = "run the same command again to start over; the sender still waits";

/// Fetches what the ticket offers.
pub(crate) async fn run(args: ReceiveArgs, report: Arc<Report>, interrupt: Interrupt) -> Result<(), Failure> {
    let ticket = tokio::select! {
        ticket = ticket_input::read(args.ticket.as_deref()) => ticket?,
        () = interrupt.requested() => return Err(Failure::interrupted("nothing was fetched yet")),
    };
    let endpoint = session::open(&args.network, false).await?;
    let connecting = session::connect(&endpoint, &ticket, &args.network);
    // Without a connection there is nobody to say goodbye to, and so nothing to wait for.
    let connection = or_interrupted(connecting, &interrupt).await?;
    // The connection outlives a transfer that is interrupted, so that the sender hears of it.
    let result = or_interrupted(fetch(&args, &ticket, &endpoint, &connection, &report), &interrupt).await;
    report.clear();
    endpoint.close().await;
    result
}

/// What `work` gives, unless the user stops it.
async fn or_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
    interrupt: &Interrupt,
) -> Result<T, Failure> {
    tokio::select! {
        result = work => result,
        () = interrupt.requested() => Err(Failure::interrupted(INTERRUPTED_HINT)),
    }
}

async fn fetch(
    args: &ReceiveArgs,
    ticket: &Ticket,
    endpoint: &Endpoint,
    connection: &Connection,
    report: &Arc<Report>,
) -> Result<(), Failure> {
    let told = session::path(connection);
    report.event(&Event::Connected { node_id: connection.remote_id().to_string(), path: told.clone() });
    let (reconnect, current) = reconnecting::reconnect(endpoint, ticket, args, connection.clone());
    let interruptions = |event| tell_interruption(report, &current, &event);
    let mut incoming =
        Incoming::fetch_and_hold(connection, ticket.secret(), reconnect, interruptions).await?;
    if let Some(rate) = args.limit {
        incoming = incoming.limit(Limit::new(rate));
    }
    report.event(&offered::event(incoming.manifest()));

    let on_conflict = match consent::ask(args, &incoming, report).await {
        Answer::Receive(on_conflict) => on_conflict,
        Answer::Decline(failure) => {
            incoming.decline().await;
            return Err(failure);
        }
    };
    let dir = (!args.to_stdout()).then_some(args.output.as_path());
    let (summary, path) = take(incoming, dir, on_conflict, current, told, report).await?;
    report.event(&Event::Done {
        bytes: summary.bytes,
        files: summary.files.into(),
        seconds: summary.elapsed.as_millis() as f64 / 1000.0,
        blake3: hex::encode(&summary.blake3),
        path,
        node_id: None,
    });
    Ok(())
}

/// Tells that the connection was lost, or is there again.
fn tell_interruption(report: &Report, current: &watch::Receiver<Connection>, event: &TransferEvent) {
    match event {
        TransferEvent::Interrupted { error } => {
            report.event(&Event::Interrupted { why: Failure::from(error).message });
        }
        TransferEvent::Reconnected { bytes } => {
            let path = session::path(&current.borrow());
            report.event(&Event::Reconnected { bytes: *bytes, path });
        }
        _ => {}
    }
}

/// Receives into `dir`, or to stdout, and shows how it goes.
async fn take(
    incoming: Incoming,
    dir: Option<&Path>,
    on_conflict: OnConflict,
    current: watch::Receiver<Connection>,
    told: crate::events::Path,
    report: &Arc<Report>,
) -> Result<(Summary, crate::events::Path), Failure> {
    let progress = Arc::new(Progress::default());
    progress.set(0, incoming.manifest().total_bytes(), 0);
    let mut watch = Watch::new(
        Arc::clone(report),
        current.clone(),
        Arc::clone(&progress),
        offered::label(incoming.manifest()),
        None,
        Arc::new(Semaphore::new(1)),
    )
    .told(told);
    let events = {
        let report = Arc::clone(report);
        move |event| match event {
            TransferEvent::Progress { bytes, total, files } => progress.set(bytes, total, files.into()),
            TransferEvent::Skipped { path, why } => {
                report.event(&Event::Skipped { path, why: why.to_string() });
            }
            TransferEvent::Renamed { path, name } => report.event(&Event::Renamed { path, name }),
            other => tell_interruption(&report, &current, &other),
        }
    };
    let receiving = async {
        match dir {
            Some(dir) => {
                target::create(dir)?;
                let options = SaveOptions::default().with_on_conflict(on_conflict);
                Ok(incoming.save_into(dir, &options, events).await?)
            }
            None => Ok(incoming.stream_into(tokio::io::stdout(), events).await?),
        }
    };
    let summary = tokio::select! {
        result = receiving => result,
        never = watch.run() => match never {},
    };
    let path = watch.last();
    summary.map(|summary| (summary, path))
}
