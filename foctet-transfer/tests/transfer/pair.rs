//! Two endpoints on loopback and transfers between them.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::TicketSecret;
use foctet_net::{ConnectError, Connection, Endpoint, Transport, Transports};
use foctet_transfer::{
    Event, Incoming, Offer, OnConflict, ReceiveError, SaveOptions, ScanOptions, SendError, Sender, Summary,
    wire::ALPN,
};
use tempfile::TempDir;

/// Far more than anything here takes: what is still waiting then hangs.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Pair {
    receiving: Endpoint,
    sending: Endpoint,
    home: TempDir,
}

/// Both results of a transfer.
pub(crate) type Results = (Result<Summary, SendError>, Result<Summary, ReceiveError>);

/// A connection being made.
pub(crate) type Dialled = Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>;

pub(crate) fn secret() -> TicketSecret {
    TicketSecret::from_bytes([7; 16])
}

async fn endpoint(transport: Transport) -> Endpoint {
    let transports = Transports::Only(transport);
    let builder = Endpoint::builder().alpns([ALPN]).bind(([127, 0, 0, 1], 0).into()).transports(transports);
    builder.build().await.unwrap()
}

impl Pair {
    /// The receiver's end and the sender's end of a new connection.
    pub(crate) async fn connect(&self) -> (Connection, Connection) {
        let (receiver, sender) =
            tokio::join!(self.receiving.connect(self.sending.addr(), ALPN), self.sending.accept());
        (receiver.unwrap(), sender.unwrap())
    }

    /// Makes connections, whose other ends [`accept`](Self::accept) gives.
    pub(crate) fn dialler(&self) -> impl Fn() -> Dialled + Send + 'static {
        let (receiving, addr) = (self.receiving.clone(), self.sending.addr());
        move || {
            let (receiving, addr) = (receiving.clone(), addr.clone());
            Box::pin(async move { receiving.connect(addr, ALPN).await })
        }
    }

    /// The sender's end of the next connection.
    pub(crate) async fn accept(&self) -> Connection {
        self.sending.accept().await.unwrap()
    }

    /// A directory to send from.
    pub(crate) fn source(&self) -> PathBuf {
        self.home.path().join("from")
    }

    /// A directory to receive into.
    pub(crate) fn target(&self) -> PathBuf {
        self.home.path().join("into")
    }

    /// A directory that nothing may be written to.
    pub(crate) fn outside(&self) -> PathBuf {
        self.home.path().join("outside")
    }

    pub(crate) fn offer(&self, names: &[&str]) -> Arc<Offer> {
        let paths: Vec<_> = names.iter().map(|name| self.source().join(name)).collect();
        Arc::new(Offer::scan(&paths, &ScanOptions::default()).unwrap())
    }

    /// Sends these names of the source directory and saves them.
    pub(crate) async fn transfer(&self, names: &[&str], on_conflict: OnConflict) -> Results {
        self.transfer_with(self.offer(names), &self.target(), on_conflict, |_| (), |_| ()).await
    }

    pub(crate) async fn transfer_with(
        &self,
        offer: Arc<Offer>,
        into: &Path,
        on_conflict: OnConflict,
        sent: impl Fn(Event) + Send + Sync,
        received: impl Fn(Event) + Send + Sync,
    ) -> Results {
        let (receiver, sender) = self.connect().await;
        let serving = Sender::new(offer, secret());
        let receive = async {
            let incoming = Incoming::fetch(&receiver, &secret()).await?;
            incoming.save_into(into, &SaveOptions::default().with_on_conflict(on_conflict), received).await
        };
        tokio::join!(serving.serve(&sender, sent), receive)
    }
}

/// Runs one behaviour over one transport.
pub(crate) async fn run<F: Future<Output = ()>>(transport: Transport, behaviour: impl FnOnce(Pair) -> F) {
    let test = async {
        let (receiving, sending) = (endpoint(transport).await, endpoint(transport).await);
        let home = tempfile::tempdir().unwrap();
        let pair = Pair { receiving, sending, home };
        for dir in [pair.source(), pair.target(), pair.outside()] {
            std::fs::create_dir(dir).unwrap();
        }
        behaviour(pair).await;
    };
    tokio::time::timeout(PATIENCE, test).await.expect("something hangs");
}
