//! `foctet ping`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foctet_net::Connection;
use foctet_transfer::Ping;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::PingArgs;
use crate::events::Event;
use crate::exit::Failure;
use crate::report::Report;
use crate::signals::Interrupt;
use crate::{session, ticket_input};

/// Between two round trips.
const INTERVAL: Duration = Duration::from_secs(1);

/// Round trips that are remembered for the summary: a day of them. The oldest are forgotten.
const MAX_REMEMBERED: usize = 86_400;

/// Measures round trips until there are as many as wanted, or the user has seen enough.
pub(crate) async fn run(args: PingArgs, report: Arc<Report>, interrupt: Interrupt) -> Result<(), Failure> {
    let nothing_yet = || Failure::interrupted("nothing was measured yet");
    let ticket = tokio::select! {
        ticket = ticket_input::read(args.ticket.as_deref()) => ticket?,
        () = interrupt.requested() => return Err(nothing_yet()),
    };
    let endpoint = session::open(&args.network, false).await?;
    let connection = tokio::select! {
        connection = session::connect(&endpoint, &ticket, &args.network) => connection?,
        () = interrupt.requested() => return Err(nothing_yet()),
    };
    report.event(&Event::Connected {
        node_id: connection.remote_id().to_string(),
        path: session::path(&connection),
    });
    let mut trips = Vec::new();
    let result = tokio::select! {
        result = measure(&args, &connection, ticket.secret(), &report, &mut trips) => result,
        () = interrupt.requested() => Ok(()),
    };
    if let Some(summary) = summary(&connection, trips) {
        report.event(&summary);
    }
    connection.close(0, b"");
    endpoint.close().await;
    result
}

async fn measure(
    args: &PingArgs,
    connection: &Connection,
    secret: &foctet_core::TicketSecret,
    report: &Report,
    trips: &mut Vec<f64>,
) -> Result<(), Failure> {
    let mut ping = Ping::open(connection, secret).await?;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let started = Instant::now();
    let mut count: u32 = 0;
    while args.count.is_none_or(|wanted| count < wanted.get()) {
        ticks.tick().await;
        let trip = ping.round_trip().await?.as_micros() as f64 / 1000.0;
        count = count.saturating_add(1);
        if trips.len() >= MAX_REMEMBERED {
            trips.remove(0);
        }
        trips.push(trip);
        report.event(&Event::Ping {
            count,
            seconds: started.elapsed().as_millis() as f64 / 1000.0,
            rtt_ms: trip,
            path: session::path(connection),
        });
    }
    Ok(())
}

/// What all round trips come to; `None` if there was none.
fn summary(connection: &Connection, mut trips: Vec<f64>) -> Option<Event> {
    trips.sort_by(f64::total_cmp);
    Some(Event::Pinged {
        count: trips.len() as u64,
        min_ms: trips.first().copied()?,
        median_ms: trips.get(trips.len() / 2).copied()?,
        max_ms: trips.last().copied()?,
        path: session::path(connection),
        why_not_direct: session::why_not_direct(connection),
    })
}
