use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::connection::{Connection, Ending, WeakConnection};

/// How many connections are noted before those that are gone are looked for.
const FIRST_SWEEP: usize = 16;

/// Connections that were dropped and whose peers may not have been told, at most: the oldest have been told the most likely.
/// Each keeps the memory of a connection without streams.
const MAX_ENDING: usize = 256;

/// The connections of an endpoint, without keeping them alive; and what is left of those that were dropped.
#[derive(Default)]
pub(crate) struct Live {
    connections: Mutex<Connections>,
    ending: Mutex<Endings>,
}

#[derive(Default)]
struct Connections {
    list: Vec<WeakConnection>,
    sweep_at: usize,
}

#[derive(Default)]
struct Endings {
    list: VecDeque<Ending>,
    sweep_at: usize,
}

impl Live {
    pub(crate) fn add(self: &Arc<Self>, connection: &Connection) {
        connection.tell_when_dropped(self);
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.list.push(connection.downgrade());
        if connections.list.len() >= connections.sweep_at.max(FIRST_SWEEP) {
            connections.list.retain(|connection| connection.upgrade().is_some());
            connections.sweep_at = connections.list.len().saturating_mul(2);
        }
    }

    /// A connection was dropped, and this is left of it.
    pub(crate) fn dropped(&self, ending: Ending) {
        let mut endings = self.endings();
        if endings.list.len() >= endings.sweep_at.clamp(FIRST_SWEEP, MAX_ENDING) {
            endings.list.retain(|ending| !ending.is_over());
            endings.sweep_at = endings.list.len().saturating_mul(2);
            if endings.list.len() >= MAX_ENDING {
                endings.list.pop_front();
            }
        }
        endings.list.push_back(ending);
    }

    pub(crate) fn all(&self) -> Vec<Connection> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.list.iter().filter_map(WeakConnection::upgrade).collect()
    }

    /// What is left of those that were dropped.
    pub(crate) fn take_ending(&self) -> Vec<Ending> {
        let endings = std::mem::take(&mut *self.endings());
        endings.list.into_iter().filter(|ending| !ending.is_over()).collect()
    }

    fn endings(&self) -> MutexGuard<'_, Endings> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
