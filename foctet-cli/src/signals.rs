//! Ctrl-C and its kin: once to stop cleanly, twice to stop at once. The operating system's part is in this file.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use crate::exit::Exit;
use crate::report::Report;

/// Tells when the user wants the program to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    requested: watch::Receiver<bool>,
}

impl Interrupt {
    /// Starts listening for SIGINT and SIGTERM. The second one ends the process, whatever it is doing.
    ///
    /// # Errors
    /// When the operating system lets no handler be installed.
    pub(crate) fn install(report: Arc<Report>) -> io::Result<Self> {
        let mut signals = Signals::new()?;
        let (tx, requested) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            let _ = tx.send(true);
            signals.next().await;
            report.clear();
            std::process::exit(Exit::Interrupted.code().into());
        });
        Ok(Self { requested })
    }

    /// Waits until the user wants to stop.
    ///
    /// # Cancel safety
    /// Safe: the wish is remembered.
    pub(crate) async fn requested(&self) {
        // The sender lives as long as the process: an error cannot come before the wish.
        if self.requested.clone().wait_for(|requested| *requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
