//! The attacked side: the server's machine with the buffers that its driver would have.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use foctet_mux::{Config, ConnectionError, Frame, Mux, Role, TransportErrorCode};

use crate::ledger::{Alone, frames};
use crate::pair::epoch;
use crate::raw::{encode, params, record};

/// What a driver holds of output at most, in bytes.
pub(crate) const OUTPUT: usize = 64 * 1024;

/// What a driver holds of input at most with the default configuration, in bytes.
pub(crate) const INPUT: usize = 64 * 1024;

/// What each stream costs at most beside its data, in bytes, as [`Config`] documents.
pub(crate) const STREAM: usize = 1024;

/// Attacks that end after fewer frames than this are not measured by their number.
const FEW: u64 = 100;

/// Below this much room the driver takes a new buffer.
const READ_ROOM: usize = 16 * 1024;

/// What an attack is called, what it is up against, and how it is reckoned.
pub(crate) struct Attack<'a> {
    pub(crate) name: &'a str,
    pub(crate) config: &'a Config,
    /// The most heap that it may take, in bytes.
    pub(crate) bound: usize,
    /// How many frames are in each of its records.
    pub(crate) each: u64,
}

/// A frame for the number of its record.
pub(crate) type Numbered = fn(u64) -> Frame<'static>;

/// The machine and its buffers.
pub(crate) struct Victim {
    pub(crate) mux: Mux,
    pub(crate) now: Instant,
    input: BytesMut,
    output: Vec<u8>,
}

impl Victim {
    /// After the peer's parameters; the first output is still unsent.
    pub(crate) fn new(config: Config) -> Self {
        let now = epoch();
        let mux = Mux::new(Role::Server, config, now);
        let mut victim = Self { mux, now, input: BytesMut::new(), output: Vec::new() };
        victim.receive(&record(&encode(&[Frame::TransportParameters { encoded: &params() }])));
        assert_eq!(victim.mux.error(), None);
        victim
    }

    /// `bytes` arrive: as for the driver, into buffers of a fixed size that unread data may go on holding.
    pub(crate) fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let size = self.mux.read_buffer_size();
            if self.input.capacity() < READ_ROOM.min(size) && !self.input.try_reclaim(size) {
                self.input = BytesMut::with_capacity(size);
            }
            let (now, later) = bytes.split_at(self.input.capacity().min(bytes.len()));
            self.input.extend_from_slice(now);
            bytes = later;
            self.mux.handle_input(self.input.split().freeze(), self.now);
            while self.mux.poll_event().is_some() {}
        }
    }

    /// The peer takes all that there is to send.
    pub(crate) fn sent(&mut self) {
        self.output.clear();
        while self.mux.poll_transmit(&mut self.output, OUTPUT, self.now) {
            self.output.clear();
        }
    }

    /// The peer takes nothing: what the driver has in hand stays there.
    pub(crate) fn stuck(&mut self) {
        if self.output.is_empty() {
            self.mux.poll_transmit(&mut self.output, OUTPUT, self.now);
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.mux.handle_timeout(self.now);
    }

    /// The rule for whose sake the machine ended the connection.
    pub(crate) fn violation(&self) -> Option<TransportErrorCode> {
        match self.mux.error() {
            None => None,
            Some(ConnectionError::TransportError { code, .. }) => Some(*code),
            Some(other) => panic!("{other:?}"),
        }
    }
}

/// Floods fresh victims, each until it ends the connection, until they have seen the whole number of frames. Each
/// record holds what `hostile` appends to the payload for its number; `application` then does what it
/// does. How many records one victim took at most.
pub(crate) fn flood(
    alone: &Alone,
    attack: &Attack<'_>,
    code: TransportErrorCode,
    mut hostile: impl FnMut(u64, &mut Vec<u8>),
    mut application: impl FnMut(&mut Victim),
) -> u64 {
    let Attack { name, config, bound, each } = *attack;
    let (mut payload, mut wire) = (Vec::with_capacity(1 << 15), Vec::with_capacity(1 << 15));
    let mut next = |n: u64, wire: &mut Vec<u8>| {
        payload.clear();
        hostile(n, &mut payload);
        wire.clear();
        wire.extend_from_slice(&(0x4000 | payload.len() as u16).to_be_bytes());
        wire.extend_from_slice(&payload);
    };
    let (mut seen, mut most) = (0, 0);
    let ledger = alone.measure();
    while seen < frames() {
        let mut victim = Victim::new(config.clone());
        let mut taken = 0;
        while victim.violation().is_none() {
            next(taken, &mut wire);
            victim.receive(&wire);
            application(&mut victim);
            taken += 1;
            assert!(taken <= 10_000_000, "never too much");
        }
        assert_eq!(victim.violation(), Some(code));
        seen += taken * each;
        most = most.max(taken - 1);
    }
    let cost = ledger.close();
    let closed = crate::carrier::closes(config, code, |n, wire| next(n, wire));
    let end = format_args!("{code} after {} frames, {closed}", most * each);
    // Where a few frames cost a whole connection, what a million of them take says nothing.
    if most * each < FEW {
        cost.check_heap(name, bound, &end);
    } else {
        cost.check(name, seen, bound, &end);
    }
    most
}

/// One victim that survives all of it; see [`flood`].
pub(crate) fn endure(
    alone: &Alone,
    attack: &Attack<'_>,
    mut hostile: impl FnMut(u64, &mut Vec<u8>),
    mut application: impl FnMut(&mut Victim),
) -> Victim {
    let Attack { name, config, bound, each } = *attack;
    let (mut payload, mut wire) = (Vec::with_capacity(1 << 15), Vec::with_capacity(1 << 15));
    let records = frames() / each;
    let ledger = alone.measure();
    let mut victim = Victim::new(config.clone());
    for n in 0..records {
        payload.clear();
        hostile(n, &mut payload);
        wire.clear();
        wire.extend_from_slice(&(0x4000 | payload.len() as u16).to_be_bytes());
        wire.extend_from_slice(&payload);
        victim.receive(&wire);
        application(&mut victim);
    }
    let cost = ledger.close();
    assert_eq!(victim.mux.error(), None);
    cost.check(name, records * each, bound, &"goes on, as its bounds hold");
    victim
}
