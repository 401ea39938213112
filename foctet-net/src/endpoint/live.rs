use std::sync::{Mutex, PoisonError};

use crate::connection::{Connection, WeakConnection};

/// How many connections are noted before those that are gone are looked for.
const FIRST_SWEEP: usize = 16;

/// The connections of an endpoint, without keeping them alive.
#[derive(Default)]
pub(crate) struct Live {
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    list: Vec<WeakConnection>,
    sweep_at: usize,
}

impl Live {
    pub(crate) fn add(&self, connection: &Connection) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.list.push(connection.downgrade());
        if connections.list.len() >= connections.sweep_at.max(FIRST_SWEEP) {
            connections.list.retain(|connection| connection.upgrade().is_some());
            connections.sweep_at = connections.list.len().saturating_mul(2);
        }
    }

    pub(crate) fn all(&self) -> Vec<Connection> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.list.iter().filter_map(WeakConnection::upgrade).collect()
    }
}
