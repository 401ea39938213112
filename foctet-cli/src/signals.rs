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

/// What whoever runs a lasting service wants of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// SIGHUP: to read its configuration again.
    Reload,
    /// SIGTERM: to end once its clients had time to leave.
    Drain,
    /// Ctrl-C: to end.
    Stop,
}

/// The signals to a lasting service, told apart. [`Interrupt`] sees to a second one all the same.
#[cfg(unix)]
pub(crate) struct OperatorSignals {
    hangup: tokio::signal::unix::Signal,
    ends: Signals,
}

#[cfg(unix)]
impl OperatorSignals {
    /// Starts listening.
    ///
    /// # Errors
    /// When the operating system lets no handler be installed.
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { hangup: signal(SignalKind::hangup())?, ends: Signals::new()? })
    }

    /// The next one.
    ///
    /// # Cancel safety
    /// Safe: what came meanwhile is remembered.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.ends.terminate.recv() => Wish::Drain,
            _ = self.ends.interrupt.recv() => Wish::Stop,
        }
    }
}

/// Ctrl-C is all that there is.
#[cfg(not(unix))]
pub(crate) struct OperatorSignals(Signals);

#[cfg(not(unix))]
impl OperatorSignals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Signals::new()?))
    }

    pub(crate) async fn next(&mut self) -> Wish {
        self.0.next().await;
        Wish::Stop
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
