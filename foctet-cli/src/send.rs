//! `foctet send`.

use std::path::PathBuf;
use std::sync::Arc;

use foctet_core::{TICKET_SECRET_LEN, Ticket, TicketSecret};
use foctet_net::Endpoint;
use foctet_transfer::{Escaped, Limit, Offer, ScanOptions, Sender};

use crate::args::SendArgs;
use crate::events::Event;
use crate::exit::{Exit, Failure};
use crate::offered;
use crate::report::{Report, show_bytes, show_files};
use crate::session;
use crate::signals::Interrupt;

mod receivers;

use receivers::Receivers;

/// Offers what `args` name until as many receivers as they ask for have it.
pub(crate) async fn run(args: SendArgs, report: Arc<Report>, interrupt: Interrupt) -> Result<(), Failure> {
    let offer = tokio::select! {
        offer = scan(args.paths) => offer?,
        () = interrupt.requested() => return Err(Failure::interrupted("nothing was offered yet")),
    };
    let endpoint = session::open(&args.network, true).await?;
    let silent = tokio::select! {
        silent = session::await_relays(&endpoint, &args.network) => silent,
        () = interrupt.requested() => return Err(Failure::interrupted("nothing was offered yet")),
    };
    if let (Some(silent), Some(terminal)) = (silent, report.people()) {
        terminal.line(&format!("warning: no relay serves this machine yet ({silent}); trying on"));
    }
    let mut random = [0; TICKET_SECRET_LEN];
    getrandom::fill(&mut random).map_err(|error| {
        Failure::new(
            Exit::Other,
            "system",
            format!("the operating system gave no randomness: {error}"),
            "try again",
        )
    })?;
    let secret = TicketSecret::generate(random);
    announce(&report, &endpoint, &offer, &secret);

    let label = offered::label(offer.manifest());
    let mut sender = Sender::new(Arc::new(offer), secret);
    if let Some(rate) = args.limit {
        sender = sender.limit(Limit::new(rate));
    }
    let wanted = (!args.keep).then_some(args.receivers);
    let mut receivers = Receivers::new(sender, Arc::clone(&report), label, wanted);
    let result = receivers.serve(&endpoint, &interrupt).await;
    receivers.stop().await;
    report.clear();
    endpoint.close().await;
    result
}

/// Walks the paths on a thread that may block.
async fn scan(paths: Vec<PathBuf>) -> Result<Offer, Failure> {
    let scanned = tokio::task::spawn_blocking(move || Offer::scan(&paths, &ScanOptions::default())).await;
    match scanned {
        Ok(offer) => Ok(offer?),
        Err(error) => Err(Failure::new(
            Exit::Other,
            "internal",
            format!("looking at the files failed: {error}"),
            "report this",
        )),
    }
}

/// Tells what is offered and how to get it: for people the ticket comes last, where they look for it.
fn announce(report: &Report, endpoint: &Endpoint, offer: &Offer, secret: &TicketSecret) {
    let addr = endpoint.addr();
    let listening = Event::Listening {
        node_id: endpoint.id().to_string(),
        ticket: Ticket::new(addr.clone(), secret.clone()).to_string(),
        code: None,
        direct: addr.addrs().map(|addr| addr.to_string()).collect(),
        relays: addr.relays().iter().map(|relay| relay.to_string()).collect(),
    };
    let manifest = offer.manifest();
    let skipped = offer.skipped().iter().map(|skipped| Event::Skipped {
        path: skipped.path.to_string_lossy().into_owned(),
        why: skipped.why.to_string(),
    });
    match report.people() {
        None => {
            report.event(&listening);
            report.event(&offered::event(manifest));
            skipped.for_each(|event| report.event(&event));
        }
        Some(terminal) => {
            skipped.for_each(|event| report.event(&event));
            terminal.line(&sending(manifest));
            report.event(&listening);
        }
    }
}

/// `Sending holiday.mkv (381 MB)`.
fn sending(manifest: &foctet_transfer::Manifest) -> String {
    let size = show_bytes(manifest.total_bytes());
    let label = offered::label(manifest);
    let label = Escaped::text(&label);
    if manifest.single_file().is_some() {
        format!("Sending {label} ({size})")
    } else {
        format!("Sending {label} ({}, {size})", show_files(manifest.files().into()))
    }
}
