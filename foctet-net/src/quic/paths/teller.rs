use std::time::Duration;

use foctet_core::{Notice, RelayAddr};
use tokio::sync::watch;
use tokio::time::sleep;

/// The least time between two notices. Of what changes faster the last is told.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells the dialler of a connection the relays by which this node is reached, once it may know, and every change of them.
/// Ends with the connection.
pub(super) async fn tell(
    mut stream: noq::SendStream,
    mut relays: watch::Receiver<Vec<RelayAddr>>,
    mut may_know: watch::Receiver<bool>,
) {
    if may_know.wait_for(|may_know| *may_know).await.is_err() {
        return;
    }
    let mut told = None;
    loop {
        let now = relays.borrow_and_update().clone();
        if told.as_ref() != Some(&now) {
            if stream.write_all(&Notice::Relays(now.clone()).encode()).await.is_err() {
                return;
            }
            told = Some(now);
            sleep(PAUSE).await;
        }
        if relays.changed().await.is_err() {
            return;
        }
    }
}
