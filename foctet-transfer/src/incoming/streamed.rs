use std::sync::Arc;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};

use super::fault::Fault;
use super::verifier::Sink;
use crate::error::ReceiveError;
use crate::manifest::Entry;
use crate::wire::{Failure, FailureCode};

/// Groups that may wait for the output.
const WAITING_GROUPS: usize = 2;

/// Holds each group back until it is verified.
pub(super) struct Streamed {
    group: Vec<u8>,
    verified: mpsc::Sender<Vec<u8>>,
    unwanted: Arc<Notify>,
    runtime: Handle,
}

/// Dropped when nobody is going to write out what is verified.
pub(super) struct Wanted(Arc<Notify>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Must be called on a runtime.
pub(super) fn channel() -> (Streamed, Wanted, mpsc::Receiver<Vec<u8>>) {
    let (verified, output) = mpsc::channel(WAITING_GROUPS);
    let unwanted = Arc::new(Notify::new());
    let wanted = Wanted(Arc::clone(&unwanted));
    (Streamed { group: Vec::new(), verified, unwanted, runtime: Handle::current() }, wanted, output)
}

impl Sink for Streamed {
    fn rewind(&mut self) {
        self.group.clear();
    }

    fn begin(&mut self, _entry: &Entry<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn write(&mut self, _entry: &Entry<'_>, _offset: u64, data: &[u8]) -> Result<(), Fault> {
        self.group.extend_from_slice(data);
        Ok(())
    }

    fn verified(&mut self) -> Result<(), Fault> {
        let group = std::mem::take(&mut self.group);
        let taken = self.runtime.block_on(async {
            tokio::select! {
                sent = self.verified.send(group) => sent.is_ok(),
                () = self.unwanted.notified() => false,
            }
        });
        // Whoever stopped taking knows why.
        if taken { Ok(()) } else { Err(Fault::cancelled()) }
    }

    fn end(&mut self, _entry: &Entry<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Writes verified groups out until there are no more, then flushes.
pub(super) async fn write_out(
    mut output: impl AsyncWrite + Unpin,
    mut verified: mpsc::Receiver<Vec<u8>>,
) -> Result<(), Fault> {
    while let Some(group) = verified.recv().await {
        output.write_all(&group).await.map_err(|error| output_fault(&error))?;
    }
    output.flush().await.map_err(|error| output_fault(&error))
}

fn output_fault(error: &std::io::Error) -> Fault {
    let output = ReceiveError::Output { kind: error.kind(), message: Arc::from(error.to_string()) };
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => FailureCode::DiskFull,
        // A closed pipe: whoever reads has had enough.
        std::io::ErrorKind::BrokenPipe => FailureCode::Cancelled,
        _ => FailureCode::Disk,
    };
    Fault::new(output, Failure::new(code))
}
