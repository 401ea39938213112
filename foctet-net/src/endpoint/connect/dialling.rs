use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use foctet_core::{NodeId, TransportAddr};

use crate::endpoint::Inner;
use crate::error::{Attempt, AttemptError, ConnectError};
use crate::identity::{Identity, IdentityError, Rejection, TlsError};

/// One call of `connect`: whom it is for, and what every address gave.
pub(crate) struct Dialling {
    pub(crate) identity: Identity,
    pub(crate) expected: NodeId,
    pub(crate) alpn: Box<[u8]>,
    pub(crate) handshake_timeout: Duration,
    addrs: Vec<TransportAddr>,
    failures: Mutex<HashMap<TransportAddr, AttemptError>>,
}

impl Dialling {
    pub(super) fn new(inner: &Inner, expected: NodeId, alpn: &[u8], addrs: Vec<TransportAddr>) -> Self {
        Self {
            identity: inner.identity.clone(),
            expected,
            alpn: alpn.into(),
            handshake_timeout: inner.handshake_timeout,
            addrs,
            failures: Mutex::default(),
        }
    }

    /// Notes how an attempt ended.
    pub(crate) fn note(&self, addr: TransportAddr, failure: AttemptError) {
        tracing::debug!(%addr, %failure, "dialling failed");
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).insert(addr, failure);
    }

    /// Notes how an attempt ended, unless something more precise is known.
    pub(crate) fn note_if_none(&self, addr: TransportAddr, failure: AttemptError) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.entry(addr).or_insert(failure);
    }

    /// What to say when no connection came of it.
    pub(super) fn verdict(&self, timed_out: bool) -> ConnectError {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts: Vec<_> = self
            .addrs
            .iter()
            .map(|addr| Attempt {
                addr: *addr,
                error: failures.get(addr).cloned().unwrap_or(AttemptError::TimedOut),
            })
            .collect();
        // Whoever answered tells more than those who did not; and of the answers, the surest first: a refusal comes
        // from the node dialled itself, anything else perhaps from another.
        let mut answers: Vec<_> = attempts.iter().filter_map(|attempt| answer(&attempt.error)).collect();
        answers.sort_by_key(|(rank, _)| *rank);
        match answers.into_iter().next() {
            Some((_, error)) => error,
            None if timed_out => ConnectError::TimedOut { attempts },
            None => ConnectError::Unreachable { attempts },
        }
    }
}

/// The error that an answer stands for, and how sure it is (0 most).
fn answer(failure: &AttemptError) -> Option<(u8, ConnectError)> {
    let AttemptError::Tls(tls) = failure else { return None };
    Some(match tls {
        TlsError::Rejected(Rejection::NotAuthorized) => (0, ConnectError::Refused),
        TlsError::Rejected(Rejection::Alpn) | TlsError::NoAlpn => (1, ConnectError::AlpnRefused),
        TlsError::Identity(IdentityError::WrongIdentity { expected, got }) => {
            (2, ConnectError::WrongIdentity { expected: *expected, got: *got })
        }
        TlsError::Identity(error) => (3, ConnectError::Identity(error.clone())),
        TlsError::Rejected(rejection) => (4, ConnectError::Rejected(*rejection)),
        // What speaks no TLS is no node, and says nothing about the one dialled.
        _ => return None,
    })
}
