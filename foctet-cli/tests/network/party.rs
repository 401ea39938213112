use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use testbed::{Node, Process};

/// The longest that any awaited event may take: far more than it does, so that only what never comes is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A `foctet --json` on a node: its events with the time at which each came. Dropping it kills it.
pub(crate) struct Party {
    name: String,
    process: Process,
    started: Instant,
    events: Receiver<(Instant, Value)>,
    seen: Vec<(Duration, Value)>,
    errors: Option<JoinHandle<String>>,
}

impl Party {
    /// Starts `foctet` with these arguments, and `--json`; `input` goes to its stdin.
    pub(crate) fn start<A: AsRef<OsStr>>(
        node: &Node,
        args: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Self {
        Self::run(node, node.command(program()), args, input)
    }

    /// The same where names stand for what this file says of them, in the format of `/etc/hosts`.
    pub(crate) fn start_with_names<A: AsRef<OsStr>>(
        node: &Node,
        names: &Path,
        args: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Self {
        // What runs on a node has mounts of its own, which are gone with it.
        let mut command = node.command("sh");
        command.args(["-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]).arg(names).arg(program());
        Self::run(node, command, args, input)
    }

    fn run<A: AsRef<OsStr>>(
        node: &Node,
        mut command: Command,
        args: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Self {
        command.args(args).arg("--json").env("HOME", "/nonexistent").env_remove("FOCTET_RELAY");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut process = Process::start(command).expect("foctet starts");
        let child = process.child();
        let mut stdin = child.stdin.take().unwrap();
        // A program that has ended does not read.
        stdin.write_all(input.as_bytes()).ok();
        drop(stdin);
        let (tell, events) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let now = Instant::now();
                let event = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no event: {line:?}"));
                if tell.send((now, event)).is_err() {
                    return;
                }
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).ok();
            text
        });
        Self {
            name: node.name().to_owned(),
            process,
            started,
            events,
            seen: Vec::new(),
            errors: Some(errors),
        }
    }

    /// Waits for the first event, seen or to come, that `wanted` says yes to, and gives it with its time since the start.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> (Duration, Value) {
        match self.try_wait(PATIENCE, &wanted) {
            Some(found) => found,
            None => {
                let errors = self.stop();
                panic!("{}: no {what} in {:?}; stderr: {errors}", self.name, self.seen)
            }
        }
    }

    /// As [`wait`](Self::wait), and `None` if it does not come within `patience`, or the program ends before.
    pub(crate) fn try_wait(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Option<(Duration, Value)> {
        if let Some(found) = self.seen.iter().find(|(_, event)| wanted(event)) {
            return Some(found.clone());
        }
        let until = Instant::now() + patience;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((at, event)) => {
                    let event = (at.duration_since(self.started), event);
                    self.seen.push(event.clone());
                    if wanted(&event.1) {
                        return Some(event);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Waits for an event of this name.
    #[track_caller]
    pub(crate) fn event(&mut self, name: &str) -> (Duration, Value) {
        self.wait(name, |event| event["event"] == name)
    }

    /// The last event of this name that has come so far.
    pub(crate) fn last(&mut self, name: &str) -> Option<Value> {
        self.try_wait(Duration::ZERO, |_| false);
        self.seen.iter().rev().find(|(_, event)| event["event"] == name).map(|(_, event)| event.clone())
    }

    /// How long after the start it had a direct path, if it got one within `patience`.
    pub(crate) fn direct(&mut self, patience: Duration) -> Option<Duration> {
        let direct = |event: &Value| {
            matches!(event["event"].as_str(), Some("connected" | "path")) && event["path"]["kind"] == "direct"
        };
        self.try_wait(patience, direct).map(|(at, _)| at)
    }

    /// Waits until it has ended, which must be with this exit code, and gives all its events.
    #[track_caller]
    pub(crate) fn ends(&mut self, code: i32) -> Vec<(Duration, Value)> {
        self.try_wait(PATIENCE, |_| false);
        // Its events end when it does; one that still has some to tell is not waited for any longer.
        let over = matches!(self.events.try_recv(), Err(TryRecvError::Disconnected));
        let ended = if over { self.process.child().wait().unwrap().code() } else { None };
        if ended != Some(code) {
            let errors = self.stop();
            panic!("{}: ended with {ended:?}, not {code}: {:#?}; stderr: {errors}", self.name, self.seen);
        }
        std::mem::take(&mut self.seen)
    }

    /// The longest time between two steps of the progress, from `after` since the start on.
    pub(crate) fn longest_stall(events: &[(Duration, Value)], after: Duration) -> Duration {
        let mut last: Option<(Duration, u64)> = None;
        let mut longest = Duration::ZERO;
        for (at, event) in events.iter().filter(|(_, event)| event["event"] == "progress") {
            let bytes = event["bytes"].as_u64().unwrap();
            if last.is_none_or(|(_, before)| bytes > before) {
                if let Some((before, _)) = last
                    && *at > after
                {
                    longest = longest.max(*at - before);
                }
                last = Some((*at, bytes));
            }
        }
        longest
    }

    /// When it was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends it, and gives what it wrote to stderr.
    pub(crate) fn stop(&mut self) -> String {
        self.process.kill().ok();
        self.errors.take().map(|errors| errors.join().unwrap_or_default()).unwrap_or_default()
    }
}

/// The program under test.
fn program() -> PathBuf {
    std::env::var_os("FOCTET_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_foctet").into(), PathBuf::from)
}
