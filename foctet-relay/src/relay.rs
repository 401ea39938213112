use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foctet_core::relay::{ALPN, CloseCode, Control};
use foctet_core::{NodeId, RelayAddr, RelayHost, SecretKey};
use foctet_net::{BindError, Endpoint, EndpointLimits};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::clients::{Settings, Shared};
use crate::config::{Config, ConfigError};
use crate::leg;
use crate::metrics::Metrics;
use crate::web;

/// Handshakes under way at once: when a relay comes back, everybody comes at once.
const HALF_OPEN: usize = 4096;

/// Bytes of a queued packet with what queueing costs beside it, where packets are of all sizes. Of the longest fewer wait: 28 with the
/// default, of which a sender makes bursts of 14; with room for 11, throughput was less than half.
const PER_PACKET: usize = 4096;

/// Bytes that one spliced stream, and all of one leg, may have on the way in: 200 Mbit/s over 40 ms. Over TCP they begin
/// small and grow while data moves.
const STREAM_WINDOW: u32 = 1 << 20;
const LEG_WINDOW: u32 = 4 << 20;
const INITIAL_STREAM_WINDOW: u32 = 64 << 10;
const INITIAL_LEG_WINDOW: u32 = 128 << 10;

/// Bytes written to spliced streams of one leg and not sent.
const SEND_WINDOW: u64 = 1 << 20;

/// Streams of each kind that a client may have open: those that are spliced, and some that are ending.
const STREAMS: u32 = 256;

/// How often a relay that drains looks whether everybody is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A relay that runs. Dropping it ends it at once; [`shutdown`](Self::shutdown) ends it well.
pub struct Relay {
    endpoint: Endpoint,
    shared: Arc<Shared>,
    public_host: Option<RelayHost>,
    metrics_addr: Option<SocketAddr>,
    tasks: Mutex<JoinSet<()>>,
}

/// Why a relay could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its addresses cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The address for metrics cannot be bound.
    #[error("cannot serve metrics on {addr}: {source}")]
    Metrics {
        /// The address.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Relay {
    /// Binds and begins to serve. It reads the lists of nodes, which blocks shortly.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start(secret_key: SecretKey, config: Config) -> Result<Self, StartError> {
        let settings = settings(&config)?;
        let public_host = config.public_host()?;
        let bounds = EndpointLimits::default()
            .half_open(HALF_OPEN, HALF_OPEN.min(config.limits.connections_per_address))
            .receive_windows(STREAM_WINDOW, LEG_WINDOW)
            .initial_windows(INITIAL_STREAM_WINDOW, INITIAL_LEG_WINDOW)
            .send_window(SEND_WINDOW)
            .streams(STREAMS)
            .datagram_buffer(config.limits.queue_packets.saturating_mul(PER_PACKET));
        let mut builder =
            Endpoint::builder().secret_key(secret_key).alpns([ALPN]).limits(bounds).report_addresses(true);
        for addr in &config.bind {
            builder = builder.bind(*addr);
        }
        let endpoint = builder.build().await?;
        let shared = Arc::new(Shared::new(settings));
        let mut tasks = JoinSet::new();
        let mut metrics_addr = None;
        if let Some(addr) = config.metrics {
            let failed = |source| StartError::Metrics { addr, source };
            let listener = TcpListener::bind(addr).await.map_err(failed)?;
            metrics_addr = listener.local_addr().ok();
            tasks.spawn(web::serve(listener, Arc::clone(&shared)));
        }
        tasks.spawn(accept(endpoint.clone(), Arc::clone(&shared)));
        Ok(Self { endpoint, shared, public_host, metrics_addr, tasks: Mutex::new(tasks) })
    }

    /// Its identity.
    pub fn id(&self) -> NodeId {
        self.endpoint.id()
    }

    /// Its address for clients: with the host that the configuration names, or else the best of this machine's addresses.
    pub fn addr(&self) -> RelayAddr {
        let addr = self.endpoint.addr();
        let best = addr.addrs().next().map(|addr| addr.socket_addr());
        let bound = self.endpoint.local_addrs().first().map(|addr| addr.socket_addr());
        let port = best.or(bound).map_or(0, |addr| addr.port());
        let host = self.public_host.clone().or_else(|| best.or(bound).map(|addr| RelayHost::Ip(addr.ip())));
        // An endpoint is bound to something.
        let host = host.unwrap_or(RelayHost::Ip(std::net::Ipv4Addr::LOCALHOST.into()));
        RelayAddr::new(self.endpoint.id(), host, port)
    }

    /// Where metrics and health are served, if they are.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// What it counts.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Puts another configuration in force: access and limits, for everybody who is here at once. Nobody is thrown out. What
    /// is said of a field that it is not changed by a reload stays.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]; what was in force stays so.
    pub fn reload(&self, config: &Config) -> Result<(), ConfigError> {
        self.shared.reload(settings(config)?);
        Ok(())
    }

    /// Ends it: takes nobody new, tells those who are here that it will be gone within `patience`, waits so long for them to
    /// leave, and closes.
    pub async fn shutdown(&self, patience: Duration) {
        let seconds = u16::try_from(patience.as_secs()).unwrap_or(u16::MAX);
        self.shared.draining.send_replace(Some(seconds));
        for client in self.shared.everybody() {
            client.tell(Control::Draining { seconds });
        }
        let until = Instant::now() + patience;
        while !self.shared.everybody().is_empty() && Instant::now() < until {
            sleep(LOOK_AGAIN).await;
        }
        for client in self.shared.everybody() {
            client.close(CloseCode::Draining);
        }
        // So that the legs' last words get out.
        timeout(Duration::from_secs(5), self.endpoint.close()).await.ok();
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

fn settings(config: &Config) -> Result<Settings, ConfigError> {
    config.limits.check()?;
    Ok(Settings { access: config.access.load()?, limits: config.limits })
}

async fn accept(endpoint: Endpoint, shared: Arc<Shared>) {
    let mut legs = JoinSet::new();
    loop {
        tokio::select! {
            connection = endpoint.accept() => {
                let Some(connection) = connection else { break };
                legs.spawn(leg::serve(Arc::clone(&shared), connection));
            }
            Some(_) = legs.join_next() => {}
        }
    }
    while legs.join_next().await.is_some() {}
}
