use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::{NodeId, RelayAddr, SecretKey, TransportAddr};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, broadcast, mpsc, watch};
use tokio::task::JoinSet;

use super::addresses::{self, Announced, Listening};
use super::bind::{Bound, bind};
use super::{Arrivals, Endpoint, EndpointLimits, Inner, Live};
use crate::alpn::{self, MAX_ALPN_LENGTH};
use crate::error::{BindError, IoFailure};
use crate::identity::{Authorize, Identity};
use crate::limits;
use crate::path::{DirectPolicy, Transport, Transports};
use crate::quic::{self, PathsShared, QuicConfig, QuicDialler, Receiver, Sockets};
use crate::relay::{self, LegDialler, Relays};
use crate::tcp::{self, TcpConfig};

/// What an [`Endpoint`] will be.
pub struct Builder {
    secret_key: Option<SecretKey>,
    alpns: Vec<Vec<u8>>,
    binds: Vec<SocketAddr>,
    transports: Transports,
    authorize: Arc<Authorize>,
    handshake_timeout: Duration,
    max_idle_timeout: Duration,
    relays: Vec<RelayAddr>,
    relay_transports: Transports,
    relay_only: bool,
    direct: DirectPolicy,
    limits: EndpointLimits,
    report_addresses: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            secret_key: None,
            alpns: Vec::new(),
            binds: Vec::new(),
            transports: Transports::All,
            authorize: Arc::new(|_| true),
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            max_idle_timeout: limits::MAX_IDLE_TIMEOUT,
            relays: Vec::new(),
            relay_transports: Transports::All,
            relay_only: false,
            direct: DirectPolicy::default(),
            limits: EndpointLimits::default(),
            report_addresses: false,
        }
    }
}

impl Builder {
    /// The node's key. By default a fresh one.
    #[must_use]
    pub fn secret_key(mut self, secret_key: SecretKey) -> Self {
        self.secret_key = Some(secret_key);
        self
    }

    /// The application protocols that are accepted, best first. By default none: the endpoint only dials.
    #[must_use]
    pub fn alpns<T: Into<Vec<u8>>>(mut self, alpns: impl IntoIterator<Item = T>) -> Self {
        self.alpns = alpns.into_iter().map(Into::into).collect();
        self
    }

    /// Binds this address, and every other one given so: UDP and TCP on one port, which the system chooses for port
    /// 0. By default all IPv4 addresses and, where it can be had, all IPv6 addresses, on one port.
    #[must_use]
    pub fn bind(mut self, addr: SocketAddr) -> Self {
        self.binds.push(addr);
        self
    }

    /// Which transports the endpoint has. By default both.
    #[must_use]
    pub fn transports(mut self, transports: Transports) -> Self {
        self.transports = transports;
        self
    }

    /// Whom to accept connections from; by default everybody. Asked inside the handshake, once the dialler has proved
    /// its identity: one that is refused gets an error from its `connect`. It must not block.
    #[must_use]
    pub fn authorize(mut self, authorize: impl Fn(NodeId) -> bool + Send + Sync + 'static) -> Self {
        self.authorize = Arc::new(authorize);
        self
    }

    /// How long a handshake may take, on either side. By default 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// After which silence a connection is over; the smaller one of both sides counts. By default 60 s. Healthy
    /// connections are kept alive.
    #[must_use]
    pub fn max_idle_timeout(mut self, timeout: Duration) -> Self {
        self.max_idle_timeout = timeout;
        self
    }

    /// This node's own relays, by which others reach it and which its address lists. It keeps connections to two of
    /// them. By default none. [`Endpoint::set_relays`] changes them later.
    #[must_use]
    pub fn relays(mut self, relays: impl IntoIterator<Item = RelayAddr>) -> Self {
        self.relays = relays.into_iter().collect();
        self
    }

    /// How relays are reached; connections to peers go through them all the same. By default over TCP, which costs less and
    /// tells at once when a relay is gone, or else over QUIC; and over QUIC beside TCP, to learn this node's own address.
    /// Over QUIC only where the endpoint has it.
    #[must_use]
    pub fn relay_transports(mut self, transports: Transports) -> Self {
        self.relay_transports = transports;
        self
    }

    /// Whether connections are made through relays only: no address of this node is told to anybody but its relays,
    /// none of a peer's is dialled, and nothing is accepted but through a relay. By default not.
    #[must_use]
    pub fn relay_only(mut self, relay_only: bool) -> Self {
        self.relay_only = relay_only;
        self
    }

    /// When peers may learn this node's addresses, so that a direct path can be found beside a relayed one. By default
    /// as soon as the application has the connection; with [`relay_only`](Self::relay_only) never.
    #[must_use]
    pub fn direct(mut self, policy: DirectPolicy) -> Self {
        self.direct = policy;
        self
    }

    /// What peers can make the endpoint hold.
    #[must_use]
    pub fn limits(mut self, limits: EndpointLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether to tell those who dial over QUIC, and ask, from which address they are seen
    /// (draft-ietf-quic-address-discovery). By default no: relays do.
    #[must_use]
    pub fn report_addresses(mut self, report: bool) -> Self {
        self.report_addresses = report;
        self
    }

    /// Binds the sockets and begins to accept.
    ///
    /// # Errors
    ///
    /// [`BindError`].
    pub async fn build(self) -> Result<Endpoint, BindError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(BindError::NoRuntime);
        }
        if self.binds.len() > limits::MAX_BINDS {
            return Err(BindError::TooManyAddresses { max: limits::MAX_BINDS });
        }
        if let Some(bad) = self.alpns.iter().find(|alpn| !alpn::is_valid(alpn)) {
            return Err(BindError::InvalidAlpn { length: bad.len(), max: MAX_ALPN_LENGTH });
        }
        // Nobody waits for it but the runtime, when it ends.
        tokio::task::spawn_blocking(Identity::prepare);
        let secret_key = match self.secret_key {
            Some(secret_key) => secret_key,
            None => fresh_key()?,
        };
        let identity = Identity::new(&secret_key)?;
        let mut bound = bind(&self.binds, self.transports)?;

        let (accepted_tx, accepted) = mpsc::channel(limits::MAX_ACCEPTED);
        let (failures, _) = broadcast::channel(limits::MAX_FAILURES);
        let live = Arc::new(Live::default());
        let arrivals = Arrivals::new(
            self.handshake_timeout,
            &self.limits,
            accepted_tx,
            failures.clone(),
            Arc::clone(&live),
        );
        let arrivals = Arc::new(arrivals);
        let mut tasks = JoinSet::new();

        let direct = if self.relay_only { DirectPolicy::Never } else { self.direct };
        let config = QuicConfig::new(self.max_idle_timeout, &self.limits, self.report_addresses, direct);
        let tell_relays_late = self.direct == DirectPolicy::Manual;
        let paths = |endpoint, sockets| {
            let room = self.limits.quic_send_window;
            PathsShared::new(endpoint, sockets, direct, tell_relays_late, self.max_idle_timeout, room)
        };
        let over_udp = self.relay_transports.contains(Transport::Quic);
        let quic = open_quic(&mut bound, config, self.relay_only, paths)?;
        let mux = tcp::mux_config(self.max_idle_timeout, &self.limits);
        let relays = Relays::new(LegDialler {
            identity: identity.clone(),
            handshake_timeout: self.handshake_timeout,
            transports: self.relay_transports,
            quic: quic.as_ref().map(|quic| quic.for_legs(relay::LEG_QUEUE)),
            mux: relay::leg_mux_config(mux.clone()),
        });
        if let Some(quic) = &quic {
            quic.sockets.relayed().connect(relays.clone());
            // The legs are dialled through these sockets, and so must not keep them.
            let sockets = Arc::downgrade(&quic.sockets);
            relays.on_packet(move |relay, peer, packet| {
                if let Some(sockets) = sockets.upgrade() {
                    sockets.relayed().deliver(relay, peer, packet);
                }
            });
        }
        // Where nobody takes them they are turned away.
        let spliced = relays.incoming_splices();
        if self.alpns.is_empty() || self.relay_only {
            // Nobody can dial such an endpoint, so nobody shall wait in its kernel's queue.
            bound.iter_mut().for_each(|bound| bound.tcp = None);
        }
        if !self.alpns.is_empty() {
            let over_tcp = self.alpns.iter().map(|alpn| alpn::over_tcp(alpn)).collect();
            let tls = identity.server_config(over_tcp, Arc::clone(&self.authorize))?;
            let config = TcpConfig { mux: mux.clone(), tls };
            if let Some(spliced) = spliced.filter(|_| self.transports.contains(Transport::Tcp)) {
                tasks.spawn(tcp::take_spliced(spliced, config.clone(), Arc::clone(&arrivals)));
            }
            for bound in &mut bound {
                if let Some(listener) = bound.tcp.take() {
                    let addr = bound.addr;
                    let listener =
                        TcpListener::from_std(listener).map_err(|error| tcp_failed(addr, error))?;
                    tasks.spawn(tcp::listen(listener, config.clone(), Arc::clone(&arrivals)));
                    bound.listens_tcp = true;
                }
            }
            if let Some(quic) = &quic {
                let tls = identity.server_config(self.alpns, self.authorize)?;
                let server = quic.config.server(tls).map_err(|_| unfit())?;
                quic.endpoint.set_server_config(Some(server));
                tasks.spawn(quic::accept(Arc::clone(&quic.paths), Arc::clone(&arrivals)));
            }
        }

        let listening: Vec<_> = bound.iter().map(Bound::listening).collect();
        relays.set_homes(&self.relays);
        let configured = watch::Sender::new(self.relays);
        let announced = Announced {
            id: identity.id(),
            listening: if self.relay_only { Vec::new() } else { listening.clone() },
            configured: configured.subscribe(),
        };
        let (addr_tx, addr) = watch::channel(announced.current(&relays.state()));
        let paths = quic.as_ref().map(|quic| Arc::clone(&quic.paths));
        // The task ends with the endpoint, and does not keep the legs.
        let legs = relays.clone();
        let network_changed = move || {
            legs.network_changed();
            if let Some(paths) = &paths {
                paths.network_changed();
            }
        };
        tasks.spawn(addresses::watch(announced, relays.watch_state(), addr_tx, network_changed));
        if let Some(quic) = &quic {
            tasks.spawn(Arc::clone(&quic.paths).follow_addr(addr.clone()));
            tasks.spawn(Arc::clone(&quic.paths).follow_relays(relays.watch_state(), over_udp));
        }
        let local_addrs = local_addrs(&listening);
        tracing::debug!(id = %identity.id().fmt_short(), ?local_addrs, "endpoint bound");
        let inner = Inner {
            identity,
            transports: self.transports,
            handshake_timeout: self.handshake_timeout,
            local_addrs,
            quic,
            mux,
            relays,
            configured_relays: configured,
            relay_only: self.relay_only,
            addr,
            accepted: Mutex::new(accepted),
            failures,
            live,
            closing: watch::Sender::new(false),
            tasks: std::sync::Mutex::new(tasks),
        };
        Ok(Endpoint { inner: Arc::new(inner) })
    }
}

fn fresh_key() -> Result<SecretKey, BindError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|_| BindError::NoRandomness)?;
    Ok(SecretKey::generate(random))
}

fn open_quic(
    bound: &mut [Bound],
    config: QuicConfig,
    relay_only: bool,
    paths: impl FnOnce(noq::Endpoint, Arc<Sockets>) -> PathsShared,
) -> Result<Option<QuicDialler>, BindError> {
    let udp: Vec<_> = bound.iter_mut().filter_map(|bound| bound.udp.take()).collect();
    let Some(first) = bound.first().filter(|_| !udp.is_empty()) else { return Ok(None) };
    let failed = |error: io::Error| BindError::Udp { addr: first.addr, source: IoFailure::from(error) };
    let sockets = Sockets::new(udp, relay_only).map_err(failed)?;
    let config = Arc::new(config);
    let endpoint = noq::Endpoint::new_with_abstract_socket(
        config.endpoint(),
        None,
        Box::new(Receiver::new(Arc::clone(&sockets))),
        Arc::new(noq::TokioRuntime),
    )
    .map_err(failed)?;
    let paths = paths(endpoint.clone(), Arc::clone(&sockets));
    Ok(Some(QuicDialler { endpoint, sockets, config, paths: Arc::new(paths) }))
}

fn local_addrs(listening: &[Listening]) -> Vec<TransportAddr> {
    let udp = listening.iter().filter(|bound| bound.udp).map(|bound| TransportAddr::udp(bound.addr));
    let tcp = listening.iter().filter(|bound| bound.tcp).map(|bound| TransportAddr::tcp(bound.addr));
    udp.chain(tcp).collect()
}

fn tcp_failed(addr: SocketAddr, error: io::Error) -> BindError {
    BindError::Tcp { addr, source: IoFailure::from(error) }
}

fn unfit() -> BindError {
    BindError::Identity(crate::identity::IdentityError::Unmakeable(
        "the TLS configuration does not fit QUIC".into(),
    ))
}
