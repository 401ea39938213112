//! A link that is run by a process of its own, for networks that outlive the one who made them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Error;
use crate::link::{Ends, Shape};

/// What the program prints once the devices are there.
pub(crate) const READY: &str = "ready";

/// Starts the program, and waits until the devices are there.
pub(super) fn start(program: &Path, ends: &Ends, shapes: [Shape; 2]) -> Result<Child, Error> {
    // It shall be found as a process of the network's internet, and be ended with it.
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &ends.far.0]).arg(program).arg("link");
    for (space, device) in [&ends.near, &ends.far] {
        command.arg(format!("{space}/{device}"));
    }
    command.args(shapes.map(|shape| shape.to_string()));
    let cannot_run = |source| Error::Run { program: program.display().to_string(), source };
    // Pipes of its own: with ours, it would keep open for whoever started us what we were given.
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot_run)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(cannot_run)?;
    }
    if line.trim_end() != READY {
        let _ = child.kill();
        let mut message = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            let _ = stderr.read_to_string(&mut message);
        }
        let _ = child.wait();
        return Err(Error::Link(message.trim_end().to_owned()));
    }
    drop(child.stderr.take());
    Ok(child)
}
