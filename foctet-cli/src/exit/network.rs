use std::io;

use foctet_net::{BindError, ConnectError, ConnectionError, KeyFileError};

use super::{Exit, Failure};

/// What helps where a peer cannot be reached.
const REACH_HINT: &str =
    "check that `foctet send` still runs there, and that a firewall lets its port through";

/// What helps where the wrong node, or none of ours, answers.
const IDENTITY_HINT: &str =
    "another program may have taken the sender's address; ask the sender for a new ticket";

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let (exit, code, hint) = match &error {
            KeyFileError::Exposed { path, .. } => {
                (Exit::Refused, "identity-exposed", format!("run: chmod 600 {}", path.display()))
            }
            KeyFileError::Newer { .. } => {
                (Exit::Refused, "identity-newer", "install a newer foctet, or name another file".to_owned())
            }
            KeyFileError::Malformed { .. } => (
                Exit::Refused,
                "identity-invalid",
                "name another file, which is created if missing".to_owned(),
            ),
            KeyFileError::NoRandomness => (Exit::Other, "system", "try again".to_owned()),
            _ => (Exit::Disk, "identity-file", "check the path that --identity gives".to_owned()),
        };
        Self::new(exit, code, error.to_string(), hint)
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        let hint = match &error {
            BindError::NoFamily | BindError::NoRandomness => "check this machine's network",
            _ => "choose another address or port with --bind; port 0 takes any that is free",
        };
        Self::new(Exit::Other, "bind", error.to_string(), hint)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let (exit, code, hint) = match &error {
            ConnectError::TimedOut { .. } => (Exit::Unreachable, "timeout", REACH_HINT),
            ConnectError::Unreachable { .. } => (Exit::Unreachable, "unreachable", REACH_HINT),
            ConnectError::NoAddresses => (
                Exit::Unreachable,
                "unreachable",
                "try --transport auto, and a --bind address of the same family",
            ),
            ConnectError::WrongIdentity { .. } => (Exit::Refused, "wrong-node", IDENTITY_HINT),
            ConnectError::SelfConnect => {
                (Exit::Refused, "wrong-node", "sender and receiver need keys of their own: check --identity")
            }
            ConnectError::Refused => {
                (Exit::Refused, "refused", "ask the sender to accept the key of this node: see `foctet id`")
            }
            ConnectError::Identity(_) => (Exit::Refused, "wrong-node", IDENTITY_HINT),
            ConnectError::AlpnRefused => {
                (Exit::Other, "protocol", "use the same version of foctet on both computers")
            }
            ConnectError::ConnectionLost(lost) => return Self::from(lost),
            _ => (Exit::Other, "network", "try again with -v to see more"),
        };
        Self::new(exit, code, error.to_string(), hint)
    }
}

impl From<&ConnectionError> for Failure {
    fn from(error: &ConnectionError) -> Self {
        let lost = |message: String| {
            let hint = "run the same command again once the network is back";
            Self::new(Exit::Unreachable, "connection-lost", message, hint)
        };
        match error {
            ConnectionError::TimedOut => lost("the other side fell silent".to_owned()),
            ConnectionError::Lost(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                lost("the other side is gone".to_owned())
            }
            ConnectionError::Lost(cause) => lost(format!("the connection broke: {cause}")),
            ConnectionError::ApplicationClosed { .. } | ConnectionError::LocallyClosed => Self::new(
                Exit::Unreachable,
                "connection-closed",
                "the other side ended the connection",
                "see what it says, then run the same command again",
            ),
            _ => {
                let hint = "use the same version of foctet on both computers";
                Self::new(Exit::Other, "protocol", error.to_string(), hint)
            }
        }
    }
}
