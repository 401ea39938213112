//! iroh's side: endpoints that have nothing but a relay, and clients of the relay alone.

use std::str::FromStr as _;

use futures_util::{SinkExt as _, StreamExt as _};
use iroh::dns::DnsResolver;
use iroh::endpoint::{Connection, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMap, RelayMode, RelayUrl, SecretKey};
use iroh_relay::client::ClientBuilder;
use iroh_relay::protos::relay::{ClientToRelayMsg, RelayToClientMsg};
use iroh_relay::tls::{CaTlsConfig, default_provider};

use crate::identity::ALPN;

/// An endpoint that reaches nothing but a relay.
pub(crate) async fn endpoint(relay: &str) -> anyhow::Result<Endpoint> {
    let url = RelayUrl::from_str(relay)?;
    let endpoint = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Custom(RelayMap::from(url)))
        .clear_ip_transports()
        .alpns(vec![ALPN.to_vec()])
        .bind()
        .await?;
    endpoint.online().await;
    Ok(endpoint)
}

/// Dials `ID RELAY`.
pub(crate) async fn dial(address: &str) -> anyhow::Result<(Endpoint, Connection)> {
    let (id, relay) = address.split_once(' ').ok_or_else(|| anyhow::anyhow!("an id and a relay"))?;
    let endpoint = endpoint(relay).await?;
    let to = EndpointAddr::new(EndpointId::from_str(id)?).with_relay_url(RelayUrl::from_str(relay)?);
    let connection = endpoint.connect(to, ALPN).await?;
    anyhow::ensure!(
        connection.paths().iter().all(|path| path.is_relay()),
        "iroh has found another way than its relay"
    );
    Ok((endpoint, connection))
}

/// A client of the relay that says nothing but that it lives.
pub(crate) async fn idler(relay: String, number: u64) -> anyhow::Result<()> {
    let mut key = [2; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    let tls = CaTlsConfig::embedded().client_config(default_provider())?;
    let builder =
        ClientBuilder::new(RelayUrl::from_str(&relay)?, SecretKey::from_bytes(&key), DnsResolver::new());
    let mut client = builder.tls_client_config(tls).connect().await?;
    tokio::spawn(async move {
        while let Some(Ok(message)) = client.next().await {
            if let RelayToClientMsg::Ping(ping) = message {
                client.send(ClientToRelayMsg::Pong(ping)).await.ok();
            }
        }
    });
    Ok(())
}
