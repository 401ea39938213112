use std::sync::Arc;
use std::time::Duration;

use foctet_core::RelayAddr;
use foctet_core::relay::CloseCode;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::dial::secure;
use crate::endpoint::{Contender, Dialling};
use crate::error::AttemptError;
use crate::relay::{LegError, Relays};

/// How often a peer is asked for that the relay does not know, and how long after the last time: it may be about to
/// connect to the relay anew.
const TRIES: u32 = 4;
const AGAIN: Duration = Duration::from_millis(500);

/// Dials a peer through its relays, all at once, over streams that they splice. What each gave goes to the dial's
/// attempts.
pub(crate) async fn dial_spliced(
    dialling: Arc<Dialling>,
    mux: foctet_mux::Config,
    relays: Relays,
    through: Vec<RelayAddr>,
) -> Option<Contender> {
    let mut dials = JoinSet::new();
    for relay in through {
        let (dialling, mux, relays) = (Arc::clone(&dialling), mux.clone(), relays.clone());
        dials.spawn(async move {
            match dial_one(&dialling, mux, &relays, &relay).await {
                Ok(contender) => Some(contender),
                Err(failure) => {
                    dialling.note_relay(&relay, failure);
                    None
                }
            }
        });
    }
    while let Some(ended) = dials.join_next().await {
        if let Ok(Some(contender)) = ended {
            return Some(contender);
        }
    }
    None
}

async fn dial_one(
    dialling: &Dialling,
    mux: foctet_mux::Config,
    relays: &Relays,
    relay: &RelayAddr,
) -> Result<Contender, AttemptError> {
    let joined = relays.join(relay).ok_or(AttemptError::TooManyRelays)?;
    joined.up().await.map_err(AttemptError::Relay)?;
    let mut tries = TRIES;
    loop {
        tries -= 1;
        let handshake = async {
            let stream =
                relays.splice(joined.relay(), dialling.expected).await.map_err(AttemptError::Relay)?;
            let remote = relays.place(joined.relay()).ok_or(AttemptError::Relay(LegError::NoLeg))?;
            secure(dialling, mux.clone(), stream, remote, Some(joined.relay())).await
        };
        match timeout(dialling.handshake_timeout, handshake).await {
            Ok(Err(AttemptError::Relay(LegError::Closed(CloseCode::Unreachable)))) if tries > 0 => {
                sleep(AGAIN).await;
            }
            Ok(ended) => return ended,
            Err(_) => return Err(AttemptError::TimedOut),
        }
    }
}
