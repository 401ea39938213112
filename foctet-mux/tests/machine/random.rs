//! Random operations at both ends over a carrier that cuts at random, then everything brought to its end by events alone.
//!
//! Invariants: bytes arrive exact and in order; no side ever breaks the other's rules, so that no credit is exceeded
//! (and none goes below zero, or arithmetic would panic); whoever was told to wait is woken when there is cause;
//! every stream ends and leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use foctet_mux::{Config, ConnectionError, Dir, Event, Mux, ReadError, Role, StreamId, WriteError};
use proptest::prelude::*;

use crate::pair::{epoch, ready};

#[derive(Debug, Clone, Copy)]
enum Op {
    Open(Dir),
    Accept(Dir),
    Write {
        stream: usize,
        len: usize,
        chunk: bool,
    },
    Finish(usize),
    Reset(usize),
    Stop(usize),
    Read {
        stream: usize,
        max: usize,
    },
    Priority {
        stream: usize,
        priority: i32,
    },
    Delivered(usize),
    Release(usize),
    Datagram(usize),
    Ping,
    /// Lets up to this many bytes on their way to this side arrive.
    Arrive {
        bytes: usize,
        chunk: usize,
    },
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let dir = prop_oneof![Just(Dir::Bi), Just(Dir::Uni)];
    let stream = 0..8_usize;
    prop_oneof![
        3 => dir.clone().prop_map(Op::Open),
        3 => dir.prop_map(Op::Accept),
        8 => (stream.clone(), 0..40_000_usize, any::<bool>())
            .prop_map(|(stream, len, chunk)| Op::Write { stream, len, chunk }),
        2 => stream.clone().prop_map(Op::Finish),
        1 => stream.clone().prop_map(Op::Reset),
        1 => stream.clone().prop_map(Op::Stop),
        6 => (stream.clone(), 0..50_000_usize).prop_map(|(stream, max)| Op::Read { stream, max }),
        1 => (stream.clone(), -2..3).prop_map(|(stream, priority)| Op::Priority { stream, priority }),
        1 => stream.clone().prop_map(Op::Delivered),
        1 => stream.prop_map(Op::Release),
        1 => (0..20_000_usize).prop_map(Op::Datagram),
        1 => Just(Op::Ping),
        8 => (0..100_000_usize, 1..5_000_usize).prop_map(|(bytes, chunk)| Op::Arrive { bytes, chunk }),
        1 => (0..2_000_u64).prop_map(Op::Pass),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let window = prop_oneof![50..500_u64, 500..50_000_u64, Just(1 << 20)];
    (window.clone(), window.clone(), window.clone(), window, 1..6_u64, 1..6_u64).prop_map(
        |(stream, total, send, stream_send, bidi, uni)| {
            Config::default()
                .stream_receive_window(stream)
                .receive_window(total)
                .send_window(send)
                .stream_send_window(stream_send)
                .max_streams_bidi(bidi)
                .max_streams_uni(uni)
        },
    )
}

/// How much is written on each stream after the random operations: more than its send buffer takes at once
/// ([`foctet_mux::MIN_SEND_BUFFER`]), so that writers must wait and be woken.
const LAST_WORDS: u64 = 25_000;

/// The byte at `offset` of what `role` sends on `id`.
fn byte(role: Role, id: StreamId, offset: u64) -> u8 {
    let seed = id.as_u64() * 31 + u64::from(role == Role::Client) * 17;
    (offset.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 3) as u8
}

/// What this side did with a half of a stream.
#[derive(Debug, Default)]
struct Half {
    bytes: u64,
    /// It finished, reset, stopped or saw the end.
    over: bool,
    released: bool,
    /// It was told to wait and has not been woken.
    waits: bool,
}

struct Side {
    role: Role,
    mux: Mux,
    wire: BytesMut,
    sends: BTreeMap<StreamId, Half>,
    recvs: BTreeMap<StreamId, Half>,
    /// The streams that somebody resets or stops, for which byte counts cannot agree.
    abandoned: BTreeSet<StreamId>,
    /// How much was written on each stream that ended in order.
    finished: BTreeMap<StreamId, u64>,
    /// Streams whose end the reader saw, and after how many bytes.
    ended: BTreeMap<StreamId, u64>,
    accept_waits: [bool; 2],
}

impl Side {
    fn new(role: Role, config: Config) -> Self {
        Self {
            role,
            mux: Mux::new(role, config, epoch()),
            wire: BytesMut::new(),
            sends: BTreeMap::new(),
            recvs: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            finished: BTreeMap::new(),
            ended: BTreeMap::new(),
            accept_waits: [false; 2],
        }
    }

    fn hold(&mut self, id: StreamId) {
        if id.dir() == Dir::Bi || id.initiator() == self.role {
            self.sends.insert(id, Half::default());
        }
        if id.dir() == Dir::Bi || id.initiator() != self.role {
            self.recvs.insert(id, Half::default());
        }
    }

    fn sender(&self, index: usize) -> Option<StreamId> {
        let held: Vec<_> = self.sends.iter().filter(|(_, half)| !half.released).collect();
        held.get(index % held.len().max(1)).map(|(id, _)| **id)
    }

    fn receiver(&self, index: usize) -> Option<StreamId> {
        let held: Vec<_> = self.recvs.iter().filter(|(_, half)| !half.released).collect();
        held.get(index % held.len().max(1)).map(|(id, _)| **id)
    }

    fn accept(&mut self, dir: Dir) -> bool {
        match self.mux.accept(dir) {
            Poll::Ready(id) => {
                self.hold(id.unwrap());
                true
            }
            Poll::Pending => {
                self.accept_waits[if dir == Dir::Bi { 0 } else { 1 }] = true;
                false
            }
        }
    }

    fn write(&mut self, id: StreamId, len: usize, chunk: bool) -> bool {
        let role = self.role;
        let half = self.sends.get_mut(&id).unwrap();
        let data: Vec<u8> = (0..len as u64).map(|i| byte(role, id, half.bytes + i)).collect();
        let written =
            if chunk { self.mux.write_chunk(id, &mut Bytes::from(data)) } else { self.mux.write(id, &data) };
        match written {
            Poll::Pending => {
                half.waits = true;
                false
            }
            Poll::Ready(Ok(written)) => {
                assert!(written <= len);
                half.bytes += written as u64;
                true
            }
            Poll::Ready(Err(WriteError::Stopped(code))) => {
                assert!(code == 4 || code == 0);
                half.over = true;
                self.abandoned.insert(id);
                true
            }
            Poll::Ready(Err(error)) => {
                assert_eq!((error, half.over), (WriteError::ClosedStream, true));
                true
            }
        }
    }

    fn finish(&mut self, id: StreamId) {
        let half = self.sends.get_mut(&id).unwrap();
        if self.mux.finish(id).is_ok() {
            self.finished.insert(id, half.bytes);
        }
        half.over = true;
    }

    fn read(&mut self, id: StreamId, max: usize) -> bool {
        let peer = self.role.peer();
        let half = self.recvs.get_mut(&id).unwrap();
        match self.mux.read(id, max) {
            Poll::Pending => {
                half.waits = true;
                false
            }
            Poll::Ready(Ok(Some(piece))) => {
                assert!(piece.len() <= max);
                for (i, found) in piece.iter().enumerate() {
                    assert_eq!(*found, byte(peer, id, half.bytes + i as u64), "{id} at {}", half.bytes);
                }
                half.bytes += piece.len() as u64;
                true
            }
            Poll::Ready(Ok(None)) => {
                self.ended.insert(id, half.bytes);
                half.over = true;
                true
            }
            Poll::Ready(Err(ReadError::Reset(_))) => {
                half.over = true;
                self.abandoned.insert(id);
                true
            }
            Poll::Ready(Err(error)) => {
                assert_eq!((error, half.over), (ReadError::ClosedStream, true));
                true
            }
        }
    }

    fn release_send(&mut self, id: StreamId) {
        let half = self.sends.get_mut(&id).unwrap();
        if !std::mem::replace(&mut half.over, true) {
            self.finished.insert(id, half.bytes);
        }
        half.released = true;
        self.mux.release_send(id);
    }

    fn release_recv(&mut self, id: StreamId) {
        let half = self.recvs.get_mut(&id).unwrap();
        if !std::mem::replace(&mut half.over, true) {
            self.abandoned.insert(id);
        }
        half.released = true;
        self.mux.release_recv(id);
    }

    fn apply(&mut self, op: Op, now: &mut std::time::Instant) {
        match op {
            Op::Open(dir) => {
                if let Poll::Ready(id) = self.mux.open(dir) {
                    self.hold(id.unwrap());
                }
            }
            Op::Accept(dir) => {
                self.accept(dir);
            }
            Op::Write { stream, len, chunk } => {
                if let Some(id) = self.sender(stream) {
                    self.write(id, len, chunk);
                }
            }
            Op::Finish(stream) => {
                if let Some(id) = self.sender(stream) {
                    self.finish(id);
                }
            }
            Op::Reset(stream) => {
                if let Some(id) = self.sender(stream)
                    && self.mux.reset(id, 3).is_ok()
                {
                    self.finished.remove(&id);
                    self.abandoned.insert(id);
                    self.sends.get_mut(&id).unwrap().over = true;
                }
            }
            Op::Stop(stream) => {
                if let Some(id) = self.receiver(stream)
                    && self.mux.stop(id, 4).is_ok()
                {
                    self.abandoned.insert(id);
                    self.recvs.get_mut(&id).unwrap().over = true;
                }
            }
            Op::Read { stream, max } => {
                if let Some(id) = self.receiver(stream) {
                    self.read(id, max);
                }
            }
            Op::Priority { stream, priority } => {
                if let Some(id) = self.sender(stream) {
                    self.mux.set_priority(id, priority);
                }
            }
            Op::Delivered(stream) => {
                if let Some(id) = self.sender(stream) {
                    let _ = self.mux.delivered(id);
                }
            }
            Op::Release(stream) => {
                if stream % 2 == 0 {
                    if let Some(id) = self.sender(stream / 2) {
                        self.release_send(id);
                    }
                } else if let Some(id) = self.receiver(stream / 2) {
                    self.release_recv(id);
                }
            }
            Op::Datagram(len) => {
                let _ = self.mux.send_datagram(vec![9; len].into());
                if let Poll::Ready(data) = self.mux.read_datagram() {
                    assert!(data.unwrap().iter().all(|byte| *byte == 9));
                }
            }
            Op::Ping => {
                self.mux.ping();
            }
            Op::Arrive { bytes, chunk } => self.arrive(bytes, chunk, *now),
            Op::Pass(ms) => {
                *now += Duration::from_millis(ms);
                self.mux.handle_timeout(*now);
            }
        }
    }

    fn arrive(&mut self, bytes: usize, chunk: usize, now: std::time::Instant) {
        let mut arriving = self.wire.split_to(bytes.min(self.wire.len()));
        while !arriving.is_empty() {
            let piece = arriving.split_to(chunk.min(arriving.len()));
            self.mux.handle_input(piece.freeze(), now);
        }
        self.listen();
    }

    /// Wakes those whom events concern.
    fn listen(&mut self) {
        while let Some(event) = self.mux.poll_event() {
            match event {
                Event::Opened(dir) => self.accept_waits[if dir == Dir::Bi { 0 } else { 1 }] = false,
                Event::Stream { id, readable, writable, .. } => {
                    if let Some(half) = self.recvs.get_mut(&id).filter(|_| readable) {
                        half.waits = false;
                    }
                    if let Some(half) = self.sends.get_mut(&id).filter(|_| writable) {
                        half.waits = false;
                    }
                }
                _ => {}
            }
        }
    }

    /// Does everything that is left to do and for which nobody was told to wait: accept, read to the end, write a
    /// little more, finish. Whether there was anything.
    fn work(&mut self, budget: &mut BTreeMap<StreamId, u64>) -> bool {
        let mut worked = false;
        for (index, dir) in [Dir::Bi, Dir::Uni].into_iter().enumerate() {
            while !self.accept_waits[index] && self.accept(dir) {
                worked = true;
            }
        }
        let readers: Vec<_> = self.recvs.keys().copied().collect();
        for id in readers {
            while !self.recvs[&id].waits && !self.recvs[&id].over {
                worked |= self.read(id, usize::MAX);
            }
        }
        let writers: Vec<_> = self.sends.keys().copied().collect();
        for id in writers {
            let left = budget.entry(id).or_insert(LAST_WORDS);
            while !self.sends[&id].waits && !self.sends[&id].over {
                let before = self.sends[&id].bytes;
                worked |= self.write(id, *left as usize, false);
                *left -= self.sends[&id].bytes - before;
                if *left == 0 && !self.sends[&id].over {
                    self.finish(id);
                }
            }
        }
        worked
    }
}

fn transmit(from: &mut Side, to: &mut Side, limit: usize, now: std::time::Instant) -> bool {
    let mut out = Vec::new();
    let sent = from.mux.poll_transmit(&mut out, limit, now);
    to.wire.extend_from_slice(&out);
    from.listen();
    sent
}

fn run(client: Config, server: Config, ops: Vec<(bool, Op)>, chunk: usize) {
    let (mut a, mut b) = (Side::new(Role::Client, client), Side::new(Role::Server, server));
    let mut now = epoch();
    for (first, op) in ops {
        // A carrier takes some output after each operation, but not always all.
        let limit = if chunk.is_multiple_of(2) { 16_384 } else { 65_536 };
        let (this, other) = if first { (&mut a, &mut b) } else { (&mut b, &mut a) };
        this.apply(op, &mut now);
        this.listen();
        if !matches!(op, Op::Priority { .. }) {
            transmit(this, other, limit, now);
        }
        assert_eq!((a.mux.error(), b.mux.error()), (None, None));
    }
    let mut budgets = [BTreeMap::new(), BTreeMap::new()];
    let mut rounds = 0;
    loop {
        let mut progress = a.work(&mut budgets[0]);
        progress |= b.work(&mut budgets[1]);
        progress |= transmit(&mut a, &mut b, 65_536, now);
        progress |= transmit(&mut b, &mut a, 65_536, now);
        progress |= !a.wire.is_empty() || !b.wire.is_empty();
        a.arrive(usize::MAX, chunk, now);
        b.arrive(usize::MAX, chunk, now);
        now += Duration::from_millis(1);
        assert_eq!((a.mux.error(), b.mux.error()), (None, None));
        if !progress {
            break;
        }
        rounds += 1;
        assert!(rounds < 1_000_000, "it never comes to rest");
    }
    for (this, other) in [(&a, &b), (&b, &a)] {
        for (id, half) in &this.sends {
            assert!(half.over, "{id} is stuck writing at {} of {:?}", half.bytes, this.role);
        }
        for (id, half) in &this.recvs {
            assert!(half.over, "{id} is stuck reading at {} of {:?}", half.bytes, this.role);
            let abandoned = this.abandoned.contains(id) || other.abandoned.contains(id);
            if !abandoned {
                assert_eq!(this.ended.get(id), other.finished.get(id), "{id}");
            }
        }
        assert!(!this.mux.has_output());
    }
    for side in [&mut a, &mut b] {
        let (sends, recvs): (Vec<_>, Vec<_>) =
            (side.sends.keys().copied().collect(), side.recvs.keys().copied().collect());
        for id in sends {
            side.release_send(id);
        }
        for id in recvs {
            side.release_recv(id);
        }
    }
    for _ in 0..4 {
        transmit(&mut a, &mut b, usize::MAX, now);
        transmit(&mut b, &mut a, usize::MAX, now);
        a.arrive(usize::MAX, chunk, now);
        b.arrive(usize::MAX, chunk, now);
    }
    for side in [&mut a, &mut b] {
        let stats = side.mux.stats(now);
        assert_eq!((stats.streams, stats.bytes_unread, stats.bytes_unsent), (0, 0, 0));
        assert_eq!(side.mux.error(), None);
    }
    a.mux.close(6, b"done").unwrap();
    transmit(&mut a, &mut b, usize::MAX, now);
    b.arrive(usize::MAX, chunk, now);
    let told = ConnectionError::ApplicationClosed { code: 6, reason: Bytes::from_static(b"done") };
    assert_eq!(ready(b.mux.open(Dir::Bi)), Err(told));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn random_operations_keep_every_invariant(
        client in config(),
        server in config(),
        ops in prop::collection::vec((any::<bool>(), op()), 0..150),
        chunk in 1..70_000_usize,
    ) {
        run(client, server, ops, chunk);
    }

    #[test]
    fn arbitrary_bytes_never_panic_nor_hold_the_machine_up(
        wire in prop::collection::vec(any::<u8>(), 0..500),
        chunk in 1..500_usize,
    ) {
        let mut raw = crate::raw::Raw::new();
        for piece in wire.chunks(chunk) {
            raw.bytes(piece);
            raw.output();
        }
    }

    #[test]
    fn arbitrary_records_never_panic(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 0..30)) {
        let mut raw = crate::raw::Raw::new();
        for record in records {
            raw.bytes(&crate::raw::record(&record));
            raw.output();
        }
    }
}
