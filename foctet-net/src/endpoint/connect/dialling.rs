use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use foctet_core::{NodeId, RelayAddr, TransportAddr};

use crate::endpoint::Inner;
use crate::error::{Attempt, AttemptError, ConnectError, Place};
use crate::identity::{Identity, IdentityError, Rejection, TlsError};
use crate::relay::{LegError, RelayState, RelaysState};

/// One call of `connect`: whom it is for, and what every address gave.
pub(crate) struct Dialling {
    pub(crate) identity: Identity,
    pub(crate) expected: NodeId,
    pub(crate) alpn: Box<[u8]>,
    pub(crate) handshake_timeout: Duration,
    relays: Vec<RelayAddr>,
    places: Vec<Place>,
    failures: Mutex<HashMap<Place, AttemptError>>,
}

impl Dialling {
    pub(super) fn new(inner: &Inner, expected: NodeId, alpn: &[u8], addrs: Vec<TransportAddr>) -> Self {
        Self::of(inner.identity.clone(), inner.handshake_timeout, expected, alpn, addrs)
    }

    /// The same for whoever dials without an endpoint's `connect`.
    pub(crate) fn of(
        identity: Identity,
        handshake_timeout: Duration,
        expected: NodeId,
        alpn: &[u8],
        addrs: Vec<TransportAddr>,
    ) -> Self {
        let places = addrs.into_iter().map(Place::Addr).collect();
        Self {
            identity,
            expected,
            alpn: alpn.into(),
            handshake_timeout,
            relays: Vec::new(),
            places,
            failures: Mutex::default(),
        }
    }

    /// The same, with relays to try besides. Of those in `streams`, streams to the peer may be asked.
    pub(super) fn through(mut self, relays: &[RelayAddr], streams: Vec<RelayAddr>) -> Self {
        self.places.extend(relays.iter().map(|relay| Place::Relay(relay.clone().with_token(None))));
        self.relays = streams;
        self
    }

    /// Notes of each relay that gave nothing else how the leg to it stands.
    pub(super) fn note_legs(&self, state: &RelaysState) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for at in &self.places {
            let Place::Relay(relay) = at else { continue };
            let error = match state.get(relay.id()).map(|status| &status.state) {
                Some(RelayState::Connecting { last_error, .. }) => {
                    last_error.clone().unwrap_or(LegError::TimedOut)
                }
                None => LegError::NoLeg,
                // The relay is there, and the peer did not answer through it.
                Some(RelayState::Up { .. }) => continue,
            };
            failures.entry(at.clone()).or_insert(AttemptError::Relay(error));
        }
    }

    /// The relays that streams to the peer may be asked of.
    pub(super) fn relays(&self) -> &[RelayAddr] {
        &self.relays
    }

    /// Notes how an attempt ended.
    pub(crate) fn note(&self, addr: TransportAddr, failure: AttemptError) {
        self.note_at(Place::Addr(addr), failure);
    }

    /// Notes how an attempt through a relay ended.
    pub(crate) fn note_relay(&self, relay: &RelayAddr, failure: AttemptError) {
        self.note_at(Place::Relay(relay.clone().with_token(None)), failure);
    }

    fn note_at(&self, at: Place, failure: AttemptError) {
        tracing::debug!(%at, %failure, "dialling failed");
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).insert(at, failure);
    }

    /// Notes how an attempt ended, unless something more precise is known.
    pub(crate) fn note_if_none(&self, addr: TransportAddr, failure: AttemptError) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.entry(Place::Addr(addr)).or_insert(failure);
    }

    /// Whether an address has given an answer that leaves little hope for the others, and how long they may still
    /// take.
    pub(super) fn patience(&self) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.values().filter_map(answer).map(|(rank, _)| rank).min() {
            // The node itself has said so.
            Some(REFUSED) => Some(Duration::ZERO),
            // Most likely the node itself, but its identity is not proved at that point.
            Some(NO_ALPN) => Some(AFTER_NO_ALPN),
            _ => None,
        }
    }

    /// What to say when no connection came of it.
    pub(crate) fn verdict(&self, timed_out: bool) -> ConnectError {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts: Vec<_> = self
            .places
            .iter()
            .map(|at| Attempt {
                at: at.clone(),
                error: failures.get(at).cloned().unwrap_or(AttemptError::TimedOut),
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

/// How long other addresses may take once one has said that it does not speak the protocol.
const AFTER_NO_ALPN: Duration = Duration::from_secs(1);

/// Ranks of answers, the surest first.
const REFUSED: u8 = 0;
const NO_ALPN: u8 = 1;

/// The error that an answer stands for, and how sure it is.
fn answer(failure: &AttemptError) -> Option<(u8, ConnectError)> {
    let AttemptError::Tls(tls) = failure else { return None };
    Some(match tls {
        TlsError::Rejected(Rejection::NotAuthorized) => (REFUSED, ConnectError::Refused),
        TlsError::Rejected(Rejection::Alpn) | TlsError::NoAlpn => (NO_ALPN, ConnectError::AlpnRefused),
        TlsError::Identity(IdentityError::WrongIdentity { expected, got }) => {
            (2, ConnectError::WrongIdentity { expected: *expected, got: *got })
        }
        TlsError::Identity(error) => (3, ConnectError::Identity(error.clone())),
        TlsError::Rejected(rejection) => (4, ConnectError::Rejected(*rejection)),
        // What speaks no TLS is no node, and says nothing about the one dialled.
        _ => return None,
    })
}
