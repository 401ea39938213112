//! This node's part of the network, as the options ask.

use std::time::Duration;

use foctet_core::{NodeAddr, Ticket};
use foctet_net::{
    ConnectError, ConnectOptions, Connection, DirectPolicy, Endpoint, KeyFile, PathKind, Prefer, RelayState,
    RelayStatus, Transport, Transports,
};
use foctet_transfer::wire::ALPN;
use tokio::time::timeout;

use crate::args::{NetworkArgs, TransportChoice};
use crate::events;
use crate::exit::{Exit, Failure};

/// How long a relay may take to answer before the ticket is printed all the same.
const RELAY_PATIENCE: Duration = Duration::from_secs(5);

/// And how long the second one, once the first is there.
const SECOND_RELAY_PATIENCE: Duration = Duration::from_secs(1);

/// Opens the endpoint: with a fresh key, or that of `--identity`. One that does not `listen` can only dial.
///
/// There is no discovery yet, so `--no-lan` holds by itself.
///
/// # Errors
/// When the key file cannot be used, or the addresses cannot be bound; when only relays may be used and there are none.
pub(crate) async fn open(args: &NetworkArgs, listen: bool) -> Result<Endpoint, Failure> {
    open_for(args, listen.then_some(ALPN)).await
}

/// As [`open`], to listen for connections of this application protocol.
pub(crate) async fn open_for(args: &NetworkArgs, listen: Option<&[u8]>) -> Result<Endpoint, Failure> {
    // A transfer allows it once the secret was verified.
    let mut builder = Endpoint::builder()
        .transports(transports(args.transport))
        .relay_only(args.relay_only)
        .direct(DirectPolicy::Manual);
    if let Some(alpn) = listen {
        builder = builder.alpns([alpn]);
        if args.relay_only && args.relay.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                "no-relay",
                "with --relay-only nobody could reach this machine: no relay is named",
                "name one: --relay foctet-relay://NODEID@HOST:PORT; `foctet relay` runs one",
            ));
        }
    }
    if !args.no_relay {
        builder = builder.relays(args.relay.iter().cloned());
    }
    if let Some(file) = &args.identity {
        builder = builder.secret_key(KeyFile::load_or_create(file)?);
    }
    for addr in &args.bind {
        builder = builder.bind(*addr);
    }
    Ok(builder.build().await?)
}

/// Waits until one of this node's relays serves it, for a while: an address that lists a relay which is not there is of
/// little use. Gives what is wrong if none does; the endpoint goes on trying.
///
/// # Cancel safety
/// Safe.
pub(crate) async fn await_relays(endpoint: &Endpoint, args: &NetworkArgs) -> Option<String> {
    if args.no_relay || args.relay.is_empty() {
        return None;
    }
    if timeout(RELAY_PATIENCE, endpoint.online()).await.is_ok() {
        // The other one takes about as long. With both, losing one loses nothing.
        let settled = |relay: &RelayStatus| match relay.state {
            RelayState::Connecting { failures, .. } => failures > 0,
            _ => true,
        };
        let mut relays = endpoint.watch_relays();
        let all = relays.wait_for(|state| state.relays.iter().all(settled));
        timeout(SECOND_RELAY_PATIENCE, all).await.ok();
        return None;
    }
    let states = endpoint.relays().into_iter().map(|relay| match relay.state {
        RelayState::Connecting { last_error: Some(error), .. } => format!("{}: {error}", relay.addr),
        _ => format!("{}: no answer yet", relay.addr),
    });
    Some(states.collect::<Vec<_>>().join("; "))
}

/// Connects to the sender that `ticket` names; `auto` prefers the transport with more throughput.
///
/// # Errors
/// When it cannot be reached in time, or another node answers.
///
/// # Cancel safety
/// Safe: dropped, it leaves no connection.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    ticket: &Ticket,
    args: &NetworkArgs,
) -> Result<Connection, Failure> {
    Ok(dial(endpoint, places(ticket, args), connect_options(args)).await?)
}

/// Where to try to reach the sender that `ticket` names.
pub(crate) fn places(ticket: &Ticket, args: &NetworkArgs) -> NodeAddr {
    let addr = ticket.addr().clone();
    if args.no_relay { addr.without_relays() } else { addr }
}

/// Makes one attempt to connect to the sender at `addr`.
///
/// # Errors
/// When it cannot be reached in time, or another node answers.
///
/// # Cancel safety
/// Safe: dropped, it leaves no connection.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    addr: NodeAddr,
    options: ConnectOptions,
) -> Result<Connection, ConnectError> {
    endpoint.connect_with(addr, ALPN, options).await
}

/// How to connect, as `args` ask.
pub(crate) fn connect_options(args: &NetworkArgs) -> ConnectOptions {
    let prefer = match args.transport {
        TransportChoice::Auto => Prefer::Throughput,
        TransportChoice::Quic => Prefer::Only(Transport::Quic),
        TransportChoice::Tcp => Prefer::Only(Transport::Tcp),
    };
    ConnectOptions::default().prefer(prefer).timeout(args.timeout)
}

fn transports(choice: TransportChoice) -> Transports {
    match choice {
        TransportChoice::Auto => Transports::All,
        TransportChoice::Quic => Transports::Only(Transport::Quic),
        TransportChoice::Tcp => Transports::Only(Transport::Tcp),
    }
}

/// The path that `connection` uses now.
pub(crate) fn path(connection: &Connection) -> events::Path {
    let in_use = connection.paths().into_iter().find(|path| path.in_use);
    let (kind, transport, remote, rtt) = match in_use {
        Some(path) => (path.kind, path.transport, path.remote, path.rtt),
        None => (PathKind::Direct, connection.transport(), connection.remote_address(), connection.rtt()),
    };
    events::Path {
        kind: kind.to_string(),
        transport: match transport {
            Transport::Quic => "quic",
            Transport::Tcp => "tcp",
        },
        remote: remote.to_string(),
        rtt_ms: rtt.as_micros() as f64 / 1000.0,
        why_not_direct: why_not_direct(connection).filter(|_| kind != PathKind::Direct),
    }
}

/// Why `connection` is not direct, as far as this side knows; `None` if it is.
pub(crate) fn why_not_direct(connection: &Connection) -> Option<String> {
    connection.why_not_direct().map(|why| why.to_string())
}
