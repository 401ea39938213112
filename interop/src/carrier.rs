//! A carrier in memory that a test can cut or silence.

use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

/// Bytes in flight in each direction before the writer has to wait.
const CAPACITY: usize = 64 * 1024;

/// The middle of a carrier: two tasks that copy, one a direction, until told otherwise.
#[derive(Debug)]
pub struct Wire {
    pumps: JoinHandle<(DuplexStream, DuplexStream)>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Wire {
    /// Two ends and the wire between them.
    pub(crate) fn new() -> (DuplexStream, DuplexStream, Self) {
        let (left, mut left_inner) = tokio::io::duplex(CAPACITY);
        let (right, mut right_inner) = tokio::io::duplex(CAPACITY);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let pumps = tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut left_inner, &mut right_inner) => {}
                // A dropped `Wire` leaves the carrier in place.
                Ok(()) = stopped => {}
            }
            (left_inner, right_inner)
        });
        (left, right, Self { pumps, stop })
    }

    /// Ends the carrier in both directions at once, as a process that dies does.
    pub async fn cut(self) {
        let (mut left, mut right) = self.halt().await;
        left.shutdown().await.ok();
        right.shutdown().await.ok();
    }

    /// Lets no further byte through in either direction, as a cable that is pulled does. The carrier stays open
    /// while the result is held.
    pub async fn silence(self) -> (DuplexStream, DuplexStream) {
        self.halt().await
    }

    async fn halt(self) -> (DuplexStream, DuplexStream) {
        self.stop.send(()).expect("the wire still carries");
        self.pumps.await.expect("the wire does not panic")
    }
}
