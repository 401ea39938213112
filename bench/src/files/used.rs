//! Runs one command and writes what it used. It is a process of its own, so that what is counted is this command's.
//!
//! The file gets one line: CPU seconds (user and system, with every descendant that was waited for), and peak resident
//! memory of the largest of these processes in KiB. The exit code is the command's, or 128 and the signal's number
//! where one ended it.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::Args;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// What to run, and where to write.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to write it.
    #[arg(long)]
    out: PathBuf,
    /// Where to write the command's process number once it runs.
    #[arg(long)]
    pid: PathBuf,
    /// What to run.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<std::ffi::OsString>,
}

/// Runs it to its end.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (program, arguments) = options.command.split_first().context("no command")?;
    let mut child = Command::new(program).args(arguments).spawn()?;
    std::fs::write(&options.pid, child.id().to_string())?;
    let status = child.wait()?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    std::fs::write(&options.out, format!("{cpu:.6} {}\n", usage.max_rss()))?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// What a command used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// CPU seconds, user and system.
    pub(crate) cpu: f64,
    /// Peak resident memory of its largest process, in MiB.
    pub(crate) peak: f64,
}

impl Used {
    /// As it was written.
    pub(crate) fn read(path: &std::path::Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let values: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [cpu, peak] = values[..] else { anyhow::bail!("two figures in {text:?}") };
        Ok(Self { cpu, peak: peak / 1024.0 })
    }
}
