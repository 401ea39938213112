//! `foctet bench TICKET`: against another node.

use std::sync::Arc;
use std::time::Duration;

use foctet_core::bench::Welcome;
use foctet_net::{Connection, PathKind, Transport};
use tokio::time::timeout;

use super::client::{Client, Dialler};
use super::figures::{Figures, Value};
use super::judgement::{self, Judgement};
use super::measures::{self, Throughput};
use super::{BenchError, settings};
use crate::args::BenchArgs;
use crate::events::{Event, Path};
use crate::exit::Failure;
use crate::report::{Report, print};
use crate::signals::Interrupt;
use crate::{session, ticket_input, watch};

mod account;
mod machines;

use machines::Machines;

/// How long to wait for a direct path, where the connection began on a relay.
const DIRECT_PATIENCE: Duration = Duration::from_secs(5);

/// How often to look for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The longest warm-up: the windows of a far path have grown by then.
const LONGEST_WARM_UP: Duration = Duration::from_secs(3);

/// Round trips that a path needs to warm up.
const WARM_UP_TRIPS: u32 = 10;

/// What the rounds gave. The judgement is made of those with the median rates.
#[derive(Default)]
struct Rounds {
    figures: Figures,
    sent: Vec<Throughput>,
    received: Vec<Throughput>,
}

/// Measures with the node that the ticket names, and tells what bounds a transfer.
pub(super) async fn run(args: BenchArgs, report: Arc<Report>, interrupt: Interrupt) -> Result<(), Failure> {
    let stopped = || Failure::interrupted("run the same command again; --rounds and --time make it shorter");
    let ticket = tokio::select! {
        ticket = ticket_input::read(args.ticket.as_deref()) => ticket?,
        () = interrupt.requested() => return Err(stopped()),
    };
    let endpoint = session::open(&args.network, false).await?;
    let dialler = Dialler {
        endpoint: endpoint.clone(),
        addr: session::places(&ticket, &args.network),
        secret: ticket.secret().clone(),
        options: session::connect_options(&args.network),
    };
    let connected = tokio::select! {
        client = dialler.client() => client.map_err(Failure::from),
        () = interrupt.requested() => Err(stopped()),
    };
    let result = match connected {
        Ok(mut client) => {
            let mut path = Followed::new(client.connection(), &report);
            let measured = tokio::select! {
                taken = take_all(&args, &mut client, &report, &mut path) => Ok(taken),
                () = interrupt.requested() => Err(stopped()),
            };
            report.clear();
            match measured {
                Ok(Ok((machines, rounds))) => {
                    let (welcome, connection) = (client.welcome(), client.connection().clone());
                    client.end().await;
                    conclude(&args, &report, welcome, &machines, &rounds, &path.now, &connection)
                }
                Ok(Err(error)) => Err(client.explain(error).await.into()),
                Err(stopped) => {
                    client.end().await;
                    Err(stopped)
                }
            }
        }
        Err(failure) => Err(failure),
    };
    endpoint.close().await;
    result
}

/// What it all means.
fn conclude(
    args: &BenchArgs,
    report: &Report,
    welcome: Welcome,
    machines: &Machines,
    rounds: &Rounds,
    path: &Path,
    connection: &Connection,
) -> Result<(), Failure> {
    let [sent, received] = [&rounds.sent, &rounds.received].map(|all| middle(all));
    let (Some(sent), Some(received)) = (sent, received) else { return Ok(()) };
    let judgements = judgement::both(&sent, &received, &machines.here, &machines.there);
    if report.people().is_none() {
        rounds.figures.all().for_each(|figure| report.event(&Event::Figure(figure)));
        tell_bounds(report, &judgements, path);
        return Ok(());
    }
    let relayed = path.kind != PathKind::Direct.to_string();
    let why = session::why_not_direct(connection).filter(|_| relayed);
    let text = account::write(args, welcome, machines, &rounds.figures, &judgements, path, why.as_deref());
    print(text.as_bytes()).map_err(|error| BenchError::Output(error).into())
}

async fn take_all(
    args: &BenchArgs,
    client: &mut Client,
    report: &Report,
    path: &mut Followed<'_>,
) -> Result<(Machines, Rounds), BenchError> {
    if !args.network.relay_only && path.now.kind == PathKind::Relay.to_string() {
        // It shows within a moment or not at all, and is what a transfer would use.
        timeout(DIRECT_PATIENCE, direct(client.connection())).await.ok();
        path.follow();
    }
    if report.people().is_none() {
        report.event(&settings::event(args, Some(client.welcome())));
    }
    settings::warn(report, Some(client.welcome()));
    let machines = Machines::measure(args, client, report).await?;
    let mut rounds = Rounds::default();
    for round in 1..=args.rounds.get() {
        take_round(args, client, report, round, &mut rounds, path).await?;
    }
    Ok((machines, rounds))
}

/// Waits for a direct path in use.
async fn direct(connection: &Connection) {
    let is_direct = || connection.paths().iter().any(|path| path.in_use && path.kind == PathKind::Direct);
    while !is_direct() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Tells the path, and every change of it.
struct Followed<'a> {
    connection: Connection,
    report: &'a Report,
    now: Path,
}

impl<'a> Followed<'a> {
    fn new(connection: &Connection, report: &'a Report) -> Self {
        let now = session::path(connection);
        report.event(&Event::Connected { node_id: connection.remote_id().to_string(), path: now.clone() });
        Self { connection: connection.clone(), report, now }
    }

    fn follow(&mut self) {
        let now = session::path(&self.connection);
        if let Some(why) = watch::why(&self.now, &now, None) {
            self.report.event(&Event::Path { path: now.clone(), why, node_id: None });
        }
        self.now = now;
    }
}

async fn take_round(
    args: &BenchArgs,
    client: &mut Client,
    report: &Report,
    round: u32,
    rounds: &mut Rounds,
    path: &mut Followed<'_>,
) -> Result<(), BenchError> {
    let of = args.rounds;
    let value = |metric, unit, value| Value { metric, unit, value };
    let transport = match client.connection().transport() {
        Transport::Quic => "quic",
        Transport::Tcp => "tcp",
    };

    say(report, &format!("round {round} of {of}: round trips"));
    let trips = measures::round_trips(client, 1, args.time).await?;
    let values = [value("p50", "us", trips.median * 1e6), value("p99", "us", trips.p99 * 1e6)];
    rounds.figures.add(report, round, "round-trip-1", transport, &values);
    path.follow();

    let trip = Duration::try_from_secs_f64(trips.median).unwrap_or_default();
    let warm_up = (args.time / 5).max(trip.saturating_mul(WARM_UP_TRIPS)).min(LONGEST_WARM_UP);
    let values = |throughput: &Throughput| {
        let mut values = vec![value("throughput", "MB/s", throughput.rate / 1e6)];
        let cpu = throughput.cpu_per_gib;
        values.extend(cpu.here.map(|cpu| value("cpu-here", "s/GiB", cpu)));
        values.extend(cpu.there.map(|cpu| value("cpu-there", "s/GiB", cpu)));
        values
    };
    say(report, &format!("round {round} of {of}: from here to there"));
    let sent = measures::send(client, warm_up, args.time).await?;
    rounds.figures.add(report, round, "send", transport, &values(&sent));
    rounds.sent.push(sent);
    path.follow();

    say(report, &format!("round {round} of {of}: from there to here"));
    let received = measures::receive(client, 1, warm_up, args.time).await?;
    rounds.figures.add(report, round, "receive", transport, &values(&received));
    rounds.received.push(received);
    path.follow();
    Ok(())
}

/// The one with the median rate.
fn middle(all: &[Throughput]) -> Option<Throughput> {
    let mut sorted = all.to_vec();
    sorted.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// What is going on, for people.
fn say(report: &Report, what: &str) {
    if let Some(terminal) = report.people() {
        terminal.bar(|columns| what.chars().take(columns).collect());
    }
}

/// What bounds a transfer each way, for scripts.
fn tell_bounds(report: &Report, judgements: &[Judgement; 2], path: &Path) {
    for (direction, judgement) in ["send", "receive"].into_iter().zip(judgements) {
        report.event(&Event::Bottleneck {
            direction,
            bound: judgement.bound.name(),
            rate: judgement.rate as u64,
            next: judgement.next.map(|(bound, _)| bound.name()),
            factor: judgement.factor(),
            rates: judgement.all.iter().map(|(bound, rate)| (bound.name(), *rate as u64)).collect(),
            path: path.clone(),
        });
    }
}
