//! The log of `-v`, written above the progress bar.

use std::io;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::report::Report;

/// Starts the log at the level that `verbose` counts. Nothing is logged with `--json`: there, only events are printed.
pub(crate) fn start(report: &Arc<Report>, verbose: u8) {
    let Some(terminal) = report.people() else { return };
    let level = match verbose {
        0 => return,
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = ["foctet", "foctet_mux", "foctet_net", "foctet_relay", "foctet_transfer"]
        .map(|name| format!("{name}={level}"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter.join(",")))
        .with_ansi(terminal.color())
        .with_writer(AboveBar(Arc::clone(report)))
        .try_init();
    debug_assert!(started.is_ok(), "the log is started once");
}

#[derive(Clone)]
struct AboveBar(Arc<Report>);

impl<'a> MakeWriter<'a> for AboveBar {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for AboveBar {
    /// The log writes each message, with its newline, at once.
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        if let Some(terminal) = self.0.people() {
            terminal.above_bar(message);
        }
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
