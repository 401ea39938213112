use std::time::Duration;

use tokio::time::sleep;

use super::Contender;

/// How long the better way is waited for once the other is up, and how many of the other's round trips, if that is longer:
/// a TCP and a TLS handshake with its confirmation take three.
const GRACE: Duration = Duration::from_millis(300);
const GRACE_ROUND_TRIPS: u32 = 3;

/// Two ways at once: the preferred one if it is up within the grace, and else the other.
pub(crate) async fn preferring(
    mut preferred: impl Future<Output = Option<Contender>> + Unpin,
    mut other: impl Future<Output = Option<Contender>> + Unpin,
) -> Option<Contender> {
    let up = tokio::select! {
        biased;
        contender = &mut preferred => match contender {
            Some(contender) => return Some(contender),
            None => return other.await,
        },
        contender = &mut other => match contender {
            Some(contender) => contender,
            None => return preferred.await,
        },
    };
    tokio::select! {
        biased;
        contender = preferred => contender.or(Some(up)),
        () = sleep(GRACE.max(up.rtt() * GRACE_ROUND_TRIPS)) => Some(up),
    }
}
