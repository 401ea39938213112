//! A client that says whatever a test wants it to.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use foctet_core::relay::packet::{self, Address, Datagram};
use foctet_core::relay::{ALPN, CloseCode, Control, ControlReader, LegRole, Welcome};
use foctet_core::{NodeAddr, NodeId, RelayAddr, RelayHost, RelayToken, SecretKey, TransportAddr};
use foctet_net::{
    ConnectOptions, Connection, ConnectionError, Endpoint, Prefer, RecvStream, SendStream, Transport,
};
use foctet_relay::{Config, Relay};

/// Far more than anything here takes, so that only what never comes is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const BOTH: [Transport; 2] = [Transport::Quic, Transport::Tcp];

pub(crate) fn key(n: u8) -> SecretKey {
    SecretKey::from_bytes([n; 32])
}

pub(crate) fn id(n: u8) -> NodeId {
    key(n).node_id()
}

/// A relay on loopback, configured by `toml`.
pub(crate) async fn relay(toml: &str) -> Relay {
    let mut config = Config::parse(toml).unwrap();
    config.bind = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    Relay::start(key(255), config).await.unwrap()
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes within the patience of a test")
}

pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) welcome: Option<Welcome>,
    pub(crate) send: SendStream,
    recv: RecvStream,
    reader: ControlReader,
    /// Keeps the endpoint.
    _endpoint: Endpoint,
}

/// A connection to the relay on which nothing was said.
pub(crate) async fn dial(addr: &RelayAddr, key: SecretKey, transport: Transport) -> (Endpoint, Connection) {
    let RelayHost::Ip(ip) = addr.host() else { panic!("a relay on loopback") };
    let place = SocketAddr::new(*ip, addr.port());
    let to = NodeAddr::new(addr.id()).with_addrs([TransportAddr::udp(place), TransportAddr::tcp(place)]);
    let endpoint =
        Endpoint::builder().secret_key(key).bind(([127, 0, 0, 1], 0).into()).build().await.unwrap();
    let options = ConnectOptions::default().prefer(Prefer::Only(transport));
    let connection = soon(endpoint.connect_with(to, ALPN, options)).await.unwrap();
    (endpoint, connection)
}

/// With which code a connection ended.
pub(crate) async fn end(connection: &Connection) -> CloseCode {
    match soon(connection.closed()).await {
        ConnectionError::ApplicationClosed { code, .. } => CloseCode::from_code(code).unwrap(),
        other => panic!("not closed by the relay: {other}"),
    }
}

impl Client {
    /// A traffic leg with a key by number.
    pub(crate) async fn join(relay: &Relay, n: u8, transport: Transport) -> Self {
        Self::hello(&relay.addr(), key(n), transport, LegRole::Traffic, None).await.unwrap()
    }

    pub(crate) async fn hello(
        addr: &RelayAddr,
        key: SecretKey,
        transport: Transport,
        role: LegRole,
        token: Option<&str>,
    ) -> Result<Self, CloseCode> {
        let (endpoint, connection) = dial(addr, key, transport).await;
        let (mut send, recv) = connection.open_bi().await.unwrap();
        let token = token.map(|token| RelayToken::new(token).unwrap());
        send.write_all(&Control::Hello { role, token }.encode()).await.ok();
        let mut client = Self {
            connection,
            welcome: None,
            send,
            recv,
            reader: ControlReader::default(),
            _endpoint: endpoint,
        };
        match client.frame().await {
            Some(Control::Welcome(welcome)) => {
                client.welcome = Some(welcome);
                Ok(client)
            }
            Some(other) => panic!("{other:?}"),
            None => Err(end(&client.connection).await),
        }
    }

    /// The next control frame; none at the end of the leg.
    pub(crate) async fn frame(&mut self) -> Option<Control> {
        loop {
            if let Some(frame) = self.reader.next().unwrap() {
                return Some(frame);
            }
            let bytes = soon(self.recv.read_chunk(4096)).await.ok()??;
            self.reader.push(&bytes);
        }
    }

    pub(crate) async fn say(&mut self, frame: &Control) {
        self.send.write_all(&frame.encode()).await.unwrap();
    }

    /// Sends a packet with this address in front.
    pub(crate) fn packet(&self, address: Address, payload: &[u8]) {
        let max = self.connection.max_datagram_size().unwrap();
        let (first, second) = packet::split(&address, payload, 7, max).unwrap();
        self.connection.send_datagram(first.into()).ok();
        if let Some(second) = second {
            self.connection.send_datagram(second.into()).ok();
        }
    }

    /// The next whole packet: whom the relay says that it is from, and its bytes.
    pub(crate) async fn heard(&self) -> (Address, Vec<u8>) {
        let mut rejoin = packet::Rejoin::default();
        loop {
            let datagram = soon(self.connection.read_datagram()).await.unwrap();
            let parts = packet::read(&datagram).unwrap();
            if let Datagram::Whole(address, payload) = parts {
                return (address, payload.to_vec());
            }
            if let Some(whole) = rejoin.push(std::time::Instant::now(), parts) {
                return whole;
            }
        }
    }

    /// A packet and a signal that has to pass the relay after whatever was sent so far on the control stream.
    pub(crate) async fn signal(&mut self, peer: NodeId, bytes: &[u8]) {
        self.say(&Control::Signal { peer, bytes: bytes.into() }).await;
    }
}
