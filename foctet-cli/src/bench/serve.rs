//! `foctet bench --serve`: the side that answers.

use std::sync::Arc;
use std::time::Duration;

use foctet_core::bench::ALPN;
use foctet_core::{TICKET_SECRET_LEN, Ticket, TicketSecret};
use foctet_net::Endpoint;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::BenchArgs;
use crate::ask;
use crate::events::Event;
use crate::exit::{Exit, Failure};
use crate::report::Report;
use crate::session;
use crate::signals::Interrupt;

mod questions;
mod server;
mod visit;

use server::Server;

/// Connections at once, those included that have not shown the secret. The next ones wait until one ends.
const MAX_CONNECTIONS: usize = 64;

/// How long those who are measuring have to hear that this side stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// Prints a ticket, and measures with whoever has it, one node at a time.
pub(super) async fn run(args: BenchArgs, report: Arc<Report>, interrupt: Interrupt) -> Result<(), Failure> {
    let nobody_yet = || Failure::interrupted("nobody was there yet");
    let endpoint = session::open_for(&args.network, Some(ALPN)).await?;
    let silent = tokio::select! {
        silent = session::await_relays(&endpoint, &args.network) => silent,
        () = interrupt.requested() => return Err(nobody_yet()),
    };
    if let (Some(silent), Some(terminal)) = (silent, report.people()) {
        terminal.line(&format!("warning: no relay serves this machine yet ({silent}); trying on"));
    }
    let secret = fresh_secret()?;
    announce(&report, &endpoint, &secret);
    let server = Arc::new(Server::new(&args, secret, Arc::clone(&report)));
    let mut visits = JoinSet::new();
    let result = receive_visitors(&args, &endpoint, &server, &mut visits, &interrupt).await;
    server.stop();
    let farewell = async { while visits.join_next().await.is_some() {} };
    timeout(FAREWELL, farewell).await.ok();
    endpoint.close().await;
    result
}

/// Until the user stops it, or the only one who was to come has gone.
async fn receive_visitors(
    args: &BenchArgs,
    endpoint: &Endpoint,
    server: &Arc<Server>,
    visits: &mut JoinSet<()>,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let end_of_input = async {
        if args.until_eof {
            while let Ok(Some(_)) = ask::read_line().await {}
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::pin!(end_of_input);
    loop {
        tokio::select! {
            connection = endpoint.accept(), if visits.len() < MAX_CONNECTIONS => match connection {
                Some(connection) => {
                    visits.spawn(visit::receive(Arc::clone(server), connection));
                }
                None => return Err(Failure::new(Exit::Other, "network", "the network is gone", "run it again")),
            },
            // A panic was told by its hook; others are served on.
            Some(_) = visits.join_next() => {}
            () = server.freed() => {
                if args.once {
                    return Ok(());
                }
                server.report().event(&Event::Waiting {
                    why: Some("It is gone. Waiting for another node.".to_owned()),
                    node_id: None,
                });
            }
            () = interrupt.requested() => {
                return if server.is_busy() {
                    Err(Failure::interrupted("run the same command again, and use the new ticket"))
                } else {
                    Ok(())
                };
            }
            () = &mut end_of_input => return Ok(()),
        }
    }
}

fn fresh_secret() -> Result<TicketSecret, Failure> {
    let mut random = [0; TICKET_SECRET_LEN];
    getrandom::fill(&mut random).map_err(|error| {
        let message = format!("the operating system gave no randomness: {error}");
        Failure::new(Exit::Other, "system", message, "try again")
    })?;
    Ok(TicketSecret::generate(random))
}

fn announce(report: &Report, endpoint: &Endpoint, secret: &TicketSecret) {
    let addr = endpoint.addr();
    report.event(&Event::Listening {
        node_id: endpoint.id().to_string(),
        ticket: Ticket::new(addr.clone(), secret.clone()).to_string(),
        code: None,
        direct: addr.addrs().map(|addr| addr.to_string()).collect(),
        relays: addr.relays().iter().map(|relay| relay.to_string()).collect(),
    });
}
