//! The program as a process: started, listened to, and always ended by the test that started it.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The longest that any awaited event may take: far more than it does, so that only what never comes is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How a process ended and what it said.
pub(crate) struct Outcome {
    /// The exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// The events that no one waited for.
    pub(crate) events: Vec<Value>,
    /// All of stdout, where it carried no events.
    pub(crate) stdout: Vec<u8>,
    /// All of stderr.
    pub(crate) stderr: String,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let events: Vec<String> = self.events.iter().map(Value::to_string).collect();
        write!(f, "exit code {:?}, {} bytes on stdout, ", self.code, self.stdout.len())?;
        write!(f, "events {events:#?}, stderr {:?}", self.stderr)
    }
}

impl Outcome {
    /// The first event of this name among those not yet waited for.
    #[track_caller]
    pub(crate) fn event(&self, name: &str) -> &Value {
        self.events
            .iter()
            .find(|event| event["event"] == name)
            .unwrap_or_else(|| panic!("no {name} event in {self:?}"))
    }

    /// Asserts an exit code, the code of the error event, and that it comes with a hint.
    #[track_caller]
    pub(crate) fn assert_failed(&self, exit: i32, code: &str) {
        assert_eq!(self.code, Some(exit), "{self:?}");
        let error = self.event("error");
        assert_eq!(error["code"], code, "{self:?}");
        for field in ["message", "hint"] {
            assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {self:?}");
        }
    }

    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.code, Some(0), "{self:?}");
    }
}

/// `foctet` with these arguments, in an environment that holds nothing of the tester's.
pub(crate) fn foctet<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foctet"));
    command.args(args).env_clear().envs(std::env::vars().filter(|(name, _)| name == "PATH"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command that is expected to end by itself.
#[track_caller]
pub(crate) fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Outcome {
    Process::start(foctet(args)).finish()
}

/// A running `foctet`. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    readers: Vec<JoinHandle<()>>,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

impl Process {
    /// Starts `command`, whose stdout or stderr may carry events.
    #[track_caller]
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let (line_tx, lines) = channel();
        let (stdout_tx, stdout) = channel();
        let (stderr_tx, stderr) = channel();
        let mut readers = Vec::new();
        let err_lines = line_tx.clone();
        if let Some(pipe) = child.stdout.take() {
            readers.push(std::thread::spawn(move || {
                let _ = stdout_tx.send(read_lines(pipe, |line| {
                    let _ = line_tx.send(line);
                }));
            }));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.push(std::thread::spawn(move || {
                let _ = stderr_tx.send(read_lines(pipe, |line| {
                    let _ = err_lines.send(line);
                }));
            }));
        }
        Self { child, lines, readers, stdout, stderr }
    }

    /// Starts `foctet send --json` on loopback, and returns it with its ticket.
    #[track_caller]
    pub(crate) fn send<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> (Self, String) {
        let mut command = foctet(["send", "--json", "--bind", "127.0.0.1:0"]);
        command.args(args);
        let process = Self::start(command);
        let ticket = process.wait_for("listening")["ticket"].as_str().expect("a ticket").to_owned();
        (process, ticket)
    }

    /// Starts `foctet receive --json -y` into `dir` on loopback.
    #[track_caller]
    pub(crate) fn receive(ticket: &str, dir: &Path, args: &[&str]) -> Self {
        let mut command = foctet(["receive", ticket, "--json", "-y", "--bind", "127.0.0.1:0", "-o"]);
        command.arg(dir).args(args);
        Self::start(command)
    }

    /// The next event of this name; others before it are passed over.
    #[track_caller]
    pub(crate) fn wait_for(&self, name: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => match serde_json::from_str::<Value>(&line) {
                    Ok(event) if event["event"] == name => return event,
                    _ => before.push(line),
                },
                Err(RecvTimeoutError::Timeout) => panic!("no {name} event in time, but {before:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("no {name} event at all, but {before:?}"),
            }
        }
    }

    /// Waits until content has moved.
    #[track_caller]
    pub(crate) fn wait_for_content(&self) {
        while self.wait_for("progress")["bytes"] == 0 {}
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the process is ours and not yet waited for");
    }

    /// Kills the process with no chance to clean up.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether the process still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the state of a child can be read").is_none()
    }

    /// Waits for the end, for as long as patience lasts.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Outcome {
        let status = self.wait();
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        let bytes = |receiver: &Receiver<Vec<u8>>| receiver.try_recv().unwrap_or_default();
        Outcome {
            code: status.code(),
            events: self.lines.try_iter().filter_map(|line| serde_json::from_str(&line).ok()).collect(),
            stdout: bytes(&self.stdout),
            stderr: String::from_utf8_lossy(&bytes(&self.stderr)).into_owned(),
        }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of a child can be read") {
                return status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let lines: Vec<String> = self.lines.try_iter().collect();
                panic!("the program did not end in time; it said {lines:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads to the end; lines that look like events are handed on as they come.
fn read_lines(pipe: impl Read, event: impl Fn(String)) -> Vec<u8> {
    let mut pipe = BufReader::new(pipe);
    let mut all = Vec::new();
    loop {
        let start = all.len();
        match pipe.read_until(b'\n', &mut all) {
            Ok(0) | Err(_) => return all,
            Ok(_) => {
                let line = &all[start..];
                if line.starts_with(b"{\"v\":1,") {
                    event(String::from_utf8_lossy(line).into_owned());
                }
            }
        }
    }
}
