//! foctet-mux with its defaults.

use foctet_mux::{Config, Connection, RecvStream, Role, SendStream};
use tokio::io::DuplexStream;

use super::Mux;

pub(super) struct Foctet;

impl Mux for Foctet {
    const NAME: &'static str = "foctet-mux";
    type End = Connection;
    /// The other half is kept: dropping it would ask the peer to stop what it never starts.
    type Sending = (SendStream, RecvStream);
    type Receiving = (SendStream, RecvStream);

    async fn pair(near: DuplexStream, far: DuplexStream) -> anyhow::Result<(Connection, Connection)> {
        let near = Connection::new(near, Role::Client, Config::default());
        let far = Connection::new(far, Role::Server, Config::default());
        near.established().await?;
        far.established().await?;
        Ok((near, far))
    }

    async fn open(end: &Connection) -> anyhow::Result<Self::Sending> {
        Ok(end.open_bi().await?)
    }

    async fn accept(end: &Connection) -> anyhow::Result<Self::Receiving> {
        Ok(end.accept_bi().await?)
    }

    async fn write_all(stream: &mut Self::Sending, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(stream.0.write_all(bytes).await?)
    }

    async fn finish(mut stream: Self::Sending) -> anyhow::Result<()> {
        stream.0.finish()?;
        stream.0.stopped().await?;
        Ok(())
    }

    async fn read(stream: &mut Self::Receiving, buffer: &mut [u8]) -> anyhow::Result<usize> {
        Ok(stream.1.read(buffer).await?.unwrap_or(0))
    }
}
