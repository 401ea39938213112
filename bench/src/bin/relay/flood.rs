//! Small packets between clients, beside one that sends too much.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use foctet_core::RelayAddr;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::leg::{Leg, key};
use crate::process::{self, Role};
use crate::relays::Kind;
use crate::samples::Samples;

/// How often the flooder sends what is due.
const TICK: Duration = Duration::from_millis(1);

/// What the flooder sends, in bytes: nearly a full packet.
const FLOOD: usize = 1100;

/// The number of the flooder's key.
const FLOODER: u64 = 1_000_000;

/// How many, and how much.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 50)]
    clients: u64,
    /// Packets a second that each client sends.
    #[arg(long, default_value_t = 50)]
    rate: u64,
    /// Packets a second that each client may send.
    #[arg(long, default_value_t = 2000)]
    limit: u64,
    /// How many times its limit the flooder sends.
    #[arg(long, default_value_t = 10)]
    times: u64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// With and without the flood in turns, so often.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let Options { clients, rate, limit, times, seconds, rounds } = options;
    println!(
        "{clients} clients send {rate} packets of 64 bytes a second each to the next one; one more sends {times} times \
         its limit of {limit} packets a second to one of them; {rounds} rounds of {seconds} s\n"
    );
    println!("| relay | flood | one way p50, µs | p99, µs | packets lost |");
    println!("|---|---|---|---|---|");
    for kind in [Kind::FoctetQuic, Kind::FoctetTcp] {
        let mut relay = Role::start(&["relay", kind.argument(), "--packets", &limit.to_string()])?;
        let address = relay.line().await?;
        let mut clients = Clients::join(kind, &RelayAddr::from_str(&address)?, *clients).await?;
        let (mut p50, mut p99, mut lost) = <[[Samples; 2]; 3]>::default().into();
        for _ in 0..*rounds {
            for flooded in [0, 1] {
                let packets = (limit * times).to_string();
                let flooder = match flooded {
                    0 => None,
                    _ => {
                        let mut role = Role::start(&["flooder", kind.argument(), &address, &packets])?;
                        role.line().await?;
                        Some(role)
                    }
                };
                let (latencies, gone) = clients.measure(*rate, Duration::from_secs(*seconds)).await?;
                p50[flooded].add(latencies.quantile(0.5).unwrap_or(f64::NAN));
                p99[flooded].add(latencies.quantile(0.99).unwrap_or(f64::NAN));
                lost[flooded].add(gone as f64);
                if let Some(flooder) = flooder {
                    flooder.end().await?;
                }
            }
        }
        for (flooded, word) in [(0, "no"), (1, "yes")] {
            let (p50, p99, lost) = (p50[flooded].summary(), p99[flooded].summary(), lost[flooded].summary());
            println!("| {kind} | {word} | {p50} | {p99} | {lost} |");
        }
    }
    Ok(())
}

/// Clients in this process, so that one clock serves both ends.
struct Clients {
    legs: Vec<Arc<foctet_net::Connection>>,
    began: Instant,
    /// When packets were sent and when they arrived, in nanoseconds since the beginning.
    arrived: mpsc::Receiver<(u64, u64)>,
}

impl Clients {
    async fn join(kind: Kind, relay: &RelayAddr, count: u64) -> anyhow::Result<Self> {
        let began = Instant::now();
        let (tell, arrived) = mpsc::channel(1 << 16);
        let mut legs = Vec::new();
        for number in 0..count {
            let leg = Leg::join(relay, number, kind.transport()).await?;
            legs.push(Arc::new(leg.connection.clone()));
            let tell = tell.clone();
            tokio::spawn(leg.hear(move |_, payload| {
                if let Some(sent) = payload.first_chunk().filter(|_| payload.len() == 64) {
                    let now = began.elapsed().as_nanos() as u64;
                    tell.try_send((u64::from_be_bytes(*sent), now)).ok();
                }
            }));
        }
        Ok(Self { legs, began, arrived })
    }

    /// Microseconds that packets took, and how many did not arrive.
    async fn measure(&mut self, rate: u64, during: Duration) -> anyhow::Result<(Samples, u64)> {
        let (began, count) = (self.began, self.legs.len() as u64);
        let mut sending = tokio::task::JoinSet::new();
        for (number, connection) in (0..).zip(&self.legs) {
            let connection = Arc::clone(connection);
            let peer = key((number + 1) % count).node_id();
            sending.spawn(async move {
                let start = Instant::now();
                // Not all in one moment.
                tokio::time::sleep(Duration::from_micros(number * 1_000_000 / rate / count)).await;
                let mut tick = interval(Duration::from_micros(1_000_000 / rate));
                tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
                let mut sent = 0;
                while start.elapsed() < during {
                    tick.tick().await;
                    let mut payload = [0; 64];
                    let now = began.elapsed().as_nanos() as u64;
                    payload[..8].copy_from_slice(&now.to_be_bytes());
                    let mut datagram = Vec::new();
                    let address = foctet_core::relay::packet::Address::Peer(peer);
                    foctet_core::relay::packet::write(&address, &payload, &mut datagram);
                    connection.send_datagram(datagram.into())?;
                    sent += 1;
                }
                anyhow::Ok(sent)
            });
        }
        let mut samples = Samples::default();
        let mut received = 0;
        let deadline = tokio::time::sleep(during + Duration::from_secs(1));
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                () = &mut deadline => break,
                Some((sent, arrived)) = self.arrived.recv() => {
                    received += 1;
                    samples.add(arrived.saturating_sub(sent) as f64 / 1000.0);
                }
            }
        }
        let mut sent: u64 = 0;
        while let Some(joined) = sending.join_next().await {
            sent += joined??;
        }
        Ok((samples, sent.saturating_sub(received)))
    }
}

/// Sends so many packets a second to the first client, until told to end.
pub(crate) async fn flooder(kind: Kind, relay: &str, packets_per_second: u64) -> anyhow::Result<()> {
    let leg = Leg::join(&RelayAddr::from_str(relay)?, FLOODER, kind.transport()).await?;
    println!("joined");
    let peer = key(0).node_id();
    let flooding = async {
        let (start, mut sent) = (Instant::now(), 0);
        let mut tick = interval(TICK);
        loop {
            tick.tick().await;
            let due = (start.elapsed().as_secs_f64() * packets_per_second as f64) as u64;
            while sent < due {
                leg.packet(peer, &[0; FLOOD])?;
                sent += 1;
            }
        }
    };
    tokio::select! {
        ended = flooding => ended,
        told = process::told() => told,
    }
}
