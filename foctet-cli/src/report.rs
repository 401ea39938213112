//! Telling what happens: as JSON to scripts, in words to people.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::args::OutputArgs;
use crate::events::{Event, Path};
use crate::progress::Sample;

mod bar;
mod escape;
mod terminal;
mod units;
mod words;

pub(crate) use escape::{NAME_COLUMNS, escape, escape_json, escape_within};
pub(crate) use terminal::Terminal;
pub(crate) use units::{bytes as show_bytes, files as show_files};
pub(crate) use words::{Role, error_lines, whole_way};

/// Where everything that the program tells goes.
#[derive(Debug)]
pub(crate) enum Report {
    /// `--json`: events for scripts.
    Json(JsonLines),
    /// Words for people on stderr.
    People { terminal: Terminal, role: Role },
}

impl Report {
    /// Reports as `args` ask. `payload_on_stdout` moves the events to stderr.
    pub(crate) fn new(args: &OutputArgs, role: Role, payload_on_stdout: bool) -> Self {
        if args.json {
            Self::Json(JsonLines::new(payload_on_stdout))
        } else {
            Self::People { terminal: Terminal::new(args), role }
        }
    }

    /// Tells one event.
    pub(crate) fn event(&self, event: &Event) {
        match self {
            Self::Json(lines) => lines.write(event),
            Self::People { terminal, role } => match event {
                // The bar shows progress.
                Event::Progress { .. } => {}
                Event::Listening { .. } => terminal.essential(&words::describe(event, *role)),
                Event::Error { message, hint, .. } => {
                    terminal.essential(&error_lines(message, hint, terminal.color()));
                }
                _ => terminal.line(&words::describe(event, *role)),
            },
        }
    }

    /// Tells how far a transfer has come: an event for scripts, the bar for people.
    pub(crate) fn progress(&self, sample: &Sample, label: &str, path: &Path, node_id: Option<String>) {
        match self {
            Self::Json(lines) => lines.write(&Event::Progress {
                bytes: sample.bytes,
                total: sample.total,
                files: sample.files,
                rate: sample.rate.unwrap_or(0),
                path: path.clone(),
                node_id,
            }),
            Self::People { terminal, .. } => {
                let ways = [whole_way(path), words::way(path)];
                terminal.bar(|columns| bar::render(label, sample, &ways, columns));
            }
        }
    }

    /// The terminal, where there are people to talk to.
    pub(crate) fn people(&self) -> Option<&Terminal> {
        match self {
            Self::Json(_) => None,
            Self::People { terminal, .. } => Some(terminal),
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        if let Some(terminal) = self.people() {
            terminal.clear_bar();
        }
    }
}

/// Events as lines of JSON.
///
/// A reader that goes away ends the events, not the transfer: its exit code still tells how it went.
#[derive(Debug)]
pub(crate) struct JsonLines {
    to_stderr: bool,
    closed: AtomicBool,
    one_at_a_time: Mutex<()>,
}

impl JsonLines {
    pub(crate) fn new(to_stderr: bool) -> Self {
        Self { to_stderr, closed: AtomicBool::new(false), one_at_a_time: Mutex::new(()) }
    }

    fn write(&self, event: &Event) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let line = event.to_json() + "\n";
        let _guard = self.one_at_a_time.lock();
        let written = if self.to_stderr {
            io::stderr().lock().write_all(line.as_bytes())
        } else {
            let mut stdout = io::stdout().lock();
            stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush())
        };
        if written.is_err() {
            self.closed.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether stdin and stderr are both a terminal, so that a question can be asked and answered.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Writes `bytes` to stdout. A reader that has gone away is no error: there is no one left to tell.
pub(crate) fn print(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
