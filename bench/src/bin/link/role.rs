//! A process in a namespace.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::Context as _;
use nix::unistd::{SysconfVar, sysconf};

/// A process that prints lines. It is killed when this is dropped.
pub(crate) struct Role {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Role {
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Self { child, output })
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        anyhow::ensure!(self.output.read_line(&mut line)? > 0, "a role ended early");
        Ok(line.trim_end().to_owned())
    }

    /// CPU seconds so far, user and system.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // User and system time are the 12th and 13th behind the name, which ends with the last parenthesis.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let mut ticks = 0;
        for field in fields.skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
        let second = sysconf(SysconfVar::CLK_TCK)?.context("ticks")?;
        Ok(ticks as f64 / second as f64)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It has ended already, if that fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
