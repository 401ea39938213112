//! Why something could not be done to a network.

use std::io;

/// Why something could not be done to a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This machine cannot have such networks.
    #[error("no network of namespaces can be made here: {0}")]
    Unavailable(#[from] crate::Reason),
    /// A tool could not be run at all.
    #[error("cannot run {program}: {source}")]
    Run {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A tool failed.
    #[error("{command} failed: {message}")]
    Tool {
        /// The tool, its arguments, and its input if that is where the fault is.
        command: String,
        /// What it said.
        message: String,
    },
    /// Something in a namespace could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A name that does not fit.
    #[error("{0:?} is no name for this: 1 to 32 of a-z, 0-9 and '-', a letter first")]
    Name(String),
    /// There is one of that name.
    #[error("there is a {0} already")]
    Exists(String),
    /// There is none of that name.
    #[error("there is no {0}")]
    Missing(String),
    /// No address is left for another one of this kind.
    #[error("no address is left for another {0}")]
    Full(&'static str),
    /// It was asked of a host, or of a router that is not of that kind.
    #[error("{node} cannot do that: {why}")]
    Unsuited {
        /// The name of the host or router.
        node: String,
        /// What it is not.
        why: &'static str,
    },
    /// The link between two namespaces did not come up.
    #[error("the link did not start: {0}")]
    Link(String),
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
