use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use noq::ConnectionId;
use tokio::sync::Notify;

use super::long_header::{Kind, LongHeader};
use crate::error::IoFailure;

/// The dials whose first flight is under way.
///
/// A peer is dialled once, at one of its addresses; the Initial packets of that dial are copied to its other
/// addresses, and whichever answers first becomes the path (`server_handshake_migration`). A dial is recognised by
/// the destination connection id of its Initial packets, which we choose at random; from the first answer on noq
/// uses an id of the peer's, and the copying ends by itself. A hostile peer may choose the same id: a flight is copied
/// only while it goes to its first address, and at most [`MAX_COPIED`] times.
#[derive(Default)]
pub(crate) struct FanOut {
    /// How many dials there are, so that established connections do not pay for looking.
    active: AtomicUsize,
    flights: Mutex<HashMap<Box<[u8]>, Arc<Flight>>>,
}

/// How many transmits of one dial are copied: a hello of two packets in one transmit or two, sent again after 1, 2 and
/// 4 s until the handshake times out at 10 s, and as much again. What answers cannot make us send more to others.
const MAX_COPIED: u32 = 16;

/// Transmits of one dial that are kept for candidates that cannot be reached yet: the first flight, and once more. Each
/// has at most some 4 KiB.
const MAX_KEPT: usize = 4;

/// Where the first flight of one dial goes, and how that went.
pub(crate) struct Flight {
    /// How many transmits have been copied.
    copied: AtomicU32,
    candidates: Vec<SocketAddr>,
    /// The connection id by which we are to be answered.
    ours: OnceLock<Box<[u8]>>,
    answered: Mutex<Answered>,
    /// What was sent so far, for [`Registration::replay`].
    kept: Mutex<Vec<Kept>>,
    outcomes: Mutex<HashMap<SocketAddr, Option<IoFailure>>>,
    /// Told when every candidate has been tried and the kernel refused each.
    all_failed: Notify,
}

/// The bytes of a transmit, and after how many each it is cut.
type Kept = (Box<[u8]>, Option<usize>);

/// Who has answered a flight.
#[derive(Default)]
enum Answered {
    #[default]
    Nobody,
    /// The node that chose this connection id.
    By(Box<[u8]>),
    /// Somebody who wants to be asked again (RFC 9000, section 8.1.2): with other keys, so that there is nothing to mix up.
    Retry,
}

/// Ends the copying when dropped.
pub(crate) struct Registration<'a> {
    fan_out: &'a FanOut,
    id: Box<[u8]>,
    flight: Arc<Flight>,
}

impl FanOut {
    /// Copies the Initial packets that go to connection id `id` to all of `candidates`, until the registration is
    /// dropped.
    pub(crate) fn register(&self, id: &ConnectionId, candidates: Vec<SocketAddr>) -> Registration<'_> {
        let id: Box<[u8]> = Box::from(&**id);
        let flight = Arc::new(Flight {
            copied: AtomicU32::new(0),
            candidates,
            ours: OnceLock::new(),
            answered: Mutex::default(),
            kept: Mutex::default(),
            outcomes: Mutex::default(),
            all_failed: Notify::new(),
        });
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.insert(id.clone(), Arc::clone(&flight));
        self.active.store(flights.len(), Ordering::Relaxed);
        Registration { fan_out: self, id, flight }
    }

    /// The dial whose first flight these packets belong to, if any.
    pub(super) fn flight_of(&self, packets: &[u8]) -> Option<Arc<Flight>> {
        if self.active.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let header = LongHeader::read(packets).filter(|header| header.kind == Kind::Initial)?;
        let flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = flights.get(header.destination)?;
        flight.ours.get_or_init(|| header.source.into());
        Some(Arc::clone(flight))
    }

    /// Whether a datagram that came in may go on to noq.
    ///
    /// The answers to a dial's first flight come from several nodes if an address is out of date. Their Initial packets have
    /// the same keys, made from the id that we chose, so that noq would take one's acknowledgement and another's hello
    /// for one node's, and get stuck. So only one node is heard, the first that answers: it is known by the id that it
    /// chose, whichever way its packets take.
    pub(super) fn admits(&self, packets: &[u8]) -> bool {
        if self.active.load(Ordering::Relaxed) == 0 {
            return true;
        }
        let Some(header) = LongHeader::read(packets) else { return true };
        let flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let answered =
            |flight: &&Arc<Flight>| flight.ours.get().is_some_and(|id| **id == *header.destination);
        match flights.values().find(answered) {
            Some(flight) => flight.hears(&header),
            None => true,
        }
    }
}

impl Flight {
    /// Where else a transmit to `destination` goes.
    pub(super) fn copies(&self, destination: SocketAddr) -> &[SocketAddr] {
        match self.candidates.split_first() {
            Some((primary, others))
                if *primary == destination && self.copied.fetch_add(1, Ordering::Relaxed) < MAX_COPIED =>
            {
                others
            }
            _ => &[],
        }
    }

    /// Whether a packet comes from the node that answered first; it may be that this is the first.
    fn hears(&self, header: &LongHeader<'_>) -> bool {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*answered, header.kind) {
            (Answered::By(id), Kind::Initial | Kind::Other) => **id == *header.source,
            (Answered::By(_), Kind::Retry) => false,
            (Answered::Retry, _) => true,
            (Answered::Nobody, Kind::Retry) => {
                *answered = Answered::Retry;
                true
            }
            (Answered::Nobody, Kind::Initial | Kind::Other) => {
                *answered = Answered::By(header.source.into());
                true
            }
        }
    }

    /// Keeps a transmit, cut every `segment_size` bytes, for whoever can be reached only later.
    pub(super) fn keep(&self, contents: &[u8], segment_size: Option<usize>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_KEPT {
            kept.push((contents.into(), segment_size));
        }
    }

    /// Notes what the kernel said of a packet.
    pub(super) fn note(&self, destination: SocketAddr, sent: io::Result<()>) {
        let failure = match sent {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Some(IoFailure::from(error)),
            _ => None,
        };
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.insert(destination, failure);
        let failed =
            |candidate| outcomes.get(candidate).is_some_and(|outcome: &Option<IoFailure>| outcome.is_some());
        if self.candidates.iter().all(failed) {
            self.all_failed.notify_one();
        }
    }
}

impl Registration<'_> {
    /// What the kernel said of the last packet to a candidate, if it was no good.
    pub(crate) fn failure(&self, candidate: SocketAddr) -> Option<IoFailure> {
        let outcomes = self.flight.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.get(&candidate).cloned().flatten()
    }

    /// Hands what was sent so far to `send`, once more: a candidate could not be reached before.
    pub(crate) fn replay(&self, mut send: impl FnMut(&[u8], Option<usize>)) {
        let kept = self.flight.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for (contents, segment_size) in kept.iter() {
            send(contents, *segment_size);
        }
    }

    /// Waits until the kernel has refused every candidate.
    pub(crate) async fn all_failed(&self) {
        self.flight.all_failed.notified().await;
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        let mut flights = self.fan_out.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.id);
        self.fan_out.active.store(flights.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn initial(first: u8, id: &[u8]) -> Vec<u8> {
        long(first, id, b"us")
    }

    fn long(first: u8, to: &[u8], from: &[u8]) -> Vec<u8> {
        [&[first, 0, 0, 0, 1, to.len() as u8][..], to, &[from.len() as u8], from, &[0; 20]].concat()
    }

    #[test]
    fn only_the_node_that_answers_first_is_heard() {
        let fan_out = FanOut::default();
        let dial = |n: u8| {
            let registration = fan_out.register(&ConnectionId::new(&[n; 20]), vec![addr(1), addr(2)]);
            fan_out.flight_of(&long(0xc0, &[n; 20], &[n])).unwrap();
            registration
        };
        let first = dial(1);
        assert!(fan_out.admits(&long(0xc0, &[1], b"wrong")));
        assert!(!fan_out.admits(&long(0xc0, &[1], b"right")));
        assert!(!fan_out.admits(&long(0xf0, &[1], b"right")), "a Retry, too late");
        assert!(fan_out.admits(&long(0xe0, &[1], b"wrong")), "a Handshake packet");
        assert!(fan_out.admits(&long(0xc0, b"another connection", b"right")));
        assert!(fan_out.admits(&[0x40; 30]), "a short header");
        let _second = dial(2);
        assert!(fan_out.admits(&long(0xf0, &[2], b"a")), "after a Retry the keys tell them apart");
        assert!(fan_out.admits(&long(0xc0, &[2], b"b")));
        drop(first);
        assert!(fan_out.admits(&long(0xc0, &[1], b"right")), "a dial that is over");
    }

    #[test]
    fn only_the_first_flight_of_a_registered_dial_is_copied() {
        let fan_out = FanOut::default();
        let id = ConnectionId::new(&[7; 20]);
        let registration = fan_out.register(&id, vec![addr(1), addr(2), addr(3)]);
        let flight = fan_out.flight_of(&initial(0xc3, &[7; 20])).unwrap();
        assert_eq!(flight.copies(addr(1)), [addr(2), addr(3)]);
        assert!(flight.copies(addr(2)).is_empty(), "an answer has moved the dial");
        let copied = (0..10_000).filter(|_| !flight.copies(addr(1)).is_empty()).count();
        assert_eq!(copied as u32 + 1, MAX_COPIED, "whatever answers, the copies end");
        // The fixed bit may be greased.
        assert!(fan_out.flight_of(&initial(0x83, &[7; 20])).is_some());
        assert!(fan_out.flight_of(&initial(0xc3, &[8; 20])).is_none(), "another dial");
        assert!(fan_out.flight_of(&initial(0xe3, &[7; 20])).is_none(), "a Handshake packet");
        assert!(fan_out.flight_of(&initial(0x43, &[7; 20])).is_none(), "a short header");
        assert!(fan_out.flight_of(&[0xc3, 0, 0, 0, 1, 20, 7]).is_none(), "cut short");
        drop(registration);
        assert!(fan_out.flight_of(&initial(0xc3, &[7; 20])).is_none(), "a dial that is over");
    }

    #[tokio::test]
    async fn a_dial_that_the_kernel_refuses_everywhere_is_told_so() {
        let fan_out = FanOut::default();
        let id = ConnectionId::new(&[7; 20]);
        let registration = fan_out.register(&id, vec![addr(1), addr(2)]);
        let flight = fan_out.flight_of(&initial(0xc3, &[7; 20])).unwrap();
        flight.note(addr(1), Err(io::ErrorKind::NetworkUnreachable.into()));
        flight.note(addr(2), Err(io::ErrorKind::WouldBlock.into()));
        assert_eq!(
            registration.failure(addr(1)).map(|failure| failure.kind()),
            Some(io::ErrorKind::NetworkUnreachable)
        );
        assert_eq!(registration.failure(addr(2)), None);
        flight.note(addr(2), Err(io::ErrorKind::HostUnreachable.into()));
        registration.all_failed().await;
    }
}
