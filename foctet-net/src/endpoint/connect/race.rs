use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::TransportAddr;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Dialling, preferring};
use crate::connection::Connection;
use crate::endpoint::Inner;
use crate::path::Prefer;
use crate::{hello, quic, tcp};

/// How long QUIC goes ahead of TCP. RFC 8305 (section 5) says 250 ms between addresses of one kind; here the later
/// one costs only a socket and is two round trips slower anyway, so that 50 ms spare most TCP dials where the peer is
/// near, and delay little where UDP is blocked.
const QUIC_AHEAD: Duration = Duration::from_millis(50);

/// How long TCP is waited for once QUIC is up, where throughput is wanted; and how many round trips, if that is
/// longer: a TCP and a TLS handshake with its confirmation take three.
const TCP_GRACE: Duration = Duration::from_millis(300);
const TCP_GRACE_ROUND_TRIPS: u32 = 3;

/// How long QUIC is in the race before a stream is asked of the relays: a peer without QUIC is reached by that alone, and
/// any other is better reached by QUIC.
const SPLICES_AFTER: Duration = Duration::from_secs(3);

/// A connection that is up, in a race that is not over. Dropped before it is chosen, it tells the peer so.
pub(crate) struct Contender {
    connection: Connection,
    /// How long one round trip took, where that was seen.
    trip: Option<Duration>,
    chosen: bool,
}

impl Contender {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, trip: None, chosen: false }
    }

    /// Notes how long one round trip took. What the connection has measured may be more by as long as it waited for a relay,
    /// or for an address that does not answer: all of that is a round trip to it.
    pub(crate) fn note_round_trip(&mut self, trip: Duration) {
        self.trip = Some(trip);
    }

    /// Ends the race: this is the connection.
    pub(crate) fn choose(mut self) -> Connection {
        self.chosen = true;
        self.connection.clone()
    }

    pub(crate) fn rtt(&self) -> Duration {
        let measured = self.connection.rtt();
        self.trip.map_or(measured, |trip| trip.min(measured))
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        if !self.chosen {
            self.connection.close(hello::NOT_CHOSEN, b"");
        }
    }
}

/// Dials over both transports, and gives the one that wins; `None` once every address has failed.
pub(super) async fn race(
    inner: &Inner,
    dialling: &Arc<Dialling>,
    addrs: &[TransportAddr],
    late: Vec<quic::Late>,
    prefer: Prefer,
) -> Option<Contender> {
    let mut udp = Vec::new();
    let mut tcp = Vec::new();
    for addr in addrs {
        match addr {
            TransportAddr::Udp(addr) => udp.push(*addr),
            TransportAddr::Tcp(addr) => tcp.push(*addr),
            _ => {}
        }
    }
    let quic = inner.quic.clone().filter(|_| !udp.is_empty() || !late.is_empty());
    // Where TCP is preferred it need not be spared.
    let ahead = if quic.is_some() && prefer == Prefer::Latency { QUIC_AHEAD } else { Duration::ZERO };
    // QUIC goes through the relays by itself, and can leave them later.
    let before_splices = if quic.is_some() { SPLICES_AFTER } else { Duration::ZERO };
    let quic_failed = watch::Sender::new(false);
    let after = |wait: Duration| {
        let mut quic_failed = quic_failed.subscribe();
        async move {
            // A timer rounds up to its next millisecond.
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = sleep(wait) => {}
                _ = quic_failed.wait_for(|failed| *failed) => {}
            }
        }
    };

    let over_quic = async {
        match quic {
            Some(quic) => quic::dial(Arc::clone(dialling), quic, udp, late).await,
            None => None,
        }
    };
    let directly = async {
        if tcp.is_empty() {
            return None;
        }
        after(ahead).await;
        tcp::dial(Arc::clone(dialling), inner.mux.clone(), tcp).await
    };
    let spliced = async {
        let through = dialling.relays();
        if through.is_empty() {
            return None;
        }
        after(before_splices).await;
        tcp::dial_spliced(Arc::clone(dialling), inner.mux.clone(), inner.relays.clone(), through.to_vec())
            .await
    };
    let (directly, spliced) = (pin!(directly), pin!(spliced));
    let over_tcp = preferring(directly, spliced);
    let (mut over_quic, mut over_tcp) = (pin!(over_quic), pin!(over_tcp));
    let (mut quic_ended, mut tcp_ended) = (false, false);
    let mut quic_up: Option<Contender> = None;
    let mut grace = pin!(sleep(Duration::ZERO));
    // Set once an answer leaves little hope for what is still under way.
    let mut hopeless = false;
    let mut last_chance = pin!(sleep(Duration::ZERO));
    loop {
        tokio::select! {
            biased;
            contender = &mut over_tcp, if !tcp_ended => {
                tcp_ended = true;
                if contender.is_some() {
                    return contender;
                }
                if quic_up.is_some() || quic_ended {
                    return quic_up;
                }
                if let Some(patience) = dialling.patience() {
                    last_chance.set(sleep(patience));
                    hopeless = true;
                }
            }
            contender = &mut over_quic, if !quic_ended => {
                quic_ended = true;
                match contender {
                    Some(up) if prefer == Prefer::Throughput && !tcp_ended => {
                        let wait = TCP_GRACE.max(up.rtt() * TCP_GRACE_ROUND_TRIPS);
                        grace.set(sleep(wait));
                        quic_up = Some(up);
                    }
                    Some(up) => return Some(up),
                    None if tcp_ended => return None,
                    None => {
                        quic_failed.send_replace(true);
                        if let Some(patience) = dialling.patience() {
                            last_chance.set(sleep(patience));
                            hopeless = true;
                        }
                    }
                }
            }
            () = &mut grace, if quic_up.is_some() => return quic_up,
            () = &mut last_chance, if hopeless => return None,
        }
    }
}
