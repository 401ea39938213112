//! Whether this machine can have networks of namespaces.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::Testbed;

/// Why this machine cannot have networks of namespaces.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Only root makes namespaces.
    #[error("not root")]
    NotRoot,
    /// A tool is not installed.
    #[error("{0} not found")]
    NoTool(&'static str),
    /// The kernel has no TUN devices, or does not give them to us.
    #[error("no /dev/net/tun")]
    NoTun,
    /// The kernel does not let us make a namespace with what is needed in it.
    #[error("network namespaces cannot be used: {0}")]
    NoNamespaces(String),
}

impl Testbed {
    /// Whether networks can be made here. The answer is found out once for this process.
    ///
    /// A test that needs one and cannot have it prints `SKIPPED: ` and the reason, and passes.
    pub fn available() -> Result<(), Reason> {
        static ANSWER: OnceLock<Result<(), Reason>> = OnceLock::new();
        ANSWER.get_or_init(find_out).clone()
    }
}

fn find_out() -> Result<(), Reason> {
    if !rustix::process::geteuid().is_root() {
        return Err(Reason::NotRoot);
    }
    for (tool, version) in [("ip", "-V"), ("nft", "-v"), ("tc", "-V")] {
        let runs = Command::new(tool).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !runs.is_ok_and(|status| status.success()) {
            return Err(Reason::NoTool(tool));
        }
    }
    if !Path::new("/dev/net/tun").exists() {
        return Err(Reason::NoTun);
    }
    crate::namespace::try_out().map_err(|error| Reason::NoNamespaces(error.to_string()))
}
