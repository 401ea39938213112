//! Words for people on stderr, with the progress bar as the last line.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::args::{ColorChoice, OutputArgs};

/// The width of a terminal that does not tell.
const DEFAULT_COLUMNS: usize = 80;

/// Returns to the first column and clears the line.
const CLEAR_LINE: &str = "\r\x1b[K";

/// Stderr, shared by messages, the bar and the log. Errors in writing to it are ignored: there is no one else to tell.
#[derive(Debug)]
pub(crate) struct Terminal {
    quiet: bool,
    color: bool,
    bar: bool,
    /// The bar as it stands on the last line.
    drawn: Mutex<Option<String>>,
}

impl Terminal {
    /// Settles what stderr can show.
    pub(crate) fn new(args: &OutputArgs) -> Self {
        let capable =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let color = match args.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => capable && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        Self {
            quiet: args.quiet,
            color,
            bar: capable && !args.quiet && !args.no_progress,
            drawn: Mutex::new(None),
        }
    }

    /// Whether colour is wanted.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// Writes what `--quiet` leaves out.
    pub(crate) fn line(&self, text: &str) {
        if !self.quiet {
            self.essential(text);
        }
    }

    /// Writes one or more lines above the bar.
    pub(crate) fn essential(&self, text: &str) {
        if !text.is_empty() {
            self.above_bar(format!("{text}\n").as_bytes());
        }
    }

    /// Writes a question, and leaves the cursor behind it.
    pub(crate) fn ask(&self, question: &str) {
        let mut drawn = self.lock();
        let clear = if drawn.take().is_some() { CLEAR_LINE } else { "" };
        write(format!("{clear}{question} ").as_bytes());
    }

    /// Writes complete lines above the bar as they are.
    pub(crate) fn above_bar(&self, lines: &[u8]) {
        let drawn = self.lock();
        match &*drawn {
            Some(bar) => write(&[CLEAR_LINE.as_bytes(), lines, bar.as_bytes()].concat()),
            None => write(lines),
        }
    }

    /// Redraws the bar as `render` makes it for a number of columns.
    pub(crate) fn bar(&self, render: impl FnOnce(usize) -> String) {
        if self.bar {
            // The last column stays free: some terminals wrap when it is written.
            let bar = render(columns().saturating_sub(1));
            let mut drawn = self.lock();
            write(format!("{CLEAR_LINE}{bar}").as_bytes());
            *drawn = Some(bar);
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear_bar(&self) {
        if self.lock().take().is_some() {
            write(CLEAR_LINE.as_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
}

#[cfg(unix)]
fn columns() -> usize {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => DEFAULT_COLUMNS,
    }
}

#[cfg(not(unix))]
fn columns() -> usize {
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(DEFAULT_COLUMNS)
}
