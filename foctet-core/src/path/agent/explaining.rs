//! What the agent answers who asks why a connection is not direct.

use super::{PathAgent, Role};
use crate::path::score::{Health, Standing};
use crate::path::{PathKey, WhyNotDirect};

/// Attempts after which it is no longer a matter of time alone: the first three take some 7 s.
const FIRST_ATTEMPTS: u32 = 3;

impl PathAgent {
    /// Why the path that carries the data is not direct, as far as this side knows; `None` if it is, or if there is none.
    pub fn why_not_direct(&self) -> Option<WhyNotDirect> {
        if self.selected.and_then(|id| self.path(id)).is_none_or(|path| path.key.is_direct()) {
            return None;
        }
        Some(
            self.why_no_path_was_tried()
                .or_else(|| self.why_none_is_used())
                .unwrap_or_else(|| self.why_none_works()),
        )
    }

    /// What rules direct paths out from the beginning.
    fn why_no_path_was_tried(&self) -> Option<WhyNotDirect> {
        match () {
            () if self.config.relayed_only => Some(WhyNotDirect::Forbidden),
            () if self.peer_takes_no_part => Some(WhyNotDirect::PeerTakesNoPart),
            () if !self.candidates.is_allowed() => Some(WhyNotDirect::NotYetAllowed),
            () => None,
        }
    }

    /// What is wrong with the best of the direct paths that there are.
    fn why_none_is_used(&self) -> Option<WhyNotDirect> {
        if self.stalled {
            return Some(WhyNotDirect::Stalled);
        }
        let direct = self.paths.iter().filter(|path| path.closing.is_none());
        let best = direct.filter(|path| path.key.is_direct()).min_by_key(|path| path.score())?;
        let PathKey::Direct(addr) = best.key else { return None };
        let score = best.score();
        Some(match (score.health, score.standing) {
            (Health::Suspect | Health::Lost, _) => WhyNotDirect::Silent(addr),
            (Health::Alive, Standing::Trusted) => WhyNotDirect::PeerChose(addr),
            (Health::Alive, Standing::Probation) if best.doubted => WhyNotDirect::PeerChose(addr),
            (Health::Alive, Standing::Probation) => WhyNotDirect::OnProbation(addr),
        })
    }

    /// Why there is none.
    fn why_none_works(&self) -> WhyNotDirect {
        let attempts = self.rounds.fruitless();
        if !self.candidates.has_local() {
            return WhyNotDirect::NoAddress;
        }
        let addresses = self.candidates.of_peer();
        match self.role {
            Role::Dialler if addresses == 0 => WhyNotDirect::NoPeerAddress,
            // Both may be in one network, so that the first attempt is worth waiting for all the same.
            Role::Dialler if self.udp_blocked && attempts > 1 => WhyNotDirect::UdpBlocked,
            Role::Dialler if attempts < FIRST_ATTEMPTS => WhyNotDirect::Trying,
            Role::Dialler => WhyNotDirect::NoneAnswered { attempts, addresses },
            Role::Acceptor if self.udp_blocked => WhyNotDirect::UdpBlocked,
            Role::Acceptor => WhyNotDirect::PeerTries,
        }
    }
}
