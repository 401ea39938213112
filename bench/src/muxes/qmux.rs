//! The crate `qmux`, another implementation of what foctet-mux speaks.

use qmux::transport::Stream;
use qmux::{Config, RecvStream, SendStream, Session, Version};
use tokio::io::DuplexStream;
use web_transport_trait::{RecvStream as _, SendStream as _, Session as _};

use super::Mux;

pub(super) struct Qmux;

impl Mux for Qmux {
    const NAME: &'static str = "qmux";
    type End = Session;
    type Sending = (SendStream, RecvStream);
    type Receiving = (SendStream, RecvStream);

    async fn pair(near: DuplexStream, far: DuplexStream) -> anyhow::Result<(Session, Session)> {
        let mut config = Config::new(Version::QMux02);
        config.max_data = 16 << 20;
        config.max_stream_data_bidi_local = 8 << 20;
        config.max_stream_data_bidi_remote = 8 << 20;
        config.max_streams_bidi = 1_024;
        let carrier = |stream| Stream::new(stream, config.version, config.max_record_size);
        let (near, far) = (carrier(near), carrier(far));
        Ok(tokio::try_join!(Session::connect(near, config.clone()), Session::accept(far, config.clone()))?)
    }

    async fn open(end: &Session) -> anyhow::Result<Self::Sending> {
        Ok(end.open_bi().await?)
    }

    async fn accept(end: &Session) -> anyhow::Result<Self::Receiving> {
        Ok(end.accept_bi().await?)
    }

    async fn write_all(stream: &mut Self::Sending, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(stream.0.write_all(bytes).await?)
    }

    async fn finish(mut stream: Self::Sending) -> anyhow::Result<()> {
        stream.0.finish()?;
        Ok(stream.0.closed().await?)
    }

    async fn read(stream: &mut Self::Receiving, buffer: &mut [u8]) -> anyhow::Result<usize> {
        Ok(stream.1.read(buffer).await?.unwrap_or(0))
    }
}
