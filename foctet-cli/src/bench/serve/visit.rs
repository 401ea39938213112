//! One connection.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foctet_core::TicketSecret;
use foctet_core::bench::{FailCode, Frame};
use foctet_net::{Connection, ReadError, RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::questions;
use super::server::{Admission, Server};
use crate::bench::counter::Counter;
use crate::bench::error::close_code;
use crate::bench::measures::pour;
use crate::bench::{BenchError, frames};
use crate::events::Event;
use crate::session;

/// How long a stranger has to open the control stream and show the secret.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait until a last word has arrived.
const LAST_WORD_TIMEOUT: Duration = Duration::from_secs(2);

/// Test streams served at once on a connection, each with a message of its own at most.
const MAX_STREAMS: usize = 128;

/// What a test stream is reset with that makes no sense: as a failure, [`FailCode::Protocol`].
const NONSENSE: u64 = 3;

/// Serves a connection to its end.
pub(super) async fn receive(server: Arc<Server>, connection: Connection) {
    let (mut control, secret) = match timeout(ADMISSION_TIMEOUT, hello(&connection)).await {
        Ok(Ok(admitted)) => admitted,
        Ok(Err(error)) => {
            tracing::info!(%error, "a connection said no hello");
            return connection.close(close_code(FailCode::Protocol), b"");
        }
        Err(_) => return connection.close(close_code(FailCode::Protocol), b"no hello"),
    };
    let node = connection.remote_id();
    // It goes last: streams that end before their connection does would be a riddle to the client.
    let testing = tests(&connection);
    tokio::pin!(testing);
    let ended = match server.admit(node, &secret) {
        Ok(admission) => {
            // Not before: whoever comes through a relay without the secret shall not learn where we are.
            connection.allow_direct();
            if admission.is_new() {
                server
                    .report()
                    .event(&Event::Connected { node_id: node.to_string(), path: session::path(&connection) });
            }
            serve(&server, testing.as_mut(), &mut control, &admission).await
        }
        Err(code) => Err(code),
    };
    match ended {
        Ok(()) => connection.close(0, b""),
        Err(code) => {
            tracing::info!(node = %node.fmt_short(), %code, "a connection is ended");
            control.last_word(code).await;
            connection.close(close_code(code), b"");
        }
    }
}

/// Waits for the control stream and its hello.
async fn hello(connection: &Connection) -> Result<(Control, TicketSecret), BenchError> {
    let (send, mut recv) = connection.accept_bi().await?;
    match frames::read(&mut recv).await? {
        Some(Frame::Hello { secret, .. }) => Ok((Control { send, recv }, secret)),
        _ => Err(BenchError::Unexpected("a hello")),
    }
}

/// The stream on which the client asks.
pub(super) struct Control {
    pub(super) send: SendStream,
    pub(super) recv: RecvStream,
}

impl Control {
    /// Says why it ends. Nothing can be done if that fails too.
    async fn last_word(&mut self, code: FailCode) {
        let saying = async {
            self.send.write_all(&Frame::Fail { code, detail: 0 }.encode()).await.ok();
            self.send.finish().ok();
            self.send.delivered().await.ok();
        };
        timeout(LAST_WORD_TIMEOUT, saying).await.ok();
    }
}

/// Serves whoever was let in, until it goes, its time is up, or this side stops.
async fn serve(
    server: &Server,
    testing: Pin<&mut impl Future<Output = BenchError>>,
    control: &mut Control,
    admission: &Admission,
) -> Result<(), FailCode> {
    let serving = async {
        control.send.write_all(&Frame::Welcome(admission.welcome()).encode()).await?;
        tokio::select! {
            ended = questions::answer(server, control) => ended,
            lost = testing => Err(lost),
        }
    };
    let ended = tokio::select! {
        ended = serving => ended,
        () = sleep(admission.time_left()) => return Err(FailCode::TimeUp),
        () = server.stopped() => return Err(FailCode::Stopped),
    };
    match ended {
        Ok(()) | Err(BenchError::ConnectionLost(_) | BenchError::Refused(_)) => Ok(()),
        Err(error) => {
            tracing::info!(%error, "a client broke the protocol");
            Err(FailCode::Protocol)
        }
    }
}

/// Serves test streams until the connection is over.
async fn tests(connection: &Connection) -> BenchError {
    let mut tests = JoinSet::new();
    loop {
        tokio::select! {
            opened = connection.accept_bi(), if tests.len() < MAX_STREAMS => match opened {
                Ok((send, recv)) => {
                    tests.spawn(test(send, recv));
                }
                Err(lost) => return lost.into(),
            },
            Some(_) = tests.join_next() => {}
        }
    }
}

async fn test(mut send: SendStream, mut recv: RecvStream) {
    if let Err(error) = take_part(&mut send, &mut recv).await {
        tracing::debug!(%error, "a test stream ended early");
        // Either fails where the stream is over already.
        send.reset(NONSENSE).ok();
        recv.stop(NONSENSE).ok();
    }
}

async fn take_part(send: &mut SendStream, recv: &mut RecvStream) -> Result<(), BenchError> {
    match frames::read(recv).await? {
        Some(Frame::Echo { size }) => echo(send, recv, size).await?,
        Some(Frame::Sink { warm_up_millis }) => {
            let mut counter = Counter::new(Duration::from_millis(warm_up_millis.into()));
            // The client ends it, or resets it where it does not want to wait for what is still on its way.
            while let Some(chunk) = match recv.read_chunk(usize::MAX).await {
                Err(ReadError::Reset(_)) => None,
                read => read?,
            } {
                counter.add(chunk.len(), Instant::now());
            }
            let (bytes, time) = counter.counted();
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            send.write_all(&Frame::Taken { bytes, micros, total: counter.total() }.encode()).await?;
        }
        Some(Frame::Source { millis }) => {
            pour(send, Duration::from_millis(millis.into())).await?;
        }
        Some(Frame::Touch) => {
            // Its end is here already, or about to come.
            while recv.read_chunk(usize::MAX).await?.is_some() {}
            send.write_all(&Frame::Touch.encode()).await?;
        }
        _ => return Err(BenchError::Unexpected("a test")),
    }
    send.finish().ok();
    Ok(())
}

/// Sends messages back until there are no more.
async fn echo(send: &mut SendStream, recv: &mut RecvStream, size: u32) -> Result<(), BenchError> {
    let mut message = vec![0; usize::try_from(size).unwrap_or(1)];
    loop {
        let mut filled = 0;
        while let Some(rest) = message.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match recv.read(rest).await? {
                Some(read) => filled = filled.saturating_add(read),
                None => return Ok(()),
            }
        }
        send.write_all(&message).await?;
    }
}
