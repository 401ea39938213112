//! This node's part of the network, as the options ask.

use foctet_core::{NodeAddr, Ticket};
use foctet_net::{
    ConnectError, ConnectOptions, Connection, Endpoint, KeyFile, PathKind, Prefer, Transport, Transports,
};
use foctet_transfer::wire::ALPN;

use crate::args::{NetworkArgs, TransportChoice};
use crate::events;
use crate::exit::Failure;

/// Opens the endpoint: with a fresh key, or that of `--identity`. One that does not `listen` can only dial.
///
/// There are no relays and no discovery yet, so `--no-relay` and `--no-lan` hold by themselves.
///
/// # Errors
/// When the key file cannot be used, or the addresses cannot be bound.
pub(crate) async fn open(args: &NetworkArgs, listen: bool) -> Result<Endpoint, Failure> {
    let mut builder = Endpoint::builder().transports(transports(args.transport));
    if listen {
        builder = builder.alpns([ALPN]);
    }
    if let Some(file) = &args.identity {
        builder = builder.secret_key(KeyFile::load_or_create(file)?);
    }
    for addr in &args.bind {
        builder = builder.bind(*addr);
    }
    Ok(builder.build().await?)
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
    Ok(dial(endpoint, ticket.addr().clone(), connect_options(args)).await?)
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
    }
}
