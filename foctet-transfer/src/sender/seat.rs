use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use foctet_net::Connection;

use super::CLOSE_REPLACED;
use super::places::Places;
use super::session::Session;

type All = Mutex<Places<Arc<Session>, Connection>>;

/// A place for as long as one connection of its receiver is served. Dropped, it is given up.
pub(super) struct Seat {
    places: Arc<All>,
    connection: Connection,
    number: u64,
    turn: u64,
    session: Option<Arc<Session>>,
    keep: bool,
}

impl Seat {
    /// Gives the receiver its place `number` back, or a new one. Its connection before is closed.
    pub(super) fn take(places: &Arc<All>, connection: &Connection, number: Option<u64>) -> Self {
        let now = Instant::now();
        let taken = lock(places).take(connection.remote_id(), number, connection.clone(), now);
        if let Some(before) = taken.replaced {
            before.close(CLOSE_REPLACED, b"replaced");
        }
        Self {
            places: Arc::clone(places),
            connection: connection.clone(),
            number: taken.number,
            turn: taken.turn,
            session: taken.session,
            keep: false,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What is known of the receiver, if it came back.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.clone()
    }

    /// Remembers what is known of the receiver.
    pub(super) fn note(&mut self, session: Arc<Session>) -> Arc<Session> {
        let node = self.connection.remote_id();
        lock(&self.places).note(node, self.number, self.turn, Arc::clone(&session));
        session
    }

    /// Leaves the place, which is kept for the receiver if it `may_return`. Returns whether it had not been taken by
    /// another connection.
    pub(super) fn leave(mut self, may_return: bool) -> bool {
        self.keep = may_return;
        self.give_up()
    }

    fn give_up(&self) -> bool {
        let node = self.connection.remote_id();
        lock(&self.places).leave(node, self.number, self.turn, self.keep, Instant::now())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // After `leave` this finds the place as it should be.
        self.give_up();
    }
}

fn lock(places: &All) -> MutexGuard<'_, Places<Arc<Session>, Connection>> {
    // Every change is complete before anything can panic.
    places.lock().unwrap_or_else(PoisonError::into_inner)
}
