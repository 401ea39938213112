//! The least that is a relay.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use foctet_core::relay::packet::{self, Incoming, Outgoing, Rejoin, split};
use foctet_core::relay::{ALPN, CloseCode, Control, ControlReader, LegRole, Observed, Welcome};
use foctet_core::{NodeId, RelayAddr, RelayHost, SecretKey, TransportAddr};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::{Endpoint, Transports};

pub(super) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A relay that forwards packets, signals and spliced streams, without any limit. Ends when dropped.
pub(super) struct Fake {
    pub(super) endpoint: Endpoint,
    pub(super) state: Arc<State>,
    transports: Transports,
    secret_key: SecretKey,
    tasks: JoinSet<()>,
}

pub(super) struct State {
    /// Longer packets vanish.
    pub(super) longest: AtomicUsize,
    /// Bytes of the longest packet that passed.
    pub(super) passed: AtomicUsize,
    token: Option<String>,
    /// Whom every spliced stream goes to, whoever was asked for: a relay that lies.
    pub(super) misleads_to: Mutex<Option<NodeId>>,
    legs: Mutex<HashMap<NodeId, FakeLeg>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            longest: AtomicUsize::new(usize::MAX),
            passed: AtomicUsize::new(0),
            token: None,
            misleads_to: Mutex::default(),
            legs: Mutex::default(),
        }
    }
}

#[derive(Clone)]
struct FakeLeg {
    connection: Connection,
    channels: Arc<Mutex<Outgoing>>,
    control: tokio::sync::mpsc::UnboundedSender<Control>,
}

impl Fake {
    pub(super) async fn start(transports: Transports) -> Self {
        Self::start_with(transports, None).await
    }

    pub(super) async fn start_with(transports: Transports, token: Option<&str>) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).unwrap();
        let state = State { token: token.map(Into::into), ..State::default() };
        Self::bind(loopback(), transports, SecretKey::generate(key), Arc::new(state)).await
    }

    async fn bind(
        addr: SocketAddr,
        transports: Transports,
        secret_key: SecretKey,
        state: Arc<State>,
    ) -> Self {
        let endpoint = Endpoint::builder()
            .bind(addr)
            .alpns([ALPN])
            .transports(transports)
            .secret_key(secret_key.clone())
            .report_addresses(true)
            .build()
            .await
            .unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(endpoint.clone(), Arc::clone(&state)));
        Self { endpoint, state, transports, secret_key, tasks }
    }

    pub(super) fn id(&self) -> NodeId {
        self.endpoint.id()
    }

    pub(super) fn socket_addr(&self) -> SocketAddr {
        self.endpoint.local_addrs().first().map(TransportAddr::socket_addr).unwrap()
    }

    pub(super) fn addr(&self) -> RelayAddr {
        let addr = self.socket_addr();
        RelayAddr::new(self.id(), RelayHost::Ip(addr.ip()), addr.port())
    }

    /// Ends it, and begins it anew at the same address.
    pub(super) async fn restart(mut self) -> Self {
        let addr = self.socket_addr();
        self.tasks.shutdown().await;
        self.endpoint.close().await;
        self.state.legs.lock().unwrap().clear();
        Self::bind(addr, self.transports, self.secret_key.clone(), Arc::clone(&self.state)).await
    }

    /// Says something to a client.
    pub(super) fn tell(&self, client: NodeId, frame: Control) {
        self.state.legs.lock().unwrap()[&client].control.send(frame).unwrap();
    }
}

async fn serve(endpoint: Endpoint, state: Arc<State>) {
    let mut clients = JoinSet::new();
    while let Some(connection) = endpoint.accept().await {
        clients.spawn(client(connection, Arc::clone(&state)));
    }
}

/// `None` once the client is gone.
async fn client(connection: Connection, state: Arc<State>) -> Option<()> {
    let id = connection.remote_id();
    let (mut send, mut recv) = connection.accept_bi().await.ok()?;
    let mut reader = ControlReader::default();
    let hello = loop {
        if let Some(frame) = reader.next().unwrap() {
            break frame;
        }
        reader.push(&recv.read_chunk(4096).await.ok()??);
    };
    let Control::Hello { role, token } = hello else { panic!("no hello") };
    if token.as_ref().map(foctet_core::RelayToken::as_str) != state.token.as_deref() {
        connection.close(CloseCode::Refused.code(), b"");
        return None;
    }
    let welcome = Welcome {
        observed: Observed::new(connection.remote_address()),
        max_channels: 2,
        bytes_per_second: 0,
        packets_per_second: 0,
        guest: false,
    };
    send.write_all(&Control::Welcome(welcome).encode()).await.ok()?;
    if role == LegRole::Observe {
        connection.closed().await;
        return None;
    }
    let (control, mut frames) = tokio::sync::mpsc::unbounded_channel();
    let leg =
        FakeLeg { connection: connection.clone(), channels: Arc::new(Mutex::new(Outgoing::new(2))), control };
    if let Some(old) = state.legs.lock().unwrap().insert(id, leg.clone()) {
        old.connection.close(CloseCode::Replaced.code(), b"");
    }
    let say = async {
        while let Some(frame) = frames.recv().await {
            send.write_all(&frame.encode()).await.ok()?;
        }
        Some(())
    };
    let hear = async {
        loop {
            while let Some(frame) = reader.next().unwrap() {
                if let Control::Bound { channel } = frame {
                    leg.channels.lock().unwrap().confirm(channel);
                }
            }
            let Ok(Some(piece)) = recv.read_chunk(4096).await else { return };
            reader.push(&piece);
        }
    };
    tokio::select! {
        _ = say => {}
        _ = hear => {}
        _ = forward(id, &leg, &state) => {}
        _ = splices(id, &connection, &state) => {}
    }
    Some(())
}

async fn forward(from: NodeId, leg: &FakeLeg, state: &State) -> Option<()> {
    let (mut incoming, mut rejoin, mut id) = (Incoming::new(2), Rejoin::default(), 0_u16);
    loop {
        let datagram = leg.connection.read_datagram().await.ok()?;
        let whole = rejoin.push(Instant::now().into_std(), packet::read(&datagram).unwrap());
        let Some((address, payload)) = whole else { continue };
        if payload.len() > state.longest.load(Ordering::Relaxed) {
            continue;
        }
        state.passed.fetch_max(payload.len(), Ordering::Relaxed);
        let (peer, bound) = incoming.resolve(address).unwrap();
        if let Some(channel) = bound {
            leg.control.send(Control::Bound { channel }).ok();
        }
        let Some(to) = state.legs.lock().unwrap().get(&peer).cloned() else { continue };
        id = id.wrapping_add(1);
        let address = to.channels.lock().unwrap().address(from);
        let max = to.connection.max_datagram_size().unwrap();
        let Some((first, second)) = split(&address, &payload, id, max) else { continue };
        for half in [Some(first), second].into_iter().flatten() {
            to.connection.send_datagram(Bytes::from(half)).ok();
        }
    }
}

async fn splices(from: NodeId, connection: &Connection, state: &Arc<State>) -> Option<()> {
    let mut pumps = JoinSet::new();
    loop {
        let (mut send, mut recv) = connection.accept_bi().await.ok()?;
        let mut reader = ControlReader::default();
        let peer = loop {
            match reader.next().unwrap() {
                Some(Control::Splice { peer }) => break peer,
                Some(_) => panic!("no splice"),
                None => reader.push(&recv.read_chunk(reader.missing().unwrap()).await.ok()??),
            }
        };
        let peer = state.misleads_to.lock().unwrap().unwrap_or(peer);
        let to = state.legs.lock().unwrap().get(&peer).cloned();
        let Some(to) = to else {
            send.reset(CloseCode::Unreachable.code()).ok();
            recv.stop(CloseCode::Unreachable.code()).ok();
            continue;
        };
        pumps.spawn(async move {
            let (mut there, mut back) = to.connection.open_bi().await.ok()?;
            there.write_all(&Control::Spliced { peer: from }.encode()).await.ok()?;
            tokio::join!(tokio::io::copy(&mut recv, &mut there), tokio::io::copy(&mut back, &mut send)).0.ok()
        });
    }
}
