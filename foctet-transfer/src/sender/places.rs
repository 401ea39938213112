use std::collections::HashMap;
use std::time::{Duration, Instant};

use foctet_core::NodeId;

/// How long a receiver whose connection was lost may come back: longer than a receiver of ours tries, so that it is never
/// the sender that forgot.
pub(super) const KEEP_PLACE: Duration = Duration::from_secs(15 * 60);
/// Most receivers that are remembered. Each takes up to 7 MB where it asked for files far out of order, and next to
/// nothing where it did not.
const MAX_PLACES: usize = 64;

/// The receivers of an offer, those whose connection was lost among them. `S` is what is known of one, `C` its connection.
#[derive(Debug)]
pub(super) struct Places<S, C> {
    last: u64,
    places: HashMap<(NodeId, u64), Place<S, C>>,
}

#[derive(Debug)]
struct Place<S, C> {
    session: Option<S>,
    /// The connection that is served, and how many there were before it.
    connection: Option<C>,
    turn: u64,
    left: Instant,
}

/// A place that was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken<S, C> {
    pub(super) number: u64,
    pub(super) turn: u64,
    /// What is known of the receiver, if it came back.
    pub(super) session: Option<S>,
    /// Its connection before, if that is not yet known to be dead.
    pub(super) replaced: Option<C>,
}

impl<S: Clone, C> Places<S, C> {
    /// Numbers begin after `last`, which differs from one sender to the next: who comes back to another sender of the same
    /// secret must not get somebody else's place.
    pub(super) fn new(last: u64) -> Self {
        Self { last, places: HashMap::new() }
    }

    /// Gives the receiver `node` its place `number` back, or a new one.
    pub(super) fn take(
        &mut self,
        node: NodeId,
        number: Option<u64>,
        connection: C,
        now: Instant,
    ) -> Taken<S, C> {
        self.places.retain(|_, place| {
            place.connection.is_some() || now.saturating_duration_since(place.left) < KEEP_PLACE
        });
        if let Some(number) = number
            && let Some(place) = self.places.get_mut(&(node, number))
        {
            place.turn = place.turn.wrapping_add(1);
            let replaced = place.connection.replace(connection);
            return Taken { number, turn: place.turn, session: place.session.clone(), replaced };
        }
        self.make_room();
        self.last = self.last.wrapping_add(1);
        let place = Place { session: None, connection: Some(connection), turn: 0, left: now };
        self.places.insert((node, self.last), place);
        Taken { number: self.last, turn: 0, session: None, replaced: None }
    }

    /// Forgets whoever left first, if there are too many. Those that are served are bounded by who serves them.
    fn make_room(&mut self) {
        let idle = self.places.iter().filter(|(_, place)| place.connection.is_none());
        let oldest = idle.min_by_key(|(_, place)| place.left).map(|(key, _)| *key);
        if let Some(oldest) = oldest.filter(|_| self.places.len() >= MAX_PLACES) {
            self.places.remove(&oldest);
        }
    }

    /// Notes what is to be known of the receiver when it comes back.
    pub(super) fn note(&mut self, node: NodeId, number: u64, turn: u64, session: S) {
        if let Some(place) = self.places.get_mut(&(node, number)).filter(|place| place.turn == turn) {
            place.session = Some(session);
        }
    }

    /// The connection is over. Returns whether it was still the receiver's last one.
    pub(super) fn leave(&mut self, node: NodeId, number: u64, turn: u64, keep: bool, now: Instant) -> bool {
        let Some(place) = self.places.get_mut(&(node, number)).filter(|place| place.turn == turn) else {
            return false;
        };
        place.connection = None;
        place.left = now;
        if !keep {
            self.places.remove(&(node, number));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use foctet_core::SecretKey;

    use super::*;

    fn node(seed: u8) -> NodeId {
        SecretKey::from_bytes([seed; 32]).node_id()
    }

    #[test]
    fn a_receiver_finds_its_place_again_for_a_while() {
        let now = Instant::now();
        let mut places = Places::new(5);
        let first = places.take(node(1), None, "a", now);
        places.note(node(1), first.number, first.turn, 7);
        assert!(places.leave(node(1), first.number, first.turn, true, now));
        let again = places.take(node(1), Some(first.number), "b", now + KEEP_PLACE / 2);
        assert_eq!((again.number, again.session, again.replaced), (first.number, Some(7), None));
        assert!(places.leave(node(1), again.number, again.turn, true, now));
        let late = places.take(node(1), Some(first.number), "c", now + KEEP_PLACE);
        assert_ne!(late.number, first.number);
        assert_eq!(late.session, None);
    }

    #[test]
    fn a_place_belongs_to_one_node() {
        let now = Instant::now();
        let mut places = Places::new(5);
        let first = places.take(node(1), None, "a", now);
        places.note(node(1), first.number, first.turn, 7);
        let other = places.take(node(2), Some(first.number), "b", now);
        assert_ne!(other.number, first.number);
        assert_eq!((other.session, other.replaced), (None, None));
    }

    #[test]
    fn the_newer_connection_replaces_the_older() {
        let now = Instant::now();
        let mut places = Places::new(5);
        let old = places.take(node(1), None, "old", now);
        let new = places.take(node(1), Some(old.number), "new", now);
        assert_eq!(new.replaced, Some("old"));
        places.note(node(1), old.number, old.turn, 9);
        assert!(!places.leave(node(1), old.number, old.turn, false, now), "it is not the old one's any more");
        assert!(places.leave(node(1), new.number, new.turn, true, now));
        assert_eq!(places.take(node(1), Some(new.number), "x", now).session, None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let now = Instant::now();
        let mut places: Places<u8, ()> = Places::new(5);
        for later in 0..2 * MAX_PLACES as u64 {
            let taken = places.take(node(1), None, (), now);
            places.leave(node(1), taken.number, taken.turn, true, now + Duration::from_millis(later));
        }
        assert_eq!(places.places.len(), MAX_PLACES);
        let last = places.last;
        assert_eq!(places.take(node(1), Some(last), (), now).number, last);
    }
}
