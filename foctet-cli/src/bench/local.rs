//! `foctet bench` without a ticket: two processes on this machine.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use foctet_core::SecretKey;
use foctet_net::{ConnectOptions, Endpoint, Prefer, Transport};
use foctet_relay::{Config, LimitsConfig, Relay};

use super::client::Dialler;
use super::figures::Figures;
use super::peer_process::PeerProcess;
use super::table::Table;
use super::{BenchError, settings};
use crate::args::{BenchArgs, TransportChoice};
use crate::events::Event;
use crate::exit::{Exit, Failure};
use crate::report::{Report, print};
use crate::signals::Interrupt;

mod scenario;

use scenario::Scenario;

/// Where everything takes place.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How long the relay's clients have to leave.
const DRAIN: Duration = Duration::from_secs(1);

/// Everything that takes part.
struct Stage {
    direct: PeerProcess,
    endpoint: Endpoint,
    relayed: Option<RelayedStage>,
}

struct RelayedStage {
    relay: Relay,
    peer: PeerProcess,
    endpoint: Endpoint,
}

/// Measures, and prints a table or tells events.
pub(super) async fn run(args: BenchArgs, report: Arc<Report>, interrupt: Interrupt) -> Result<(), Failure> {
    let setting = async {
        let direct = PeerProcess::start(&[]).await?;
        let endpoint = Endpoint::builder().bind(LOOPBACK).build().await?;
        let relayed = if args.network.no_relay { None } else { Some(relayed_stage().await?) };
        Ok::<_, Failure>(Stage { direct, endpoint, relayed })
    };
    let interrupted = || Failure::interrupted("run it again; --rounds and --time make it shorter");
    let stage = tokio::select! {
        stage = setting => stage?,
        () = interrupt.requested() => return Err(interrupted()),
    };
    let mut figures = Figures::default();
    let measured = tokio::select! {
        measured = measure(&args, &stage, &report, &mut figures) => measured.map_err(Failure::from),
        () = interrupt.requested() => Err(interrupted()),
    };
    report.clear();
    stage.end().await;
    settings::warn(&report, None);
    measured?;
    tell(&args, &report, &figures)
}

/// A relay in this process, another process that is reached only through it, and an endpoint that goes only through
/// it.
async fn relayed_stage() -> Result<RelayedStage, Failure> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| {
        let message = format!("the operating system gave no randomness: {error}");
        Failure::new(Exit::Other, "system", message, "try again")
    })?;
    // What is measured is what it can do, not what it would allow a stranger.
    let limits = LimitsConfig { bytes_per_second: 0, packets_per_second: 0, ..LimitsConfig::default() };
    let config = Config { bind: vec![LOOPBACK], limits, ..Config::default() };
    let relay = Relay::start(SecretKey::generate(random), config).await.map_err(|error| {
        Failure::new(Exit::Other, "bind", error.to_string(), "measure without a relay: --no-relay")
    })?;
    let relay_only = ["--relay".into(), OsString::from(relay.addr().to_string()), "--relay-only".into()];
    let peer = PeerProcess::start(&relay_only).await?;
    let endpoint = Endpoint::builder().bind(LOOPBACK).relay_only(true).build().await?;
    Ok(RelayedStage { relay, peer, endpoint })
}

impl Stage {
    /// How to reach the other end for a scenario; none where it takes a relay and there is none.
    fn dialler(&self, scenario: Scenario, transport: Transport) -> Option<Dialler> {
        let (endpoint, peer) = match (&self.relayed, scenario) {
            (None, Scenario::Relayed) => return None,
            (Some(stage), Scenario::Relayed) => (&stage.endpoint, &stage.peer),
            _ => (&self.endpoint, &self.direct),
        };
        let ticket = peer.ticket();
        Some(Dialler {
            endpoint: endpoint.clone(),
            addr: ticket.addr().clone(),
            secret: ticket.secret().clone(),
            options: ConnectOptions::default().prefer(Prefer::Only(transport)),
        })
    }

    async fn end(self) {
        self.endpoint.close().await;
        if let Some(RelayedStage { relay, peer, endpoint }) = self.relayed {
            endpoint.close().await;
            peer.stop().await;
            relay.shutdown(DRAIN).await;
        }
        self.direct.stop().await;
    }
}

fn transports(choice: TransportChoice) -> &'static [Transport] {
    match choice {
        TransportChoice::Auto => &[Transport::Tcp, Transport::Quic],
        TransportChoice::Quic => &[Transport::Quic],
        TransportChoice::Tcp => &[Transport::Tcp],
    }
}

fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Quic => "quic",
        Transport::Tcp => "tcp",
    }
}

/// Takes turns: a machine drifts within minutes, and shall do so for all alike.
async fn measure(
    args: &BenchArgs,
    stage: &Stage,
    report: &Report,
    figures: &mut Figures,
) -> Result<(), BenchError> {
    if report.people().is_none() {
        report.event(&settings::event(args, None));
    }
    for round in 1..=args.rounds.get() {
        for scenario in Scenario::ALL {
            for transport in transports(args.network.transport) {
                let Some(dialler) = stage.dialler(scenario, *transport) else { continue };
                let transport = transport_name(*transport);
                if let Some(terminal) = report.people() {
                    let what = scenario.words().0;
                    let line =
                        format!("round {round} of {}: {what}, {}", args.rounds, transport.to_uppercase());
                    terminal.bar(|columns| line.chars().take(columns).collect());
                }
                let values = scenario.measure(&dialler, args.time).await?;
                figures.add(report, round, scenario.name(), transport, &values);
            }
        }
    }
    Ok(())
}

fn tell(args: &BenchArgs, report: &Report, figures: &Figures) -> Result<(), Failure> {
    if report.people().is_none() {
        figures.all().for_each(|figure| report.event(&Event::Figure(figure)));
        return Ok(());
    }
    let text = format!("{}\n\n{}", head(args), table(args, figures).render());
    print(text.as_bytes()).map_err(|error| Failure::from(BenchError::Output(error)))
}

fn head(args: &BenchArgs) -> String {
    let relay = if args.network.no_relay {
        ""
    } else {
        "\nThe relay is in this process, and its CPU time is counted with what goes through it."
    };
    format!(
        "{}\nTwo processes on this machine, over loopback; CPU time is that of both.{relay}\n{}",
        settings::line(None),
        settings::spread(args),
    )
}

fn table(args: &BenchArgs, figures: &Figures) -> Table {
    let transports: Vec<&str> =
        transports(args.network.transport).iter().map(|t| transport_name(*t)).collect();
    let columns: Vec<String> = transports.iter().map(|transport| transport.to_uppercase()).collect();
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    let all: Vec<_> = figures.all().collect();
    for scenario in Scenario::ALL {
        let (name, metrics) = scenario.words();
        for (metric, unit) in metrics {
            let of = |transport: &str| {
                all.iter().find(|figure| {
                    (figure.scenario, figure.transport, figure.metric)
                        == (scenario.name(), transport, *metric)
                })
            };
            let cells: Vec<_> = transports.iter().map(|transport| of(transport)).collect();
            if cells.iter().any(Option::is_some) {
                let cells =
                    cells.into_iter().map(|figure| figure.map_or_else(|| "-".to_owned(), |f| f.summary()));
                table.row(&format!("{name}, {unit}"), cells);
            }
        }
    }
    table
}
