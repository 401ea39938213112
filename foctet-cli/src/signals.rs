//! Ctrl-C and its kin: once to stop cleanly, twice to stop at once. The operating system's part is in this file.

use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::exit::Exit;

/// How long the program has to end in order after the second signal. Beyond it, it hangs in a call of the operating
/// system's, and ends from where it is.
const HANGS_AFTER: Duration = Duration::from_secs(2);

/// Tells when the user wants the program to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    /// How often.
    requested: watch::Receiver<u8>,
}

impl Interrupt {
    /// Starts listening for SIGINT and SIGTERM. The second one [ends](Self::insisted) the process, whatever it is doing.
    ///
    /// # Errors
    /// When the operating system lets no handler be installed.
    pub(crate) fn install() -> io::Result<Self> {
        let mut signals = Signals::new()?;
        let (tx, requested) = watch::channel(0);
        tokio::spawn(async move {
            signals.next().await;
            tx.send_replace(1);
            signals.next().await;
            tx.send_replace(2);
            // Not at once: libraries may abort a process that exits while another thread is at work in them, as AWS-LC does.
            sleep(HANGS_AFTER).await;
            std::process::exit(Exit::Interrupted.code().into());
        });
        Ok(Self { requested })
    }

    /// Waits until the user wants to stop.
    ///
    /// # Cancel safety
    /// Safe: the wish is remembered.
    pub(crate) async fn requested(&self) {
        self.requested_times(1).await;
    }

    /// Waits until the user wants to stop at once, whatever is lost by it.
    ///
    /// # Cancel safety
    /// Safe: the wish is remembered.
    pub(crate) async fn insisted(&self) {
        self.requested_times(2).await;
    }

    async fn requested_times(&self, times: u8) {
        // The sender lives as long as the process: an error cannot come before the wish.
        if self.requested.clone().wait_for(|requested| *requested >= times).await.is_err() {
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
