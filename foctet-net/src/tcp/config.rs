use std::sync::Arc;
use std::time::Duration;

use foctet_mux::Config;

use crate::limits;

/// What every accepted TCP connection of an endpoint gets.
#[derive(Clone)]
pub(crate) struct TcpConfig {
    pub(crate) mux: Config,
    pub(crate) tls: Arc<rustls::ServerConfig>,
}

/// How connections are multiplexed, dialled or accepted.
pub(crate) fn mux_config(max_idle_timeout: Duration) -> Config {
    Config::default()
        .max_streams_bidi(limits::MAX_STREAMS_BIDI.into())
        .max_streams_uni(limits::MAX_STREAMS_UNI.into())
        .stream_receive_window(limits::STREAM_RECEIVE_WINDOW.into())
        .receive_window(limits::RECEIVE_WINDOW.into())
        .send_window(limits::SEND_WINDOW)
        .datagram_buffer(limits::DATAGRAM_BUFFER)
        .max_idle_timeout(Some(max_idle_timeout))
        .keep_alive(Some(limits::keep_alive(max_idle_timeout)))
}
