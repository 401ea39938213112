use std::sync::Arc;
use std::time::Duration;

use foctet_core::relay::LegRole;
use foctet_core::{NodeId, RelayAddr};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::leg::Leg;
use super::relays::Shared;
use super::selection::Selection;
use super::status::RelayState;

/// How often the homes are looked at, besides when something happens to them.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Keeps the best of the configured relays as homes. Needed only where there is a choice.
pub(super) async fn choose(shared: Arc<Shared>, choice: u64, configured: Vec<RelayAddr>) {
    let mut selection = Selection::new(configured.iter().map(RelayAddr::id));
    let mut state = shared.watch_state();
    let mut probe: JoinSet<(NodeId, Option<Duration>)> = JoinSet::new();
    loop {
        let now = Instant::now().into_std();
        for home in selection.homes() {
            match shared.status(home).map(|status| status.state) {
                Some(RelayState::Up { rtt, draining: false, .. }) => {
                    selection.measured(now, home, Some(rtt));
                }
                Some(RelayState::Connecting { failures: 0, .. }) | None => {}
                Some(_) => selection.measured(now, home, None),
            }
        }
        if selection.settle(now) {
            let homes = selection.homes();
            tracing::debug!(count = homes.len(), "other relays are this node's own now");
            let homes: Vec<_> =
                configured.iter().filter(|relay| homes.contains(&relay.id())).cloned().collect();
            shared.set_homes(choice, &homes);
        }
        if probe.is_empty()
            && let Some(due) = selection.due(now)
            && let Some(relay) = configured.iter().find(|relay| relay.id() == due)
        {
            let (shared, relay) = (Arc::clone(&shared), relay.clone());
            probe.spawn(async move { (relay.id(), measure(&shared, relay).await) });
        }
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            _ = state.changed() => {}
            Some(Ok((relay, rtt))) = probe.join_next() => {
                selection.measured(Instant::now().into_std(), relay, rtt);
            }
        }
    }
}

/// How far a relay is, if it would serve us.
async fn measure(shared: &Shared, relay: RelayAddr) -> Option<Duration> {
    let token = relay.token().cloned();
    let connection = shared.dialler().ok()?.dial(&[relay], None).await.ok()?;
    let (leg, _control) = Leg::open(connection, LegRole::Observe, token).await.ok()?;
    Some(leg.connection.rtt())
}
