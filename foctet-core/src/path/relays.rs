use std::time::{Duration, Instant};

use super::{Action, PathKey};
use crate::NodeId;

/// Ways through relays that are kept open: a node lists two relays, and two more may come from the other side.
const MAX_RELAYED: usize = 4;

/// The first pause before a relayed path is opened again; each one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Doublings at most, which makes 32 s.
const MAX_STEP: u32 = 5;

/// Ways that are known at once: those that are wanted, and as many through relays that the peer has left since, whose paths
/// are still open.
const MAX_KNOWN: usize = 2 * MAX_RELAYED;

/// The relayed paths that the dialler keeps open as a standby.
#[derive(Debug, Default)]
pub(super) struct Relays {
    known: Vec<Relayed>,
}

#[derive(Debug)]
struct Relayed {
    key: PathKey,
    open: bool,
    /// The peer has left the relay: what is open stays so for now, and is not opened again.
    left: bool,
    reachable: bool,
    step: u32,
    retry: Option<Instant>,
}

impl Relays {
    pub(super) fn opened(&mut self, now: Instant, key: PathKey) {
        if key.is_direct() {
            return;
        }
        match self.known.iter_mut().find(|known| known.key == key) {
            Some(known) => (known.open, known.retry) = (true, None),
            None => {
                if self.known.len() >= MAX_KNOWN || self.wanted() >= MAX_RELAYED {
                    // One that is not open is worth the least.
                    let Some(at) = self.known.iter().position(|known| !known.open) else { return };
                    self.known.remove(at);
                }
                self.known.push(Relayed { open: true, retry: None, ..Relayed::new(now, key) });
            }
        }
    }

    /// Through these relays the peer can be reached, and through no others from now on.
    pub(super) fn listed(&mut self, now: Instant, keys: &[PathKey]) {
        for known in &mut self.known {
            known.left = !keys.contains(&known.key);
        }
        self.known.retain(|known| known.open || !known.left);
        for key in keys.iter().filter(|key| !key.is_direct()) {
            let known = self.known.iter().any(|known| known.key == *key);
            if !known && self.wanted() < MAX_RELAYED && self.known.len() < MAX_KNOWN {
                self.known.push(Relayed::new(now, *key));
            }
        }
    }

    /// Whether the peer has left the relay of a path.
    pub(super) fn is_left(&self, key: PathKey) -> bool {
        self.known.iter().any(|known| known.key == key && known.left)
    }

    fn wanted(&self) -> usize {
        self.known.iter().filter(|known| !known.left).count()
    }

    /// It carried something: the next loss is a new one.
    pub(super) fn proved(&mut self, key: PathKey) {
        if let Some(known) = self.known.iter_mut().find(|known| known.key == key) {
            known.step = 0;
        }
    }

    pub(super) fn closed(&mut self, now: Instant, key: PathKey) {
        self.known.retain(|known| known.key != key || !known.left);
        if let Some(known) = self.known.iter_mut().find(|known| known.key == key) {
            known.open = false;
            known.plan(now);
        }
    }

    pub(super) fn lost(&mut self, relay: NodeId) {
        for known in self.known.iter_mut().filter(|known| known.key.relay() == Some(relay)) {
            known.reachable = false;
            known.retry = None;
        }
    }

    pub(super) fn back(&mut self, now: Instant, relay: NodeId) {
        for known in self.known.iter_mut().filter(|known| known.key.relay() == Some(relay)) {
            known.reachable = true;
            known.step = 0;
            known.retry = (!known.open).then_some(now);
        }
    }

    /// The network has changed: whatever is not open is worth another try now.
    pub(super) fn hurry(&mut self, now: Instant) {
        for known in self.known.iter_mut().filter(|known| known.retry.is_some()) {
            known.step = 0;
            known.retry = Some(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.known.iter().filter_map(|known| known.retry).min()
    }

    pub(super) fn poll(&mut self, now: Instant) -> Option<Action> {
        let known = self.known.iter_mut().find(|known| known.retry.is_some_and(|retry| retry <= now))?;
        known.plan(now);
        Some(Action::OpenRelay(known.key))
    }
}

impl Relayed {
    /// One that is to be opened.
    fn new(now: Instant, key: PathKey) -> Self {
        Self { key, open: false, left: false, reachable: true, step: 0, retry: Some(now) }
    }

    fn plan(&mut self, now: Instant) {
        self.retry = (self.reachable && !self.open).then(|| now + FIRST_PAUSE * (1 << self.step));
        self.step = (self.step + 1).min(MAX_STEP);
    }
}
