use std::io;

use foctet_core::relay::CloseCode;
use foctet_net::{AttemptError, BindError, ConnectError, ConnectionError, KeyFileError, LegError, Place};

use super::{Exit, Failure};

/// What helps where a peer cannot be reached.
const REACH_HINT: &str =
    "check that `foctet send` still runs there, and that a firewall lets its port through";

/// What helps where the wrong node, or none of ours, answers.
const IDENTITY_HINT: &str =
    "another program may have taken the sender's address; ask the sender for a new ticket";

/// What helps where the only ways were through relays, or where a relay gave the surest answer.
fn reach_hint(error: &ConnectError) -> &'static str {
    let relays = || {
        error.attempts().iter().filter_map(|attempt| match (&attempt.at, &attempt.error) {
            (Place::Relay(_), error) => Some(error),
            _ => None,
        })
    };
    let refused = |error: &AttemptError| {
        matches!(
            error,
            AttemptError::Relay(
                LegError::Closed(CloseCode::Refused) | LegError::Connect(ConnectError::Refused)
            )
        )
    };
    if relays().next().is_none() {
        REACH_HINT
    } else if relays().any(refused) {
        "the relay lets in only those whom it knows: ask whoever runs it to admit this node or for its token, and see \
         `foctet id`"
    } else if relays().all(|error| {
        matches!(
            error,
            AttemptError::Relay(
                LegError::Resolve(_)
                    | LegError::Connect(_)
                    | LegError::TimedOut
                    | LegError::Lost(_)
                    | LegError::Silent
            )
        )
    }) {
        "the relay cannot be reached from here: check this machine's network, and that a firewall lets UDP or TCP to the \
         relay's port through"
    } else {
        "the relay is there, and the sender does not answer through it: check that `foctet send` still runs there"
    }
}

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
            ConnectError::TimedOut { .. } => (Exit::Unreachable, "timeout", reach_hint(&error)),
            ConnectError::Unreachable { .. } => (Exit::Unreachable, "unreachable", reach_hint(&error)),
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
