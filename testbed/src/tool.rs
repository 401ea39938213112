//! Running the tools that configure the network.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::Error;

/// Runs `command`, with `input` on its standard input, and gives what it printed.
pub(crate) fn run(mut command: Command, input: Option<&str>) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let cannot_run = |source| Error::Run { program: program.clone(), source };
    command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(cannot_run)?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A tool that fails early does not read on; its message says more than the broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(cannot_run)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut text = program.clone();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    if let Some(input) = input {
        text.push_str(" <<\n");
        text.push_str(input);
    }
    let mut message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if message.is_empty() {
        message = output.status.to_string();
    }
    Err(Error::Tool { command: text, message })
}

/// Runs `ip` with these arguments, separated by spaces.
pub(crate) fn ip(arguments: &str) -> Result<String, Error> {
    let mut command = Command::new("ip");
    command.args(arguments.split_whitespace());
    run(command, None)
}
