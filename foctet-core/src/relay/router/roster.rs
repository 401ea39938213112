use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::NodeId;

/// A key may change legs this often: two machines that were given one key would otherwise push each other out for ever.
pub const SWITCH_EVERY: Duration = Duration::from_secs(1);

/// What a client is to a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It may talk to everybody here.
    Member,
    /// It may talk to members only.
    Guest,
}

/// Who has a leg here, with whatever a server keeps for each (`T`).
#[derive(Debug)]
pub struct Roster<T> {
    clients: HashMap<NodeId, Client<T>>,
    max: usize,
    next: u64,
}

#[derive(Debug)]
struct Client<T> {
    serial: u64,
    since: Instant,
    standing: Standing,
    value: T,
}

/// A client has joined.
#[derive(Debug)]
pub struct Joined<T> {
    /// Which of the legs of its key this is.
    pub serial: u64,
    /// What was kept for the leg before, which is over now.
    pub replaced: Option<T>,
}

/// Why a client could not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There are too many.
    #[error("too many clients")]
    Full,
    /// Its key has changed legs less than [`SWITCH_EVERY`] ago.
    #[error("the key has just changed legs")]
    InUse,
}

impl<T> Roster<T> {
    /// Nobody, and at most `max`.
    pub fn new(max: usize) -> Self {
        Self { clients: HashMap::new(), max, next: 0 }
    }

    /// Another bound; those who are here stay.
    pub fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// A client has come; an older leg of the same key goes.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub fn join(
        &mut self,
        now: Instant,
        id: NodeId,
        standing: Standing,
        value: T,
    ) -> Result<Joined<T>, JoinError> {
        match self.clients.get(&id) {
            Some(known) if now.saturating_duration_since(known.since) < SWITCH_EVERY => {
                return Err(JoinError::InUse);
            }
            Some(_) => {}
            None if self.clients.len() >= self.max => return Err(JoinError::Full),
            None => {}
        }
        let serial = self.next;
        self.next = self.next.wrapping_add(1);
        let replaced = self.clients.insert(id, Client { serial, since: now, standing, value });
        Ok(Joined { serial, replaced: replaced.map(|client| client.value) })
    }

    /// A leg is over. One that was replaced before changes nothing.
    pub fn leave(&mut self, id: NodeId, serial: u64) {
        if self.clients.get(&id).is_some_and(|client| client.serial == serial) {
            self.clients.remove(&id);
        }
    }

    /// What is kept for `to`, if it is here and `from` may talk to it. A stranger cannot tell why not.
    pub fn route(&self, from: Standing, to: NodeId) -> Option<&T> {
        let client = self.clients.get(&to)?;
        let both_guests = from == Standing::Guest && client.standing == Standing::Guest;
        (!both_guests).then_some(&client.value)
    }

    /// Everybody.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, Standing, &T)> {
        self.clients.iter().map(|(id, client)| (*id, client.standing, &client.value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test begins some time")]
mod tests {
    use super::*;
    use crate::SecretKey;

    fn node(n: u8) -> NodeId {
        SecretKey::from_bytes([n; 32]).node_id()
    }

    #[test]
    fn the_newer_leg_of_a_key_wins_and_the_older_leaves_nothing_behind() {
        let mut now = Instant::now();
        let mut roster = Roster::new(10);
        let first = roster.join(now, node(1), Standing::Member, "first").unwrap();
        assert_eq!(roster.join(now, node(1), Standing::Member, "hasty").unwrap_err(), JoinError::InUse);
        now += SWITCH_EVERY;
        let second = roster.join(now, node(1), Standing::Member, "second").unwrap();
        assert_eq!(second.replaced, Some("first"));
        roster.leave(node(1), first.serial);
        assert_eq!(
            roster.route(Standing::Member, node(1)),
            Some(&"second"),
            "the older one's end is not the newer's"
        );
        roster.leave(node(1), second.serial);
        assert!(roster.is_empty());
        // Who has left may come back at once.
        roster.join(now, node(1), Standing::Member, "third").unwrap();
    }

    #[test]
    fn guests_talk_to_members_only_and_cannot_tell_a_guest_from_nobody() {
        let now = Instant::now();
        let mut roster = Roster::new(10);
        roster.join(now, node(1), Standing::Member, 1).unwrap();
        roster.join(now, node(2), Standing::Guest, 2).unwrap();
        assert_eq!(roster.route(Standing::Guest, node(1)), Some(&1));
        assert_eq!(roster.route(Standing::Guest, node(2)), None);
        assert_eq!(roster.route(Standing::Guest, node(3)), None);
        assert_eq!(roster.route(Standing::Member, node(2)), Some(&2));
    }

    #[test]
    fn there_is_room_for_so_many_and_for_those_who_are_here() {
        let now = Instant::now();
        let mut roster = Roster::new(1);
        roster.join(now, node(1), Standing::Member, 1).unwrap();
        assert_eq!(roster.join(now, node(2), Standing::Member, 2).unwrap_err(), JoinError::Full);
        roster.join(now + SWITCH_EVERY, node(1), Standing::Member, 1).unwrap();
        assert_eq!(roster.len(), 1);
    }
}
