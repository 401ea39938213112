use std::sync::Arc;
use std::time::Duration;

use noq::crypto::rustls::{QuicClientConfig, QuicServerConfig};

use super::congestion::Restarting;
use super::send_room;
use crate::EndpointLimits;
use crate::limits;
use crate::path::DirectPolicy;

/// Paths that a connection may have at once: a few interfaces, and the relays to come.
pub(super) const MAX_PATHS: u32 = 8;

/// Streams in both directions that a dialler's foctet opens for itself: one, for notices.
const OWN_STREAMS: u32 = 1;

/// Addresses that a peer may name for NAT traversal: as many as we would.
const MAX_CANDIDATES: u8 = foctet_core::path::MAX_CANDIDATES as u8;

/// Largest UDP payload that is taken, in bytes: what fits a jumbo frame of Ethernet (9,000 bytes) over IPv4. It also sizes the
/// receive buffers, together with how many of them the sockets say that they give at once.
pub(super) const MAX_UDP_PAYLOAD: u16 = 8972;

/// Largest UDP payload that is sent, in bytes: what fits such a frame over IPv6. noq finds out by halving what a path carries; where
/// that is an Ethernet frame of 1,500, it takes four sizes that do not pass, each tried three times, to get to 1,441. Sizes that the
/// interface does not carry never leave the machine, and none of these losses counts as congestion.
const LARGEST_MTU: u16 = 8952;

/// When a path that is in use is asked for a larger size again: a relayed one may have got better legs.
const LOOK_AGAIN: Duration = Duration::from_secs(120);

/// How long a path whose packets have vanished, such as one through a relay whose leg has changed, carries small ones only before larger
/// ones are tried again.
const AFTER_BLACK_HOLE: Duration = Duration::from_secs(10);

/// Bytes that a new path may have in flight before anything was acknowledged: 32 full packets, as large deployments of QUIC
/// and TCP use, where RFC 9002 (section 7.2) recommends 10. A standby that takes over begins with it, and each doubling costs a
/// round trip.
const INITIAL_WINDOW: u64 = 32 * 1200;

/// TLS handshake data that may wait for what precedes it, in bytes: the longest flight, ours with its certificate,
/// has under 4 KiB.
const CRYPTO_BUFFER: usize = 16 * 1024;

/// Incoming connections that wait for our first answer. We take them from noq at once, so that more than a burst
/// means overload.
const MAX_INCOMING: usize = 1024;

/// Bytes that may wait with one such connection: two Initial packets, doubled.
const INCOMING_BUFFER: u64 = 8 * 1024;

/// Bytes that may wait with all of them.
const INCOMING_BUFFER_TOTAL: u64 = 4 * 1024 * 1024;

/// What all QUIC connections of an endpoint have in common.
pub(crate) struct QuicConfig {
    transport: Arc<noq::TransportConfig>,
}

impl QuicConfig {
    pub(crate) fn new(
        max_idle_timeout: Duration,
        bounds: &EndpointLimits,
        report_addresses: bool,
        direct: DirectPolicy,
    ) -> Self {
        let mut transport = noq::TransportConfig::default();
        let mut mtu = noq::MtuDiscoveryConfig::default();
        mtu.upper_bound(LARGEST_MTU).interval(LOOK_AGAIN).black_hole_cooldown(AFTER_BLACK_HOLE);
        transport
            .congestion_controller_factory(Arc::new(Restarting::new(INITIAL_WINDOW)))
            .max_concurrent_bidi_streams(bounds.streams.saturating_add(OWN_STREAMS).into())
            .max_concurrent_uni_streams(bounds.streams.into())
            .stream_receive_window(
                bounds.stream_receive_window.min(limits::QUIC_STREAM_RECEIVE_WINDOW).into(),
            )
            .receive_window(bounds.receive_window.into())
            .send_window(send_room::first(bounds.quic_send_window))
            .mtu_discovery_config(Some(mtu))
            .datagram_receive_buffer_size(Some(bounds.datagram_buffer))
            .datagram_send_buffer_size(bounds.datagram_buffer)
            .crypto_buffer_size(CRYPTO_BUFFER)
            // A longer timeout than QUIC can write means none.
            .max_idle_timeout(noq::IdleTimeout::try_from(max_idle_timeout).ok())
            .keep_alive_interval(Some(limits::keep_alive(max_idle_timeout)))
            // The spin bit tells the path our round-trip times, and us nothing.
            .allow_spin(false)
            .max_concurrent_multipath_paths(MAX_PATHS)
            // A dial's first flight goes to every candidate, and whichever answers first is the path.
            .server_handshake_migration(true)
            // Relays tell addresses, and nodes learn them there; not peers from each other.
            .send_observed_address_reports(report_addresses)
            .receive_observed_address_reports(false);
        if report_addresses {
            // A relay is reached at its own address. What a client negotiates beyond that would cost the relay a watch over
            // paths for each.
            transport.max_concurrent_multipath_paths(0).mtu_discovery_config(Some(usual_mtu()));
        } else if direct != DirectPolicy::Never {
            transport.max_remote_nat_traversal_addresses(MAX_CANDIDATES);
        }
        Self { transport: Arc::new(transport) }
    }

    /// The same for dials to relays, which tell us our address, and are reached on one path. At most so many bytes of
    /// datagrams wait to be sent.
    pub(crate) fn for_legs(&self, datagrams: usize) -> Self {
        let mut transport = noq::TransportConfig::clone(&self.transport);
        transport
            .send_observed_address_reports(false)
            .receive_observed_address_reports(true)
            .max_concurrent_multipath_paths(0)
            .mtu_discovery_config(Some(usual_mtu()))
            .datagram_send_buffer_size(datagrams);
        Self { transport: Arc::new(transport) }
    }

    pub(crate) fn endpoint(&self) -> noq::EndpointConfig {
        let mut config = noq::EndpointConfig::default();
        // It fails only outside 1200 to 65527.
        config.max_udp_payload_size(MAX_UDP_PAYLOAD).ok();
        config
    }

    pub(crate) fn server(&self, tls: Arc<rustls::ServerConfig>) -> Result<noq::ServerConfig, TlsUnfit> {
        let tls = QuicServerConfig::try_from(tls).map_err(|_| TlsUnfit)?;
        let mut config = noq::ServerConfig::with_crypto(Arc::new(tls));
        config
            .transport_config(Arc::clone(&self.transport))
            .max_incoming(MAX_INCOMING)
            .incoming_buffer_size(INCOMING_BUFFER)
            .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL)
            .migration(true);
        Ok(config)
    }

    /// What one dial needs; its first packets go to connection id `initial`.
    pub(crate) fn client(
        &self,
        tls: Arc<rustls::ClientConfig>,
        initial: noq::ConnectionId,
    ) -> Result<noq::ClientConfig, TlsUnfit> {
        let tls = QuicClientConfig::try_from(tls).map_err(|_| TlsUnfit)?;
        let mut config = noq::ClientConfig::new(Arc::new(tls));
        config
            .transport_config(Arc::clone(&self.transport))
            .token_store(Arc::new(noq::NoneTokenStore))
            .initial_dst_cid_provider(Arc::new(move || initial));
        Ok(config)
    }
}

/// Looks for packets as large as Ethernet frames, and no larger: over QUIC a leg mostly carries little, and looking for more
/// costs a dozen packets for each of thousands of clients.
fn usual_mtu() -> noq::MtuDiscoveryConfig {
    noq::MtuDiscoveryConfig::default()
}

/// The TLS configuration lacks what QUIC needs; ours never does.
#[derive(Debug)]
pub(crate) struct TlsUnfit;
