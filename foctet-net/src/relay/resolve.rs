use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use foctet_core::{RelayAddr, RelayHost};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::error::LegError;
use crate::error::IoFailure;

/// How long DNS may take. Resolvers ask twice within 5 s by default.
const LOOKUP: Duration = Duration::from_secs(6);

/// Addresses of each family that a name may stand for; more would only cost dials.
const MAX_OF_FAMILY: usize = 4;

/// Where a relay is dialled: IPv6 and IPv4 by turns, so that a broken family delays little (RFC 8305, section 4).
pub(super) async fn resolve(relays: &[RelayAddr]) -> Result<Vec<SocketAddr>, LegError> {
    let mut all = Vec::new();
    let mut failure = None;
    for relay in relays {
        match resolve_one(relay).await {
            Ok(addrs) => addrs.into_iter().for_each(|addr| {
                if !all.contains(&addr) {
                    all.push(addr);
                }
            }),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if all.is_empty() => Err(LegError::Resolve(error)),
        _ => Ok(all),
    }
}

async fn resolve_one(relay: &RelayAddr) -> Result<Vec<SocketAddr>, IoFailure> {
    let name = match relay.host() {
        RelayHost::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, relay.port())]),
        RelayHost::Name(name) => name,
    };
    let found = timeout(LOOKUP, lookup_host((&**name, relay.port())))
        .await
        .map_err(|_| IoFailure::new(io::ErrorKind::TimedOut, "the name server did not answer"))?
        .map_err(IoFailure::from)?;
    let addrs = by_turns(found.map(|addr| addr.ip().to_canonical()), relay.port());
    if addrs.is_empty() {
        return Err(IoFailure::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addrs)
}

fn by_turns(ips: impl Iterator<Item = IpAddr>, port: u16) -> Vec<SocketAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = ips.map(|ip| SocketAddr::new(ip, port)).partition(SocketAddr::is_ipv6);
    let (mut v6, mut v4) = (v6.into_iter().take(MAX_OF_FAMILY), v4.into_iter().take(MAX_OF_FAMILY));
    let mut all = Vec::new();
    loop {
        let (six, four) = (v6.next(), v4.next());
        if six.is_none() && four.is_none() {
            return all;
        }
        all.extend(six.into_iter().chain(four));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_are_bounded() {
        let v4 = (0..9_u8).map(|n| IpAddr::from([192, 0, 2, n]));
        let v6 = ["2001:db8::1", "2001:db8::2"].map(|ip| ip.parse().unwrap());
        let all: Vec<_> = by_turns(v4.chain(v6), 7).iter().map(ToString::to_string).collect();
        assert_eq!(
            all,
            [
                "[2001:db8::1]:7",
                "192.0.2.0:7",
                "[2001:db8::2]:7",
                "192.0.2.1:7",
                "192.0.2.2:7",
                "192.0.2.3:7"
            ]
        );
    }
}
