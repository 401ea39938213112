use std::sync::Arc;
use std::time::Duration;

use foctet_mux::Config;

use crate::EndpointLimits;
use crate::limits;

/// How many written but unsent bytes one stream may hold: four times what goes to the socket at once. What is on its way is
/// the kernel's, and a queue that outgrows the processor's caches makes every copy slower.
const STREAM_SEND_WINDOW: u64 = 256 * 1024;

/// What every accepted TCP connection of an endpoint gets.
#[derive(Clone)]
pub(crate) struct TcpConfig {
    pub(crate) mux: Config,
    pub(crate) tls: Arc<rustls::ServerConfig>,
}

/// How connections are multiplexed, dialled or accepted.
pub(crate) fn mux_config(max_idle_timeout: Duration, bounds: &EndpointLimits) -> Config {
    let config = match bounds.initial_windows {
        Some((stream, connection)) => Config::default()
            .initial_stream_receive_window(stream.into())
            .initial_receive_window(connection.into()),
        None => Config::default(),
    };
    config
        .max_streams_bidi(bounds.streams.into())
        .max_streams_uni(bounds.streams.into())
        .stream_receive_window(bounds.stream_receive_window.into())
        .receive_window(bounds.receive_window.into())
        .send_window(bounds.send_window)
        .stream_send_window(STREAM_SEND_WINDOW)
        .datagram_buffer(bounds.datagram_buffer)
        .max_idle_timeout(Some(max_idle_timeout))
        .keep_alive(Some(limits::keep_alive(max_idle_timeout)))
}
