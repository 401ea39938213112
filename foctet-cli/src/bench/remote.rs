//! `foctet bench TICKET`: against another node.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::bench::{FailCode, Welcome};
use foctet_net::{Connection, PathKind, Transport};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::client::{Client, Dialler};
use super::disk::DiskSpeed;
use super::figures::{Figures, Value};
use super::judgement::{self, Abilities, Judgement};
use super::measures::{self, Throughput};
use super::{BenchError, disk, settings, speeds};
use crate::args::BenchArgs;
use crate::events::{Event, Path};
use crate::exit::Failure;
use crate::ping::why_not_direct;
use crate::report::{Report, print};
use crate::signals::Interrupt;
use crate::{session, ticket_input, watch};

mod account;

/// How long to wait for a direct path, where the connection began on a relay.
const DIRECT_PATIENCE: Duration = Duration::from_secs(5);

/// How often to look for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The longest warm-up: the windows of a far path have grown by then.
const LONGEST_WARM_UP: Duration = Duration::from_secs(3);

/// Round trips that a path needs to warm up.
const WARM_UP_TRIPS: u32 = 10;

/// Most bytes written to a disk: a fast one needs half a second for them.
const DISK_BYTES: u64 = 256 << 20;

/// What is sealed at once: a full record of TLS, and a QUIC packet.
const RECORD: u32 = 16_384;
const PACKET: u32 = 1200;

/// What was measured once.
struct Machines {
    here: Abilities,
    there: Abilities,
    /// Which disk was not measured, and why.
    left_out: Vec<LeftOut>,
}

/// `disk-here` or `disk-there`, and why it was not measured.
type LeftOut = (&'static str, String);

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
    let result = tokio::select! {
        result = measure(&args, &dialler, &report) => result,
        () = interrupt.requested() => Err(stopped()),
    };
    report.clear();
    endpoint.close().await;
    result
}

async fn measure(args: &BenchArgs, dialler: &Dialler, report: &Report) -> Result<(), Failure> {
    let mut client = dialler.client().await?;
    let mut path = Followed::new(client.connection(), report);
    if !args.network.relay_only && path.now.kind == PathKind::Relay.to_string() {
        // It shows within a moment or not at all, and is what a transfer would use.
        timeout(DIRECT_PATIENCE, direct(client.connection())).await.ok();
        path.follow();
    }
    if report.people().is_none() {
        report.event(&settings_event(args));
    }
    settings::warn(report, Some(client.welcome()));
    let machines = machines(args, &mut client, report).await?;
    let mut rounds = Rounds::default();
    for round in 1..=args.rounds.get() {
        take_round(args, &mut client, report, round, &mut rounds, &mut path).await?;
    }
    let (welcome, connection) = (client.welcome(), client.connection().clone());
    client.close();
    let [sent, received] = [&rounds.sent, &rounds.received].map(|all| middle(all));
    let (Some(sent), Some(received)) = (sent, received) else { return Ok(()) };
    let judgements = judgement::both(&sent, &received, &machines.here, &machines.there);
    tell(args, report, welcome, &machines, &rounds, &judgements, &path.now, &connection)
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

/// What both machines do by themselves: one after the other, since they may share a disk and a processor.
async fn machines(args: &BenchArgs, client: &mut Client, report: &Report) -> Result<Machines, Failure> {
    let mut left_out = Vec::new();
    say(report, "this machine's disk");
    let disk_here = if args.no_disk { None } else { disk_here(args, &mut left_out).await? };
    say(report, "the other machine's disk");
    let disk_there = disk_there(client, &mut left_out).await?;
    say(report, "sealing and hashing");
    let block = if client.connection().transport() == Transport::Tcp { RECORD } else { PACKET };
    let measuring = move || speeds::measure(&settings::cipher_suite(), block as usize);
    let here = spawn_blocking(measuring).await.map_err(BenchError::from)?;
    let there = client.speeds(block).await?;
    for (disk, why) in left_out.iter().filter(|_| report.people().is_none()) {
        report.event(&Event::Skipped { path: (*disk).to_owned(), why: why.clone() });
    }
    for (side, speed) in [("here", disk_here), ("there", disk_there)] {
        if let Some(speed) = speed {
            let (write, read) = speed.rates();
            report.event(&Event::Disk { side, bytes: speed.bytes, write: write as u64, read: read as u64 });
        }
    }
    for (side, speeds) in [("here", here), ("there", there)] {
        report.event(&Event::Speeds { side, seal: speeds.seal as u64, hash: speeds.hash as u64 });
    }
    let abilities = |disk: Option<DiskSpeed>, speeds: speeds::Speeds, cores| Abilities {
        disk: disk.map(|disk| disk.rates()),
        seal: speeds.seal,
        hash: speeds.hash,
        cores,
    };
    Ok(Machines {
        here: abilities(disk_here, here, settings::cores()),
        there: abilities(disk_there, there, client.welcome().cores),
        left_out,
    })
}

/// This machine's disk. Where the user named no directory, one that cannot be written to is no failure.
async fn disk_here(args: &BenchArgs, left_out: &mut Vec<LeftOut>) -> Result<Option<DiskSpeed>, BenchError> {
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from("."));
    let place = dir.clone();
    let measured = spawn_blocking(move || disk::measure(&place, DISK_BYTES)).await?;
    match measured {
        Ok(speed) => Ok(Some(speed)),
        Err(source) if args.dir.is_some() => Err(BenchError::Disk { dir, source }),
        Err(source) => {
            let why = format!("this machine's disk was not measured: {source}; name a directory with --dir");
            left_out.push(("disk-here", why));
            Ok(None)
        }
    }
}

async fn disk_there(
    client: &mut Client,
    left_out: &mut Vec<LeftOut>,
) -> Result<Option<DiskSpeed>, BenchError> {
    let bytes = client.welcome().disk.min(DISK_BYTES);
    let measured =
        if bytes == 0 { Err(BenchError::Refused(FailCode::DiskLimit)) } else { client.disk(bytes).await };
    match measured {
        Ok(speed) => Ok(Some(speed)),
        Err(error @ (BenchError::RemoteDisk(_) | BenchError::Refused(FailCode::DiskLimit))) => {
            left_out.push(("disk-there", format!("the other machine's disk was not measured: {error}")));
            Ok(None)
        }
        Err(error) => Err(error),
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

fn settings_event(args: &BenchArgs) -> Event {
    Event::Settings {
        foctet: settings::VERSION,
        build: settings::build_name(settings::build()),
        cores: settings::cores(),
        cipher_suite: settings::cipher_suite(),
        key_exchange: settings::key_exchange(),
        processes: None,
        rounds: args.rounds.get(),
        seconds: args.time.as_secs_f64(),
    }
}

#[allow(clippy::too_many_arguments, reason = "everything that was found out, told once")]
fn tell(
    args: &BenchArgs,
    report: &Report,
    welcome: Welcome,
    machines: &Machines,
    rounds: &Rounds,
    judgements: &[Judgement; 2],
    path: &Path,
    connection: &Connection,
) -> Result<(), Failure> {
    if report.people().is_none() {
        rounds.figures.all().for_each(|figure| report.event(&Event::Figure(figure)));
        for (direction, judgement) in ["send", "receive"].into_iter().zip(judgements) {
            let next = judgement.next.map(|(bound, _)| bound.name());
            report.event(&Event::Bottleneck {
                direction,
                bound: judgement.bound.name(),
                rate: judgement.rate as u64,
                next,
                factor: judgement.factor(),
                rates: judgement.all.iter().map(|(bound, rate)| (bound.name(), *rate as u64)).collect(),
                path: path.clone(),
            });
        }
        return Ok(());
    }
    let why = why_not_direct(connection).filter(|_| path.kind != PathKind::Direct.to_string());
    let text = account::write(args, welcome, machines, &rounds.figures, judgements, path, why.as_deref());
    print(text.as_bytes()).map_err(|error| BenchError::Output(error).into())
}
