//! Runs one command and writes what it used: `measure --out FILE [--pid FILE] -- COMMAND ARGUMENT...`
//!
//! `FILE` gets one line: wall seconds, CPU seconds (user and system, with every descendant that was waited for),
//! peak resident memory of the largest of these processes in KiB, exit code (128 and the signal's number where
//! one ended it). The exit code is the command's.
#![forbid(unsafe_code)]

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// Runs one command and writes what it used.
#[derive(Debug, Parser)]
struct Options {
    /// Where to write it.
    #[arg(long)]
    out: PathBuf,
    /// Where to write the command's process number once it runs.
    #[arg(long)]
    pid: Option<PathBuf>,
    /// What to run.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<std::ffi::OsString>,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let (program, arguments) = options.command.split_first().ok_or_else(|| anyhow::anyhow!("no command"))?;
    let start = Instant::now();
    let mut child = Command::new(program).args(arguments).spawn()?;
    if let Some(path) = &options.pid {
        std::fs::write(path, child.id().to_string())?;
    }
    let status = child.wait()?;
    let seconds = start.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    std::fs::write(&options.out, format!("{seconds:.4} {cpu:.4} {} {code}\n", usage.max_rss()))?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}
