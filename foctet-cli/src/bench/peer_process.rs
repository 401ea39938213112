//! The other end on this machine: a process of its own, so that the CPU time of each end is known.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use foctet_core::Ticket;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::exit::{Exit, Failure};

/// How long it may take to say where it listens: a machine that is very busy starts a program slowly.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How long it may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest line that it says: a ticket and some addresses.
const MAX_LINE: u64 = 65_536;

/// A `foctet bench --serve` on loopback. It ends when this is dropped, and when this process ends in whatever way: then its
/// stdin does.
#[derive(Debug)]
pub(super) struct PeerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    ticket: Ticket,
}

impl PeerProcess {
    /// Starts it with these arguments besides, and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be started, or does not listen.
    pub(super) async fn start(more: &[OsString]) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| failed(&error.to_string()))?;
        let mut command = Command::new(program);
        command.args(["bench", "--serve", "--json", "--until-eof", "--no-disk", "--session", "24h"]);
        command.args(["--bind", "127.0.0.1:0"]).args(more);
        // What is set for this process was not meant for that one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FOCTET_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(|| failed("it has no output"))?;
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        let reading = async { (&mut lines).take(MAX_LINE).read_line(&mut line).await };
        match timeout(START_TIMEOUT, reading).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(failed(&error.to_string())),
            Err(_) => return Err(failed("it said nothing")),
        }
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        let ticket = event.get("ticket").and_then(Value::as_str).and_then(|ticket| ticket.parse().ok());
        let ticket = ticket.ok_or_else(|| {
            failed(event.get("message").and_then(Value::as_str).unwrap_or("it did not say where it listens"))
        })?;
        // What else it says is of no interest, but it shall not wait for it to be read.
        tokio::spawn(async move { tokio::io::copy(&mut lines, &mut tokio::io::sink()).await });
        Ok(Self { child, stdin, ticket })
    }

    /// How to reach it.
    pub(super) fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Ends it.
    pub(super) async fn stop(mut self) {
        drop(self.stdin.take());
        if timeout(END_TIMEOUT, self.child.wait()).await.is_err() {
            self.child.kill().await.ok();
        }
    }
}

fn failed(why: &str) -> Failure {
    Failure::new(
        Exit::Other,
        "system",
        format!("cannot start the other end as a process on this machine: {why}"),
        "check that this program can be run here; or measure with another node: `foctet bench --serve` there",
    )
}
