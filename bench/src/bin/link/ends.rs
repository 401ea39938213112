//! Sender and receiver.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use foctet_core::{NodeAddr, NodeId, TransportAddr};
use foctet_net::{ConnectOptions, Endpoint, Prefer, Transport, Transports};
use noq::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use noq::{ClientConfig, ServerConfig};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until};

use crate::identity::{ALPN, Identity, NAME};
use crate::kind::Kind;

/// Bytes of one write, and of one read at most.
const CHUNK: usize = 64 * 1024;

/// How often the receiver tells how much has arrived.
const TICK: Duration = Duration::from_millis(250);

/// Bytes that have arrived, over all streams.
#[derive(Clone, Default)]
struct Arrived(Arc<AtomicU64>);

impl Arrived {
    async fn count(self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; CHUNK];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            self.0.fetch_add(read as u64, Ordering::Relaxed);
        }
    }

    /// Prints seconds and bytes, from the first byte on.
    async fn tell(self) -> anyhow::Result<()> {
        while self.0.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let start = Instant::now();
        let mut next = start;
        loop {
            println!("{} {}", start.elapsed().as_secs_f64(), self.0.load(Ordering::Relaxed));
            next += TICK;
            sleep_until(next).await;
        }
    }
}

fn transport(kind: Kind) -> Transport {
    if kind == Kind::FoctetTcp { Transport::Tcp } else { Transport::Quic }
}

/// Prints where it is, then what arrives.
pub(crate) async fn receive(kind: Kind, ip: IpAddr) -> anyhow::Result<()> {
    let arrived = Arrived::default();
    let here = SocketAddr::new(ip, 0);
    match kind {
        Kind::FoctetQuic | Kind::FoctetQuicStreams | Kind::FoctetTcp => {
            let endpoint = Endpoint::builder()
                .transports(Transports::Only(transport(kind)))
                .alpns([ALPN])
                .bind(here)
                .build()
                .await?;
            let place = endpoint.local_addrs().first().context("an address")?.socket_addr();
            println!("{} {place}", endpoint.id());
            let counting = arrived.clone();
            tokio::spawn(async move {
                while let Some(connection) = endpoint.accept().await {
                    while let Ok(stream) = connection.accept_uni().await {
                        tokio::spawn(counting.clone().count(stream));
                    }
                }
            });
        }
        Kind::Noq => {
            let identity = Identity::generate()?;
            let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(identity.server()?)?));
            let endpoint = noq::Endpoint::server(config, here)?;
            let certificate: String =
                identity.certificate().iter().map(|byte| format!("{byte:02x}")).collect();
            println!("{certificate} {}", endpoint.local_addr()?);
            let counting = arrived.clone();
            tokio::spawn(async move {
                while let Some(incoming) = endpoint.accept().await {
                    let Ok(connection) = incoming.await else { continue };
                    while let Ok(stream) = connection.accept_uni().await {
                        tokio::spawn(counting.clone().count(stream));
                    }
                }
            });
        }
        Kind::Iperf => anyhow::bail!("that is another program"),
    }
    arrived.tell().await
}

/// Sends until it is ended.
pub(crate) async fn send(kind: Kind, streams: u32, address: &str) -> anyhow::Result<()> {
    let (id, place) = address.split_once(' ').context("an identity and a place")?;
    let place: SocketAddr = place.parse()?;
    let mut sending = tokio::task::JoinSet::new();
    if kind == Kind::Noq {
        let digits: Vec<char> = id.chars().collect();
        let bytes = digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16));
        let certificate = CertificateDer::from(bytes.collect::<Result<Vec<_>, _>>()?);
        let config = Identity::generate()?.client(certificate)?;
        let endpoint = noq::Endpoint::client(([0, 0, 0, 0], 0).into())?;
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?)));
        let connection = endpoint.connect(place, NAME)?.await?;
        for _ in 0..streams {
            sending.spawn(fill(connection.open_uni().await?));
        }
        while sending.join_next().await.is_some() {}
        anyhow::bail!("{:?}", connection.close_reason());
    }
    let transport = transport(kind);
    let to = NodeAddr::new(NodeId::from_str(id)?).with_addr(match transport {
        Transport::Tcp => TransportAddr::tcp(place),
        _ => TransportAddr::udp(place),
    });
    let endpoint = Endpoint::builder()
        .transports(Transports::Only(transport))
        .bind(([0, 0, 0, 0], 0).into())
        .build()
        .await?;
    let options = ConnectOptions::default().prefer(Prefer::Only(transport));
    let connection = endpoint.connect_with(to, ALPN, options).await?;
    for _ in 0..streams {
        sending.spawn(fill(connection.open_uni().await?));
    }
    while sending.join_next().await.is_some() {}
    anyhow::bail!("{:?}", connection.close_reason());
}

async fn fill(mut stream: impl AsyncWrite + Unpin) {
    let chunk = vec![0x5a; CHUNK];
    while stream.write_all(&chunk).await.is_ok() {}
}
