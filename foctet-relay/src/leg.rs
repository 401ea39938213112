use std::sync::Arc;
use std::time::Duration;

use foctet_core::relay::router::{JoinError, Standing};
use foctet_core::relay::{CloseCode, Control, LegRole, Observed, Welcome};
use foctet_net::{Connection, SendStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::clients::{Client, Settings, Shared};
use crate::control::{self, Frames, WAITING_FRAMES};
use crate::forward::Forwarder;
use crate::metrics::Metrics;
use crate::splice;

/// How long a client has to say hello, and to take our welcome.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// Serves one leg until it is over.
pub(crate) async fn serve(shared: Arc<Shared>, connection: Connection) {
    let ended = run(&shared, &connection).await;
    if let Err(code) = ended {
        match code {
            CloseCode::Protocol | CloseCode::NoHello => Metrics::add(&shared.metrics.violations, 1),
            _ => Metrics::add(&shared.metrics.refused, 1),
        }
        tracing::debug!(id = %connection.remote_id().fmt_short(), %code, "a leg is refused");
        connection.close(code.code(), code.to_string().as_bytes());
    }
}

async fn run(shared: &Arc<Shared>, connection: &Connection) -> Result<(), CloseCode> {
    if shared.draining.borrow().is_some() {
        return Err(CloseCode::Draining);
    }
    let Some(_place) = shared.place(connection.remote_address().ip()) else { return Err(CloseCode::Full) };
    Metrics::add(&shared.metrics.waiting, 1);
    let hello = timeout(HELLO_WITHIN, hello(shared, connection)).await;
    Metrics::subtract(&shared.metrics.waiting, 1);
    let (mut send, mut frames, role, standing, settings) = hello.map_err(|_| CloseCode::NoHello)??;
    let limits = &settings.limits;
    let welcome = welcome(connection, standing, &settings);
    if role == LegRole::Observe {
        say(&mut send, &welcome).await?;
        Metrics::add(&shared.metrics.observers, 1);
        // Its frames are read and mean nothing, so that none of them fills a window.
        let heard = tokio::select! {
            heard = async { while frames.next().await?.is_some() {} Ok(()) } => heard,
            _ = connection.closed() => Ok(()),
        };
        if heard.is_ok() {
            connection.closed().await;
        }
        Metrics::subtract(&shared.metrics.observers, 1);
        return heard;
    }

    let (tell, told) = mpsc::channel(WAITING_FRAMES);
    let client =
        Client::new(connection.remote_id(), standing, connection.clone(), limits, limits.channels, tell);
    let client = Arc::new(client);
    let joined = shared.join(Arc::clone(&client)).map_err(|error| match error {
        JoinError::Full => CloseCode::Full,
        JoinError::InUse => CloseCode::InUse,
    })?;
    if let Some(older) = joined.replaced {
        older.close(CloseCode::Replaced);
    }
    Metrics::add(&shared.metrics.legs, 1);
    Metrics::add(&shared.metrics.joined, 1);
    let ended = async {
        // Before anything that others tell it.
        say(&mut send, &welcome).await?;
        let mut forwarder = Forwarder::new(Arc::clone(shared), Arc::clone(&client), limits.channels);
        let ended = tokio::select! {
            ended = forwarder.run() => ended,
            ended = control::hear(shared, &client, frames) => ended,
            () = control::speak(send, told) => Ok(()),
            () = splice::take(shared, &client) => Ok(()),
            _ = connection.closed() => Ok(()),
        };
        if ended.is_ok() && connection.close_reason().is_some() {
            // What came with the end, which a close to a peer often does. It is there already, and nothing comes after it.
            forwarder.run().await?;
        }
        ended
    };
    let ended = ended.await;
    shared.leave(client.id, joined.serial);
    Metrics::subtract(&shared.metrics.legs, 1);
    ended
}

type Hello = (SendStream, Frames, LegRole, Standing, Arc<Settings>);

async fn hello(shared: &Shared, connection: &Connection) -> Result<Hello, CloseCode> {
    let (send, recv) = connection.accept_bi().await.map_err(|_| CloseCode::NoHello)?;
    let mut frames = Frames::new(recv);
    let Some(Control::Hello { role, token }) = frames.next().await? else { return Err(CloseCode::Protocol) };
    let settings = shared.settings();
    let standing =
        settings.access.standing(connection.remote_id(), token.as_ref()).ok_or(CloseCode::Refused)?;
    Ok((send, frames, role, standing, settings))
}

fn welcome(connection: &Connection, standing: Standing, settings: &Settings) -> Control {
    let limits = match standing {
        Standing::Member => settings.limits.member(),
        Standing::Guest => settings.limits.guest(),
    };
    Control::Welcome(Welcome {
        observed: Observed::new(connection.remote_address()),
        max_channels: settings.limits.channels,
        bytes_per_second: limits.bytes.per_second,
        packets_per_second: u32::try_from(limits.packets.per_second).unwrap_or(u32::MAX),
        guest: standing == Standing::Guest,
    })
}

async fn say(send: &mut SendStream, frame: &Control) -> Result<(), CloseCode> {
    match timeout(HELLO_WITHIN, send.write_all(&frame.encode())).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(CloseCode::Stalled),
    }
}
