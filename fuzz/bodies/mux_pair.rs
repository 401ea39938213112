//! Two connections wired to each other, under a list of operations at both ends, over a carrier that delivers in pieces of
//! any size. Neither may ever find fault with the other; what is read is what was written, stream by stream; and whatever
//! was left half done comes to its end, agreed upon by both.

use std::collections::BTreeMap;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use foctet_mux::{Config, ConnectionError, Dir, Mux, ReadError, Role, StreamId, WriteError};

/// After this many exchanges all must have come to rest.
const MAX_EXCHANGES: usize = 100_000;

/// How many operations one input may hold; more show nothing new.
const MAX_OPERATIONS: usize = 2_000;

/// The code with which streams are reset.
const RESET: u64 = 3;

/// The code with which streams are stopped.
const STOP: u64 = 4;

/// Takes the first byte.
fn next(data: &mut &[u8]) -> Option<u8> {
    let (first, rest) = data.split_first()?;
    *data = rest;
    Some(*first)
}

/// The byte at `offset` of what `role` writes on `id`.
fn byte(role: Role, id: StreamId, offset: u64) -> u8 {
    let seed = id.as_u64().wrapping_mul(31) + u64::from(role == Role::Client) * 17;
    (offset.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 3) as u8
}

/// How a half of a stream ended, as this side knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// The writer finished it, or the reader saw its end.
    Finished,
    Reset,
    /// The reader does not want it, or the writer has heard so.
    Stopped,
}

/// What one side did with a half of a stream.
#[derive(Debug)]
struct Half {
    bytes: u64,
    end: End,
    held: bool,
}

impl Half {
    fn new() -> Self {
        Self { bytes: 0, end: End::Open, held: true }
    }
}

struct Side {
    role: Role,
    mux: Mux,
    /// What is on its way to this side.
    wire: BytesMut,
    sends: BTreeMap<StreamId, Half>,
    recvs: BTreeMap<StreamId, Half>,
    datagrams: u64,
}

impl Side {
    fn new(role: Role, config: Config, now: Instant) -> Self {
        Self {
            role,
            mux: Mux::new(role, config, now),
            wire: BytesMut::new(),
            sends: BTreeMap::new(),
            recvs: BTreeMap::new(),
            datagrams: 0,
        }
    }

    fn hold(&mut self, id: StreamId) {
        if id.dir() == Dir::Bi || id.initiator() == self.role {
            self.sends.insert(id, Half::new());
        }
        if id.dir() == Dir::Bi || id.initiator() != self.role {
            self.recvs.insert(id, Half::new());
        }
    }

    /// One of the halves that are held.
    fn choose(halves: &BTreeMap<StreamId, Half>, choice: u8) -> Option<StreamId> {
        let held = || halves.iter().filter(|(_, half)| half.held);
        let at = usize::from(choice) % held().count().max(1);
        held().nth(at).map(|(id, _)| *id)
    }

    fn accept(&mut self, dir: Dir) -> bool {
        match self.mux.accept(dir) {
            Poll::Ready(id) => {
                self.hold(id.expect("the connection lives"));
                true
            }
            Poll::Pending => false,
        }
    }

    /// Writes up to `len` bytes; whether any were taken, or the end of the half was heard of.
    fn write(&mut self, id: StreamId, len: usize, whole: bool) -> bool {
        let role = self.role;
        let Some(half) = self.sends.get_mut(&id) else { return false };
        let data: Vec<u8> = (0..len as u64).map(|at| byte(role, id, half.bytes + at)).collect();
        let written =
            if whole { self.mux.write_chunk(id, &mut Bytes::from(data)) } else { self.mux.write(id, &data) };
        match written {
            Poll::Pending => false,
            Poll::Ready(Ok(written)) => {
                assert!(written <= len && half.end == End::Open);
                half.bytes += written as u64;
                written > 0
            }
            Poll::Ready(Err(WriteError::Stopped(code))) => {
                assert!(code == STOP || code == 0);
                let news = half.end == End::Open;
                if news {
                    half.end = End::Stopped;
                }
                news
            }
            Poll::Ready(Err(error)) => {
                assert_eq!(error, WriteError::ClosedStream);
                assert_ne!(half.end, End::Open);
                false
            }
        }
    }

    fn finish(&mut self, id: StreamId) {
        let finished = self.mux.finish(id);
        if let Some(half) = self.sends.get_mut(&id).filter(|half| half.end == End::Open) {
            half.end = if finished.is_ok() { End::Finished } else { End::Stopped };
        }
    }

    fn reset(&mut self, id: StreamId) {
        if self.mux.reset(id, RESET).is_ok()
            && let Some(half) = self.sends.get_mut(&id)
        {
            half.end = End::Reset;
        }
    }

    fn stop(&mut self, id: StreamId) {
        let stopped = self.mux.stop(id, STOP);
        if let Some(half) = self.recvs.get_mut(&id).filter(|half| half.end == End::Open) {
            assert!(stopped.is_ok(), "{id} was open");
            half.end = End::Stopped;
        }
    }

    /// Reads a piece of up to `max` bytes; whether there was one, or the end.
    fn read(&mut self, id: StreamId, max: usize, writer: Role) -> bool {
        let Some(half) = self.recvs.get_mut(&id) else { return false };
        match self.mux.read(id, max) {
            Poll::Pending => false,
            Poll::Ready(Ok(Some(piece))) => {
                assert!(piece.len() <= max && half.end == End::Open);
                for (at, read) in piece.iter().enumerate() {
                    assert_eq!(*read, byte(writer, id, half.bytes + at as u64), "{id}");
                }
                half.bytes += piece.len() as u64;
                !piece.is_empty()
            }
            Poll::Ready(Ok(None)) => std::mem::replace(&mut half.end, End::Finished) == End::Open,
            Poll::Ready(Err(ReadError::Reset(code))) => {
                assert!(code == RESET || code == STOP || code == 0);
                std::mem::replace(&mut half.end, End::Reset) == End::Open
            }
            Poll::Ready(Err(error)) => {
                assert_eq!((error, half.end), (ReadError::ClosedStream, End::Stopped));
                false
            }
        }
    }

    fn release(&mut self, id: StreamId, send: bool) {
        if send {
            self.finish(id);
            self.mux.release_send(id);
        } else {
            if let Some(half) = self.recvs.get_mut(&id).filter(|half| half.end == End::Open) {
                half.end = End::Stopped;
            }
            self.mux.release_recv(id);
        }
        let halves = if send { &mut self.sends } else { &mut self.recvs };
        if let Some(half) = halves.get_mut(&id) {
            half.held = false;
        }
    }

    fn apply(&mut self, op: u8, data: &mut &[u8], writer: Role) {
        let dir = if op & 0x40 == 0 { Dir::Bi } else { Dir::Uni };
        let choice = op >> 4;
        let value = next(data).unwrap_or_default();
        match op & 0x0f {
            0 => {
                if let Poll::Ready(id) = self.mux.open(dir) {
                    self.hold(id.expect("the connection lives"));
                }
            }
            1 => drop(self.accept(dir)),
            2..=4 => {
                if let Some(id) = Self::choose(&self.sends, choice) {
                    // Lengths around those at which pieces are gathered, sliced and cut.
                    let len = usize::from(value) * if op & 1 == 0 { 1 } else { 150 };
                    self.write(id, len, op & 0x0f == 4);
                }
            }
            5 | 6 => {
                if let Some(id) = Self::choose(&self.recvs, choice) {
                    self.read(id, usize::from(value) * if op & 1 == 0 { 1 } else { 200 } + 1, writer);
                }
            }
            7 => Self::choose(&self.sends, choice).into_iter().for_each(|id| self.finish(id)),
            8 => Self::choose(&self.sends, choice).into_iter().for_each(|id| self.reset(id)),
            9 => Self::choose(&self.recvs, choice).into_iter().for_each(|id| self.stop(id)),
            10 => {
                if let Some(id) = Self::choose(&self.sends, choice) {
                    self.mux.set_priority(id, i32::from(value % 3));
                    drop((self.mux.delivered(id), self.mux.stopped(id)));
                }
            }
            11 => {
                let halves = if value & 1 == 0 { &self.sends } else { &self.recvs };
                if let Some(id) = Self::choose(halves, choice) {
                    self.release(id, value & 1 == 0);
                }
            }
            12 => {
                if self.mux.send_datagram(vec![value; usize::from(value)].into()).is_ok() {
                    self.datagrams += 1;
                }
            }
            13 => {
                if let Poll::Ready(datagram) = self.mux.read_datagram() {
                    let datagram = datagram.expect("the connection lives");
                    assert!(datagram.iter().all(|byte| usize::from(*byte) == datagram.len()));
                }
            }
            14 => drop(self.mux.ping()),
            _ => {
                if let Some(id) = Self::choose(&self.recvs, choice)
                    && let Poll::Ready(Ok(Some(code))) = self.mux.received_reset(id)
                    && let Some(half) = self.recvs.get_mut(&id)
                {
                    assert!(code == RESET || code == STOP || code == 0);
                    half.end = End::Reset;
                }
            }
        }
    }

    /// Up to `bytes` of what is on its way arrive, in pieces.
    fn arrive(&mut self, bytes: usize, piece: usize, now: Instant) {
        let mut arriving = self.wire.split_to(bytes.min(self.wire.len()));
        while !arriving.is_empty() {
            let piece = arriving.split_to(piece.min(arriving.len()));
            self.mux.handle_input(piece.freeze(), now);
        }
        while self.mux.poll_event().is_some() {}
    }

    /// Does all that is left to do: accepts, reads to the end, finishes. Whether there was anything.
    fn work(&mut self, writer: Role) -> bool {
        let mut worked = false;
        for dir in [Dir::Bi, Dir::Uni] {
            while self.accept(dir) {
                worked = true;
            }
        }
        let ids: Vec<_> =
            self.recvs.iter().filter(|(_, half)| half.end == End::Open).map(|(id, _)| *id).collect();
        for id in ids {
            while self.read(id, usize::MAX, writer) {
                worked = true;
            }
        }
        let ids: Vec<_> =
            self.sends.iter().filter(|(_, half)| half.end == End::Open).map(|(id, _)| *id).collect();
        for id in ids {
            self.finish(id);
            worked = true;
        }
        worked
    }
}

fn transmit(from: &mut Side, to: &mut Side, limit: usize, now: Instant) -> bool {
    let mut out = Vec::new();
    let sent = from.mux.poll_transmit(&mut out, limit, now);
    to.wire.extend_from_slice(&out);
    while from.mux.poll_event().is_some() {}
    sent
}

/// The bounds and the sums that hold at any time.
fn check(side: &Side, window: u64, now: Instant) {
    assert_eq!(side.mux.error(), None);
    let stats = side.mux.stats(now);
    assert!(stats.bytes_unread <= window);
    assert!(stats.stream_bytes_sent + stats.bytes_unsent <= side.sends.values().map(|half| half.bytes).sum());
    assert!(stats.bytes_unread <= stats.stream_bytes_received);
}

/// Each reader and its writer must agree on how a stream ended, and after how many bytes.
fn agree(reader: &Side, writer: &Side) {
    for (id, read) in &reader.recvs {
        let Some(written) = writer.sends.get(id) else {
            panic!("{id} was never opened");
        };
        assert!(read.bytes <= written.bytes, "{id}");
        match (read.end, written.end) {
            (End::Finished, End::Finished) => assert_eq!(read.bytes, written.bytes, "{id}"),
            (End::Reset, End::Reset | End::Stopped) | (End::Stopped, _) => {}
            // The reset was too late: all had arrived, or the stop came across the end.
            (End::Finished, end) => assert_ne!(end, End::Open, "{id}"),
            ends => panic!("{id}: {ends:?}"),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "any instant does: all others are relative to it")]
pub(crate) fn run(mut data: &[u8]) {
    let (Some(setup), Some(piece)) = (next(&mut data), next(&mut data)) else { return };
    // From windows of ten bytes to such that nothing is held back.
    let windows = [10_u64, 1_000, 20_000, 1 << 20];
    let window = windows[usize::from(setup & 3)];
    let config = Config::default()
        .stream_receive_window(window)
        .receive_window(windows[usize::from(setup >> 2 & 3)])
        .send_window(windows[usize::from(setup >> 4 & 3)])
        .max_streams_bidi(3)
        .max_streams_uni(3)
        .max_idle_timeout(None)
        .datagram_buffer(10_000);
    let bound = windows[usize::from(setup >> 2 & 3)];
    let mut now = Instant::now();
    let (mut a, mut b) = (Side::new(Role::Client, config.clone(), now), Side::new(Role::Server, config, now));
    let piece = usize::from(piece) * 40 + 1;
    for _ in 0..MAX_OPERATIONS {
        let Some(op) = next(&mut data) else { break };
        let (this, other) = if op & 0x80 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        this.apply(op & 0x7f, &mut data, other.role);
        match next(&mut data).unwrap_or_default() {
            0..=99 => drop(transmit(this, other, 1 << 16, now)),
            100..=199 => this.arrive(usize::MAX, piece, now),
            200..=239 => this.arrive(piece, usize::MAX, now),
            ms => {
                now += Duration::from_millis(u64::from(ms));
                this.mux.handle_timeout(now);
            }
        }
        check(&a, bound, now);
        check(&b, bound, now);
    }
    let mut exchanges = 0;
    loop {
        let mut progress = a.work(Role::Server);
        progress |= b.work(Role::Client);
        progress |= transmit(&mut a, &mut b, 1 << 16, now);
        progress |= transmit(&mut b, &mut a, 1 << 16, now);
        progress |= !a.wire.is_empty() || !b.wire.is_empty();
        a.arrive(usize::MAX, piece, now);
        b.arrive(usize::MAX, piece, now);
        check(&a, bound, now);
        check(&b, bound, now);
        if !progress {
            break;
        }
        exchanges += 1;
        assert!(exchanges < MAX_EXCHANGES, "it never comes to rest");
    }
    agree(&a, &b);
    agree(&b, &a);
    for side in [&mut a, &mut b] {
        assert!(!side.mux.has_output());
        for (halves, send) in [(&side.sends, true), (&side.recvs, false)] {
            assert!(halves.values().all(|half| half.end != End::Open), "a half that never ends");
            let ids: Vec<_> = halves.keys().copied().collect();
            for id in ids {
                if send { side.mux.release_send(id) } else { side.mux.release_recv(id) }
            }
        }
    }
    for _ in 0..4 {
        transmit(&mut a, &mut b, 1 << 20, now);
        transmit(&mut b, &mut a, 1 << 20, now);
        a.arrive(usize::MAX, piece, now);
        b.arrive(usize::MAX, piece, now);
    }
    for (side, other) in [(&a, &b), (&b, &a)] {
        let stats = side.mux.stats(now);
        assert_eq!((stats.streams, stats.bytes_unread, stats.bytes_unsent), (0, 0, 0));
        assert_eq!(stats.stream_bytes_sent, other.mux.stats(now).stream_bytes_received);
        assert!(stats.datagrams_received <= other.datagrams);
    }
    let (first, last, role) =
        if setup & 0x40 == 0 { (&mut a, &mut b, Role::Client) } else { (&mut b, &mut a, Role::Server) };
    assert_eq!(first.role, role);
    first.mux.close(6, b"done").expect("the code is small");
    transmit(first, last, 1 << 16, now);
    last.arrive(usize::MAX, piece, now);
    assert_eq!(first.mux.error(), Some(&ConnectionError::LocallyClosed));
    let told = ConnectionError::ApplicationClosed { code: 6, reason: Bytes::from_static(b"done") };
    assert_eq!(last.mux.error(), Some(&told));
    assert!(!first.mux.has_output() && !last.mux.has_output());
}
