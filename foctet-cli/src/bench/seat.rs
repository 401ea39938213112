//! Whose turn it is at a server.

use std::time::{Duration, Instant};

use foctet_core::NodeId;
use foctet_core::bench::FailCode;

/// Connections that one client may have at once: one to talk on, and those that come and go while handshakes are measured.
const MAX_CONNECTIONS: usize = 16;

/// The one place that a server has, and what whoever has it may use up.
#[derive(Debug)]
pub(super) struct Seat {
    /// How long one client may have it.
    session: Duration,
    /// Most bytes written to the disk for one client.
    disk: u64,
    taken: Option<Taken>,
}

#[derive(Debug)]
struct Taken {
    by: NodeId,
    until: Instant,
    disk_left: u64,
    connections: usize,
}

/// What a client that was let in may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) until: Instant,
    pub(super) disk_left: u64,
    /// Whether it is its first connection.
    pub(super) is_new: bool,
}

impl Seat {
    pub(super) fn new(session: Duration, disk: u64) -> Self {
        Self { session, disk, taken: None }
    }

    /// A connection of `node`, which has shown the secret.
    ///
    /// # Errors
    /// [`FailCode::Busy`] while another node has the place, or this one too many connections; [`FailCode::TimeUp`].
    pub(super) fn enter(&mut self, node: NodeId, now: Instant) -> Result<Allowance, FailCode> {
        let is_new = self.taken.is_none();
        let taken = self.taken.get_or_insert_with(|| Taken {
            by: node,
            until: now + self.session,
            disk_left: self.disk,
            connections: 0,
        });
        if taken.by != node || taken.connections >= MAX_CONNECTIONS {
            return Err(FailCode::Busy);
        }
        if taken.until <= now {
            return Err(FailCode::TimeUp);
        }
        taken.connections = taken.connections.saturating_add(1);
        Ok(Allowance { until: taken.until, disk_left: taken.disk_left, is_new })
    }

    /// A connection that had entered is over; true if it was the last one, and the place is free.
    pub(super) fn leave(&mut self, node: NodeId) -> bool {
        let Some(taken) = self.taken.as_mut().filter(|taken| taken.by == node) else { return false };
        taken.connections = taken.connections.saturating_sub(1);
        if taken.connections > 0 {
            return false;
        }
        self.taken = None;
        true
    }

    /// Whether so many bytes may be written to the disk for whoever has the place; they are taken off what is left.
    pub(super) fn spend_disk(&mut self, bytes: u64) -> bool {
        let Some(taken) = &mut self.taken else { return false };
        let left = taken.disk_left.checked_sub(bytes);
        taken.disk_left = left.unwrap_or(taken.disk_left);
        left.is_some()
    }

    /// Whether somebody has it.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use foctet_core::SecretKey;

    use super::*;

    fn node(seed: u8) -> NodeId {
        SecretKey::generate([seed; 32]).node_id()
    }

    #[test]
    fn one_node_at_a_time_has_it_with_all_its_connections() {
        let now = Instant::now();
        let mut seat = Seat::new(Duration::from_secs(10), 100);
        assert!(seat.enter(node(1), now).unwrap().is_new);
        assert!(!seat.enter(node(1), now).unwrap().is_new);
        assert_eq!(seat.enter(node(2), now), Err(FailCode::Busy));
        assert!(!seat.leave(node(2)), "it never entered");
        assert!(!seat.leave(node(1)));
        assert!(seat.is_taken());
        assert!(seat.leave(node(1)));
        assert!(seat.enter(node(2), now).unwrap().is_new);
    }

    #[test]
    fn time_disk_and_connections_are_bounded_for_each() {
        let now = Instant::now();
        let mut seat = Seat::new(Duration::from_secs(10), 100);
        assert!(!seat.spend_disk(1), "nobody is there");
        seat.enter(node(1), now).unwrap();
        assert!(seat.spend_disk(60) && !seat.spend_disk(41) && seat.spend_disk(40));
        assert_eq!(seat.enter(node(1), now).unwrap().disk_left, 0);
        assert_eq!(seat.enter(node(1), now + Duration::from_secs(10)), Err(FailCode::TimeUp));
        for _ in 2..MAX_CONNECTIONS {
            seat.enter(node(1), now).unwrap();
        }
        assert_eq!(seat.enter(node(1), now), Err(FailCode::Busy));
        let ended = (0..MAX_CONNECTIONS).filter(|_| seat.leave(node(1))).count();
        assert_eq!(ended, 1, "the last one frees the place");
        assert_eq!(seat.enter(node(1), now + Duration::from_secs(20)).unwrap().disk_left, 100);
    }
}
