//! The two ends of a relayed connection.

use std::str::FromStr as _;
use std::time::Instant;

use foctet_core::{NodeAddr, NodeId, RelayAddr};
use foctet_net::{ConnectOptions, Endpoint, PathKind, Prefer, Transports};

use crate::answer::{Counted, Stream, answer};
use crate::identity::ALPN;
use crate::relays::Kind;
use crate::{forwarder, iroh, process};

/// Bytes that go through before the clock starts, so that windows are open and the path is known.
const WARM_UP: u64 = 32 << 20;

/// Accepts through a relay, prints its address, and answers every stream until told to end.
pub(crate) async fn receive(kind: Kind, relay: &str) -> anyhow::Result<()> {
    match kind {
        Kind::Iroh => {
            let endpoint = iroh::endpoint(relay).await?;
            println!("{} {relay}", endpoint.id());
            tokio::spawn(async move {
                while let Some(incoming) = endpoint.accept().await {
                    let Ok(connection) = incoming.await else { continue };
                    tokio::spawn(async move {
                        while let Ok((send, recv)) = connection.accept_bi().await {
                            tokio::spawn(answer(tokio::io::join(recv, send)));
                        }
                    });
                }
            });
        }
        Kind::FoctetQuic | Kind::FoctetTcp => {
            let endpoint = endpoint(kind).alpns([ALPN]).relays([RelayAddr::from_str(relay)?]).build().await?;
            endpoint.online().await;
            println!("{} {relay}", endpoint.id());
            tokio::spawn(async move {
                while let Some(connection) = endpoint.accept().await {
                    tokio::spawn(async move {
                        while let Ok((send, recv)) = connection.accept_bi().await {
                            tokio::spawn(answer(tokio::io::join(recv, send)));
                        }
                    });
                }
            });
        }
        Kind::Forwarder => println!("{}", forwarder::receive().await?),
    }
    process::told().await
}

/// Dials through a relay, says when it is ready, sends when told, and prints how many seconds that took.
pub(crate) async fn send(kind: Kind, address: &str, bytes: u64) -> anyhow::Result<()> {
    match kind {
        Kind::Iroh => {
            let (_endpoint, connection) = iroh::dial(address).await?;
            let (first, second) = (connection.open_bi().await?, connection.open_bi().await?);
            measure(tokio::io::join(first.1, first.0), tokio::io::join(second.1, second.0), bytes).await
        }
        Kind::FoctetQuic | Kind::FoctetTcp => {
            let (id, relay) = address.split_once(' ').ok_or_else(|| anyhow::anyhow!("an id and a relay"))?;
            let to = NodeAddr::new(NodeId::from_str(id)?).with_relay(RelayAddr::from_str(relay)?);
            let endpoint = endpoint(kind).build().await?;
            let options = ConnectOptions::default().prefer(Prefer::Only(kind.transport()));
            let connection = endpoint.connect_with(to, ALPN, options).await?;
            anyhow::ensure!(
                connection.paths().iter().all(|path| path.kind == PathKind::Relay),
                "foctet has found another way than its relay"
            );
            let (first, second) = (connection.open_bi().await?, connection.open_bi().await?);
            measure(tokio::io::join(first.1, first.0), tokio::io::join(second.1, second.0), bytes).await
        }
        Kind::Forwarder => {
            measure(forwarder::dial(address).await?, forwarder::dial(address).await?, bytes).await
        }
    }
}

async fn measure(warm_up: impl Stream, stream: impl Stream, bytes: u64) -> anyhow::Result<()> {
    Counted::start(warm_up).await?.send(WARM_UP).await?;
    let stream = Counted::start(stream).await?;
    println!("ready");
    process::told().await?;
    let start = Instant::now();
    stream.send(bytes).await?;
    println!("{}", start.elapsed().as_secs_f64());
    process::told().await
}

/// The legs use the same transport as what they carry.
fn endpoint(kind: Kind) -> foctet_net::Builder {
    Endpoint::builder()
        .relay_only(true)
        .transports(Transports::Only(kind.transport()))
        .bind(([127, 0, 0, 1], 0).into())
}
