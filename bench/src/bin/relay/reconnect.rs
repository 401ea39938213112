//! All clients at once, after a restart.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use foctet_core::RelayAddr;
use foctet_net::Endpoint;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::leg;
use crate::process::{self, Role};
use crate::relays::Kind;

/// Dials at once in each process of clients.
const AT_ONCE: usize = 32;

/// How often an endpoint is asked for the state of its leg.
const LOOK: Duration = Duration::from_millis(20);

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// How many.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 10_000)]
    clients: u64,
    /// Processes that they are spread over.
    #[arg(long, default_value_t = 2)]
    processes: u64,
    /// Handshakes that are measured.
    #[arg(long, default_value_t = 3000)]
    handshakes: u64,
    #[arg(long, default_value = "foctet-tcp")]
    kind: Kind,
}

#[derive(Debug, Args)]
pub(crate) struct KeepersOptions {
    kind: Kind,
    relay: String,
    first: u64,
    count: u64,
}

#[derive(Debug, Args)]
pub(crate) struct DiallersOptions {
    kind: Kind,
    relay: String,
    first: u64,
    count: u64,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let Options { clients, processes, handshakes, kind } = options;
    let share = clients.div_ceil(*processes);
    let start = async |port: &str| -> anyhow::Result<(Role, String)> {
        let mut relay = Role::start(&["relay", kind.argument(), "--port", port])?;
        let address = relay.line().await?;
        Ok((relay, address))
    };
    let (relay, address) = start("0").await?;
    let port = RelayAddr::from_str(&address)?.port().to_string();

    // Each with an endpoint of its own, as clients have; dialled, welcomed and dropped.
    let mut diallers = Vec::new();
    for process in 0..*processes {
        let (first, count) = ((process * share).to_string(), (handshakes / processes).to_string());
        diallers.push(Role::start(&["diallers", kind.argument(), &address, &first, &count])?);
    }
    for dialler in &mut diallers {
        dialler.line().await?;
    }
    let began = Instant::now();
    for dialler in &mut diallers {
        dialler.tell("go").await?;
    }
    for dialler in &mut diallers {
        dialler.line().await?;
    }
    let rate = (handshakes / processes * processes) as f64 / began.elapsed().as_secs_f64();
    for dialler in diallers {
        dialler.end().await?;
    }
    println!(
        "{rate:.0} legs a second: dialled, welcomed and left, {AT_ONCE} at once in {processes} processes"
    );

    let mut keepers = Vec::new();
    let began = Instant::now();
    for process in 0..*processes {
        let (first, count) = ((process * share).to_string(), share.to_string());
        keepers.push(Role::start(&["keepers", kind.argument(), &address, &first, &count])?);
    }
    for keeper in &mut keepers {
        keeper.line().await?;
    }
    let clients = share * processes;
    println!(
        "{clients} clients up, one after the other in {processes} processes: {:.1} s",
        began.elapsed().as_secs_f64()
    );
    for keeper in &mut keepers {
        keeper.tell("watch").await?;
    }
    relay.end().await?;
    for keeper in &mut keepers {
        keeper.line().await?;
    }
    let (relay, again) = start(&port).await?;
    let began = Instant::now();
    anyhow::ensure!(again == address, "another relay came back");
    for keeper in &mut keepers {
        println!("one process of clients: {}", keeper.line().await?);
    }
    let (took, allowed) = (began.elapsed().as_secs_f64(), clients as f64 / rate);
    println!(
        "{clients} clients back in {took:.1} s; the rate of handshakes allows {allowed:.1} s: {:.2} times; relay \
         {:.1} CPU s",
        took / allowed,
        relay.cpu()?
    );
    Ok(())
}

/// Keeps endpoints whose home is the relay. Says when all are up, when all are down, and when all are up again.
pub(crate) async fn keepers(options: &KeepersOptions) -> anyhow::Result<()> {
    let relay = RelayAddr::from_str(&options.relay)?;
    let mut endpoints = Vec::new();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let (up, mut ups) = mpsc::channel(AT_ONCE);
    for number in options.first..options.first + options.count {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let endpoint =
            leg::endpoint(number, options.kind.transport()).relays([relay.clone()]).build().await?;
        endpoints.push(endpoint.clone());
        let up = up.clone();
        tokio::spawn(async move {
            let result = timeout(PATIENCE, endpoint.online()).await;
            up.send(result.is_ok()).await.ok();
            drop(permit);
        });
        while let Ok(up) = ups.try_recv() {
            anyhow::ensure!(up, "a client does not come up");
        }
    }
    drop(permits.acquire_many(AT_ONCE as u32).await?);
    println!("up");
    process::told().await?;
    wait(&endpoints, false).await?;
    println!("down");
    let began = Instant::now();
    let times = wait(&endpoints, true).await?;
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!(
        "half back after {:.1} s, nine of ten after {:.1} s, all after {:.1} s",
        at(0.5),
        at(0.9),
        began.elapsed().as_secs_f64()
    );
    process::told().await
}

/// Waits until the legs of all are up, or down; after how many seconds each was.
async fn wait(endpoints: &[Endpoint], up: bool) -> anyhow::Result<Vec<f64>> {
    let began = Instant::now();
    let mut left: Vec<&Endpoint> = endpoints.iter().collect();
    let mut times = Vec::new();
    while !left.is_empty() {
        left.retain(|endpoint| {
            let is_up = endpoint
                .relays()
                .iter()
                .any(|relay| matches!(relay.state, foctet_net::RelayState::Up { .. }));
            if is_up == up {
                times.push(began.elapsed().as_secs_f64());
            }
            is_up != up
        });
        anyhow::ensure!(began.elapsed() < PATIENCE, "{} clients are not where they should be", left.len());
        tokio::time::sleep(LOOK).await;
    }
    Ok(times)
}

/// Dials as fast as it goes, when told.
pub(crate) async fn diallers(options: &DiallersOptions) -> anyhow::Result<()> {
    let relay = RelayAddr::from_str(&options.relay)?;
    println!("ready");
    process::told().await?;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut dialling = tokio::task::JoinSet::new();
    for number in options.first..options.first + options.count {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let (relay, transport) = (relay.clone(), options.kind.transport());
        dialling.spawn(async move {
            let joined = leg::Leg::join(&relay, number, transport).await;
            drop(permit);
            joined.map(drop)
        });
        while let Some(joined) = dialling.try_join_next() {
            joined??;
        }
    }
    while let Some(joined) = dialling.join_next().await {
        joined??;
    }
    println!("done");
    process::told().await
}
