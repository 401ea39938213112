//! This binary once more, in a role.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{SysconfVar, sysconf};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Longer than anything here takes; a hang costs one figure, not the run.
const PATIENCE: Duration = Duration::from_secs(300);

/// As many open files as the system allows.
pub(crate) fn raise_limits() -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

/// A process in a role. It is killed when this is dropped.
pub(crate) struct Role {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Role {
    pub(crate) fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("its output")?;
        Ok(Self { child, input, lines: BufReader::new(output).lines() })
    }

    /// The next line that it prints.
    pub(crate) async fn line(&mut self) -> anyhow::Result<String> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.context("a role says nothing")??;
        line.context("a role ended early")
    }

    /// Gives it a line.
    pub(crate) async fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("its input is closed")?;
        input.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(input.flush().await?)
    }

    /// Lets it end by itself.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.input.take();
        let _ = timeout(PATIENCE, self.child.wait()).await??;
        Ok(())
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let pid = self.child.id().context("it has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{pid}/{file}"))?)
    }

    /// CPU seconds so far, user and system.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        // User and system time are the 12th and 13th behind the name, which ends with the last parenthesis.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let mut ticks = 0;
        for field in fields.skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
        let second = sysconf(SysconfVar::CLK_TCK)?.context("ticks")?;
        Ok(ticks as f64 / second as f64)
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
        Ok(line.split_whitespace().nth(1).context("VmRSS")?.parse()?)
    }
}

/// In a role: waits for a line of the parent's, or its end.
pub(crate) async fn told() -> anyhow::Result<()> {
    let mut byte = [0];
    while tokio::io::stdin().read(&mut byte).await? > 0 && byte != *b"\n" {}
    Ok(())
}
