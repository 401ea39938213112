//! The side that asks.

use std::time::Duration;

use foctet_core::bench::{ALPN, FailCode, Frame, Welcome};
use foctet_core::{NodeAddr, TicketSecret};
use foctet_net::{ConnectOptions, Connection, Endpoint, RecvStream, SendStream};
use foctet_transfer::wire::DiskCause;
use tokio::time::timeout;

use super::disk::DiskSpeed;
use super::speeds::Speeds;
use super::usage::cpu_time;
use super::{BenchError, frames};

/// How long an answer may take that takes the server no time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the server's disk may take: twice as long as it writes and reads, and then its cache is still to be written.
const DISK_TIMEOUT: Duration = Duration::from_secs(120);

/// How long the server may take to end a connection that is to end.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// How to reach a server.
#[derive(Debug, Clone)]
pub(super) struct Dialler {
    pub(super) endpoint: Endpoint,
    pub(super) addr: NodeAddr,
    pub(super) secret: TicketSecret,
    pub(super) options: ConnectOptions,
}

impl Dialler {
    /// Connects, and is let in.
    ///
    /// # Errors
    /// [`BenchError`].
    ///
    /// # Cancel safety
    /// Safe: dropped, it leaves no connection.
    pub(super) async fn client(&self) -> Result<Client, BenchError> {
        let connection = self.endpoint.connect_with(self.addr.clone(), ALPN, self.options).await?;
        Client::open(connection, &self.secret).await
    }
}

/// A connection to a server that has let this side in.
#[derive(Debug)]
pub(super) struct Client {
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
    welcome: Welcome,
}

/// CPU seconds used by a test on either side, where known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cpu {
    pub(super) here: Option<f64>,
    pub(super) there: Option<f64>,
}

/// CPU time used so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    here: Option<Duration>,
    there: Option<Duration>,
}

impl Client {
    /// Opens the control stream of a new connection, and shows the secret.
    async fn open(connection: Connection, secret: &TicketSecret) -> Result<Self, BenchError> {
        let opening = async {
            let (mut send, mut recv) = connection.open_bi().await?;
            let hello = Frame::Hello { secret: secret.clone(), features: 0 };
            send.write_all(&hello.encode()).await?;
            let answer = frames::read(&mut recv).await?;
            Ok::<_, BenchError>((send, recv, answer))
        };
        let (send, recv, answer) =
            timeout(ANSWER_TIMEOUT, opening).await.map_err(|_| BenchError::Silent)??;
        let welcome = match answer {
            Some(Frame::Welcome(welcome)) => welcome,
            other => return Err(refusal(other.as_ref(), "a welcome")),
        };
        connection.allow_direct();
        Ok(Self { connection, send, recv, welcome })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What the server said of itself.
    pub(super) fn welcome(&self) -> Welcome {
        self.welcome
    }

    /// Ends it so that the server knows at once that it is free, whatever becomes of a packet that says so: it closes when
    /// it has the end of the control stream.
    pub(super) async fn end(mut self) {
        self.send.finish().ok();
        timeout(END_TIMEOUT, self.connection.closed()).await.ok();
        self.connection.close(0, b"");
    }

    /// What the server said before everything ended with `error`: a word on the control stream outlives the connection, which
    /// may be reset behind it.
    pub(super) async fn explain(&mut self, error: BenchError) -> BenchError {
        if !matches!(error, BenchError::ConnectionLost(_) | BenchError::Unexpected(_)) {
            return error;
        }
        match timeout(END_TIMEOUT, frames::read(&mut self.recv)).await {
            Ok(Ok(Some(Frame::Fail { code, .. }))) => BenchError::Refused(code),
            Ok(Err(ended @ BenchError::Refused(_))) => ended,
            _ => error,
        }
    }

    /// Ends it now.
    pub(super) fn close(self) {
        self.connection.close(0, b"");
    }

    /// The CPU time that both sides have used so far.
    pub(super) async fn usage(&mut self) -> Result<Usage, BenchError> {
        match self.ask(&Frame::Usage, ANSWER_TIMEOUT).await? {
            Some(Frame::Used { micros }) => {
                Ok(Usage { here: cpu_time(), there: micros.map(Duration::from_micros) })
            }
            other => Err(refusal(other.as_ref(), "its CPU time")),
        }
    }

    /// What both sides have used since `before`.
    pub(super) async fn cpu_since(&mut self, before: Usage) -> Result<Cpu, BenchError> {
        let after = self.usage().await?;
        let since = |before: Option<Duration>, after: Option<Duration>| {
            Some(after?.saturating_sub(before?).as_secs_f64())
        };
        Ok(Cpu { here: since(before.here, after.here), there: since(before.there, after.there) })
    }

    /// Has the server measure its disk.
    pub(super) async fn disk(&mut self, bytes: u64) -> Result<DiskSpeed, BenchError> {
        match self.ask(&Frame::Disk { bytes }, DISK_TIMEOUT).await? {
            Some(Frame::DiskDone { bytes, write_micros, read_micros }) => Ok(DiskSpeed {
                bytes,
                write: Duration::from_micros(write_micros),
                read: Duration::from_micros(read_micros),
            }),
            other => Err(refusal(other.as_ref(), "the speed of its disk")),
        }
    }

    /// Has the server measure one core.
    pub(super) async fn speeds(&mut self, block: u32) -> Result<Speeds, BenchError> {
        match self.ask(&Frame::Speeds { block }, ANSWER_TIMEOUT).await? {
            Some(Frame::SpeedsDone { seal, hash }) => Ok(Speeds { seal: seal as f64, hash: hash as f64 }),
            other => Err(refusal(other.as_ref(), "its speeds")),
        }
    }

    async fn ask(&mut self, question: &Frame, limit: Duration) -> Result<Option<Frame>, BenchError> {
        let asking = async {
            self.send.write_all(&question.encode()).await?;
            frames::read(&mut self.recv).await
        };
        timeout(limit, asking).await.map_err(|_| BenchError::Silent)?
    }
}

/// What an answer means that is not `due`.
fn refusal(answer: Option<&Frame>, due: &'static str) -> BenchError {
    match answer {
        Some(Frame::Fail { code: FailCode::Disk, detail }) => {
            BenchError::RemoteDisk(DiskCause::from_detail(*detail))
        }
        Some(Frame::Fail { code, .. }) => BenchError::Refused(*code),
        _ => BenchError::Unexpected(due),
    }
}
