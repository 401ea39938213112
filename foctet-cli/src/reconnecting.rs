//! A receiver's connection, which may be made again while it is used.

use foctet_core::Ticket;
use foctet_net::{ConnectError, Connection, Endpoint};
use foctet_transfer::Reconnect;
use tokio::sync::watch;

use crate::args::ReceiveArgs;
use crate::session;

/// The connection in use, and how to get the next one. The latter are told to whoever watches.
pub(crate) fn reconnect(
    endpoint: &Endpoint,
    ticket: &Ticket,
    args: &ReceiveArgs,
    connection: Connection,
) -> (Reconnect, watch::Receiver<Connection>) {
    let (current, watched) = watch::channel(connection);
    let (endpoint, addr, options) =
        (endpoint.clone(), session::places(ticket, &args.network), session::connect_options(&args.network));
    let dial = move || {
        let (endpoint, addr, current) = (endpoint.clone(), addr.clone(), current.clone());
        async move {
            let connection = session::dial(&endpoint, addr, options).await?;
            current.send_replace(connection.clone());
            Ok::<_, ConnectError>(connection)
        }
    };
    let mut reconnect = Reconnect::new(dial).jitter(random_share);
    if let Some(limit) = args.reconnect {
        reconnect = reconnect.limit(limit);
    }
    (reconnect, watched)
}

/// A random number from 0 to 1; the whole where the operating system gives no randomness.
fn random_share() -> f64 {
    let mut random = [u8::MAX];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(random[0]) / 255.0,
        Err(_) => 1.0,
    }
}
