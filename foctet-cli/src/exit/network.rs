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
            ConnectError::ConnectionLost(lost) => return lost.into(),
            _ => (Exit::Other, "network", "try again with -v to see more"),
        };
        Self::new(exit, code, error.to_string(), hint)
    }
}

impl From<&ConnectionError> for Failure {
    fn from(error: &ConnectionError) -> Self {
        let (exit, code, hint) = match error {
            ConnectionError::TimedOut | ConnectionError::Lost(_) => {
                (Exit::Unreachable, "connection-lost", "run the same command again once the network is back")
            }
            ConnectionError::ApplicationClosed { .. } | ConnectionError::LocallyClosed => (
                Exit::Unreachable,
                "connection-closed",
                "see what the other side says, then run the command again",
            ),
            _ => (Exit::Other, "protocol", "use the same version of foctet on both computers"),
        };
        Self::new(exit, code, error.to_string(), hint)
    }
}
