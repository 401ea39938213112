mod dialling;
mod preferring;
mod race;
mod relayed;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use foctet_core::{NodeAddr, TransportAddr};
use tokio::time::timeout;

pub(crate) use dialling::Dialling;
pub(crate) use preferring::preferring;
pub(crate) use race::Contender;

use relayed::RelayedWays;

use super::Inner;
use crate::alpn::{self, MAX_ALPN_LENGTH};
use crate::connection::Connection;
use crate::error::{AttemptError, ConnectError, IoFailure};
use crate::hello::{self, Hello};
use crate::path::{Prefer, Transport};

/// How long a connect may take by default.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How a connection is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Which transport is wanted. By default whichever is up first.
    pub prefer: Prefer,
    /// How long it may take altogether, by default 60 s. Each address is given up after the endpoint's handshake
    /// timeout.
    pub timeout: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { prefer: Prefer::default(), timeout: TIMEOUT }
    }
}

impl ConnectOptions {
    /// Sets which transport is wanted.
    #[must_use]
    pub fn prefer(mut self, prefer: Prefer) -> Self {
        self.prefer = prefer;
        self
    }

    /// Sets how long it may take altogether.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

pub(super) async fn connect(
    inner: &Inner,
    addr: NodeAddr,
    alpn: &[u8],
    options: ConnectOptions,
) -> Result<Connection, ConnectError> {
    if *inner.closing.borrow() {
        return Err(ConnectError::EndpointClosed);
    }
    if !alpn::is_valid(alpn) {
        return Err(ConnectError::InvalidAlpn { length: alpn.len(), max: MAX_ALPN_LENGTH });
    }
    if addr.id() == inner.identity.id() {
        return Err(ConnectError::SelfConnect);
    }
    let wanted = |transport| {
        inner.transports.contains(transport)
            && match options.prefer {
                Prefer::Only(only) => only == transport,
                Prefer::Latency | Prefer::Throughput => true,
            }
    };
    let addrs: Vec<_> = addr
        .addrs()
        .filter(|_| !inner.relay_only)
        .filter(|addr| match addr {
            TransportAddr::Udp(_) => wanted(Transport::Quic),
            TransportAddr::Tcp(_) => wanted(Transport::Tcp),
            // A kind of address that this version does not know.
            _ => false,
        })
        .collect();
    let relayed = match &inner.quic {
        Some(quic) if wanted(Transport::Quic) => RelayedWays::join(inner, quic, &addr),
        _ => RelayedWays::default(),
    };
    let streams = if wanted(Transport::Tcp) { addr.relays().to_vec() } else { Vec::new() };
    let through = if relayed.late.is_empty() && streams.is_empty() { &[] } else { addr.relays() };
    if addrs.is_empty() && relayed.late.is_empty() && streams.is_empty() {
        return Err(ConnectError::NoAddresses);
    }
    let dialling = Arc::new(Dialling::new(inner, addr.id(), alpn, addrs.clone()).through(through, streams));
    let (dialable, not): (Vec<_>, Vec<_>) = addrs.into_iter().partition(TransportAddr::is_dialable);
    for addr in not {
        let failure = IoFailure::new(std::io::ErrorKind::InvalidInput, "no address to send to");
        dialling.note(addr, AttemptError::Io(failure));
    }

    let verdict = |timed_out| {
        dialling.note_legs(&inner.relays.state());
        dialling.verdict(timed_out)
    };
    let mut closing = inner.closing.subscribe();
    let connect = async {
        let contender = race::race(inner, &dialling, &dialable, relayed.late, options.prefer).await;
        let connection = contender.ok_or_else(|| verdict(false))?.choose();
        inner.live.add(&connection);
        // Only where relays are of use already: nobody else's word makes us connect to one.
        let hello = Hello { takes_notices: !addr.relays().is_empty() && connection.may_have_paths() };
        hello::say(&connection, hello).await.map_err(ConnectError::ConnectionLost)?;
        if hello.takes_notices {
            let following = connection.follow(addr.relays(), relayed.legs, &inner.relays);
            following.await.map_err(ConnectError::ConnectionLost)?;
        } else {
            connection.hold(relayed.legs);
        }
        connection.accepted();
        Ok(connection)
    };
    tokio::select! {
        biased;
        _ = closing.wait_for(|closing| *closing) => Err(ConnectError::EndpointClosed),
        connected = timeout(options.timeout, connect) => {
            connected.unwrap_or_else(|_| Err(verdict(true)))
        }
    }
}
