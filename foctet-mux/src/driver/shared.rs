//! What the driver's task and the handles share.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::wakers::{Wakers, Woken};
use crate::{ConnectionError, Mux};

/// The state machine, and who waits for it. The lock is held for as long as the machine takes to act, never across I/O or
/// the waking of a task.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct State {
    pub(super) mux: Mux,
    pub(super) wakers: Wakers,
    /// The driver's task.
    driver: Option<Waker>,
    /// Whether the driver sleeps with nothing to send, so that it must hear of output.
    driver_sleeps: bool,
    /// Whether the carrier is released.
    drained: bool,
}

impl State {
    /// The driver has acted and says whether it waits for output; otherwise it waits for the carrier.
    pub(super) fn driver_acted(&mut self, cx: &Context<'_>, sleeps: bool) {
        self.driver_sleeps = sleeps;
        match &mut self.driver {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.driver = Some(cx.waker().clone()),
        }
    }

    pub(super) fn is_drained(&self) -> bool {
        self.drained
    }
}

impl Shared {
    pub(super) fn new(mux: Mux) -> Self {
        Self {
            state: Mutex::new(State {
                mux,
                wakers: Wakers::default(),
                driver: None,
                driver_sleeps: false,
                drained: false,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks without acting.
    pub(super) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    /// Acts on the state, then wakes whomever that concerns: those who wait for what happened, and the driver if there is
    /// something to send and it sleeps.
    pub(super) fn act<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut woken = Woken::default();
        let mut state = self.lock();
        let lost = state.mux.error().is_some();
        let result = act(&mut state);
        while let Some(event) = state.mux.poll_event() {
            state.wakers.collect(event, &mut woken);
        }
        let just_lost = !lost && state.mux.error().is_some();
        if just_lost || (state.driver_sleeps && state.mux.has_output()) {
            state.driver_sleeps = false;
            woken.extend(state.driver.take());
        }
        if state.drained {
            state.wakers.collect_drained(&mut woken);
        }
        drop(state);
        woken.wake();
        result
    }

    /// Acts if it can; else `wait` leaves the task's waker where it will be found.
    pub(super) fn poll<R>(
        &self,
        act: impl FnOnce(&mut Mux) -> Poll<R>,
        wait: impl FnOnce(&mut Wakers),
    ) -> Poll<R> {
        self.act(|state| {
            let result = act(&mut state.mux);
            if result.is_pending() {
                wait(&mut state.wakers);
            }
            result
        })
    }

    /// Why the connection was lost.
    pub(super) fn error(&self) -> Option<ConnectionError> {
        self.look(|state| state.mux.error().cloned())
    }

    /// The driver is done with the carrier, or was dropped with its runtime.
    pub(super) fn drained(&self) {
        self.act(|state| {
            let gone = io::Error::new(io::ErrorKind::ConnectionAborted, "the driver was dropped");
            state.mux.carrier_lost(&gone);
            state.drained = true;
        });
    }
}
