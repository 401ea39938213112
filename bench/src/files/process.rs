//! Processes that are measured, and that do not outlive a failure.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::used::Used;

/// How long something that a process of ours is about to do may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// A command that runs and is measured. It is killed, with all that it started, if it is dropped before its end.
pub(super) struct Running {
    child: Option<Child>,
    measured: Option<Measured>,
    /// Where its standard error goes.
    log: PathBuf,
}

/// Where it is written what was used, and the number of the process that is measured.
struct Measured {
    out: PathBuf,
    pid: PathBuf,
}

impl Running {
    /// Starts it. What it needs for itself goes to `directory`, under `name`.
    pub(super) fn start(
        command: &Command,
        directory: &Path,
        name: &str,
        measured: bool,
    ) -> anyhow::Result<Self> {
        Self::with_output(command, directory, name, measured, Stdio::null())
    }

    /// The same with its output piped, of which `look` gets each line until it has found what it looks for.
    pub(super) fn start_and_find<T>(
        command: &Command,
        directory: &Path,
        name: &str,
        measured: bool,
        mut look: impl FnMut(&str) -> Option<T>,
    ) -> anyhow::Result<(Self, T)> {
        let mut running = Self::with_output(command, directory, name, measured, Stdio::piped())?;
        let output = running.child.as_mut().and_then(|child| child.stdout.take()).context("its output")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        loop {
            line.clear();
            if output.read_line(&mut line)? == 0 {
                anyhow::bail!("{name} ended early: {}", running.last_words());
            }
            if let Some(found) = look(&line) {
                // Whatever follows has to go somewhere.
                std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
                return Ok((running, found));
            }
        }
    }

    fn with_output(
        command: &Command,
        directory: &Path,
        name: &str,
        measured: bool,
        output: Stdio,
    ) -> anyhow::Result<Self> {
        let [out, pid, log] = ["used", "pid", "log"].map(|what| directory.join(format!("{name}.{what}")));
        let mut started = Command::new(command.get_program());
        if measured {
            started = Command::new(std::env::current_exe()?);
            started.arg("used").arg("--out").arg(&out).arg("--pid").arg(&pid).arg("--");
            started.arg(command.get_program());
        }
        started.args(command.get_args()).stdin(Stdio::null()).stdout(output);
        started.stderr(std::fs::File::create(&log)?).process_group(0);
        started.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let child = Some(started.spawn()?);
        Ok(Self { child, measured: measured.then_some(Measured { out, pid }), log })
    }

    /// Waits for its end, which has to be a success. Gives what it used, if that is measured.
    pub(super) fn done(mut self) -> anyhow::Result<Option<Used>> {
        let mut child = self.child.take().context("it has ended")?;
        let status = child.wait()?;
        anyhow::ensure!(status.success(), "{status}: {}", self.last_words());
        self.used()
    }

    fn used(&self) -> anyhow::Result<Option<Used>> {
        self.measured.as_ref().map(|measured| Used::read(&measured.out)).transpose()
    }

    /// Asks a server to end, once nothing that it started still runs, so that this counts.
    pub(super) fn stop(mut self) -> anyhow::Result<Option<Used>> {
        let mut child = self.child.take().context("it has ended")?;
        let pid = match &self.measured {
            Some(measured) => std::fs::read_to_string(&measured.pid)?.parse()?,
            None => i32::try_from(child.id())?,
        };
        until("a server's children have ended", || {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            Ok(children.map_or(true, |children| children.trim().is_empty()))
        })?;
        kill(Pid::from_raw(pid), Signal::SIGTERM)?;
        child.wait()?;
        self.used()
    }

    /// Waits until it listens at this port.
    pub(super) fn listens(&mut self, port: u16) -> anyhow::Result<()> {
        let mut child = self.child.take().context("it has ended")?;
        let listens = until("a server listens", || {
            anyhow::ensure!(child.try_wait()?.is_none(), "it ended early: {}", self.last_words());
            Ok(is_listening(port))
        });
        self.child = Some(child);
        listens
    }

    /// The end of what it wrote to its standard error.
    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("; ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            if let Ok(group) = i32::try_from(child.id()) {
                killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
            }
            child.wait().ok();
        }
    }
}

/// Waits for something that will become true.
pub(super) fn until(what: &str, mut is: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let start = Instant::now();
    while !is()? {
        anyhow::ensure!(start.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// A port of loopback that nobody uses at the moment.
pub(super) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Without connecting to it: some servers serve one connection only.
fn is_listening(port: u16) -> bool {
    let suffix = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        // State 0A is listening.
        fields.next().is_some_and(|local| local.ends_with(&suffix)) && fields.nth(1) == Some("0A")
    })
}

/// Whether there is a program of this name.
pub(super) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .any(|directory| directory.join(program).is_file())
}

/// Runs something that is not measured.
pub(super) fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "{:?}: {} {}",
        command.get_program(),
        errors.trim(),
        text.trim()
    );
    Ok(text)
}
