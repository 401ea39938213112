use std::sync::Arc;

use foctet_core::NodeId;

use super::error::LegError;
use super::relays::Shared;
use super::status::{RelayState, RelaysState};

/// Somebody needs the leg to a relay, until this is dropped.
pub(crate) struct Joined {
    shared: Arc<Shared>,
    relay: NodeId,
}

impl Joined {
    pub(super) fn new(shared: Arc<Shared>, relay: NodeId) -> Self {
        Self { shared, relay }
    }

    /// The relay.
    pub(crate) fn relay(&self) -> NodeId {
        self.relay
    }

    /// Waits until the leg is up, or the attempt that is under way has failed; the next one is made all the same, and
    /// can be waited for by calling this again.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(crate) async fn up(&self) -> Result<(), LegError> {
        let mut state = self.shared.watch_state();
        let failures = |state: &RelaysState| match state.get(self.relay).map(|status| &status.state) {
            Some(RelayState::Connecting { failures, .. }) => Some(*failures),
            _ => None,
        };
        let before = failures(&state.borrow_and_update()).unwrap_or_default();
        let settled = state
            .wait_for(|state| {
                state.get(self.relay).is_none_or(|status| status.is_up()) || failures(state) > Some(before)
            })
            .await
            .map_err(|_| LegError::EndpointClosed)?;
        match settled.get(self.relay).map(|status| &status.state) {
            Some(RelayState::Up { .. }) => Ok(()),
            Some(RelayState::Connecting { last_error: Some(error), .. }) => Err(error.clone()),
            _ => Err(LegError::NoLeg),
        }
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.shared.leave(self.relay);
    }
}
