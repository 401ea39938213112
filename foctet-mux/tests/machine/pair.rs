//! Two state machines, the bytes between them, and one virtual clock.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foctet_mux::{Config, Dir, Event, Mux, Role, StreamId};

/// What the driver hands to a carrier at once.
pub(crate) const WRITE: usize = 64 * 1024;

/// Any instant does: all others are relative to it.
pub(crate) fn epoch() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// One end: its machine, what has arrived for it, and what it was told.
pub(crate) struct Side {
    pub(crate) mux: Mux,
    /// What is on its way to it, and when it arrives.
    wire: VecDeque<(Instant, Vec<u8>)>,
    pub(crate) events: Vec<Event>,
}

impl Side {
    fn new(role: Role, config: Config, now: Instant) -> Self {
        Self {
            mux: Mux::new(role, config, now),
            wire: VecDeque::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn open(&mut self, dir: Dir) -> StreamId {
        ready(self.mux.open(dir)).unwrap()
    }

    pub(crate) fn accept(&mut self, dir: Dir) -> StreamId {
        ready(self.mux.accept(dir)).unwrap()
    }

    /// Writes as much as is taken; how much that was.
    pub(crate) fn write(&mut self, id: StreamId, data: &[u8]) -> usize {
        let mut written = 0;
        while let Poll::Ready(len) = self.mux.write(id, &data[written..]) {
            written += len.unwrap();
            if written == data.len() {
                break;
            }
        }
        written
    }

    /// Reads all that is there; `true` with it if the stream ended.
    pub(crate) fn read(&mut self, id: StreamId) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        loop {
            match self.mux.read(id, usize::MAX) {
                Poll::Pending => return (all, false),
                Poll::Ready(Ok(None)) => return (all, true),
                Poll::Ready(Ok(Some(piece))) => all.extend_from_slice(&piece),
                Poll::Ready(Err(error)) => panic!("{error:?}"),
            }
        }
    }
}

/// Client, server, and the time it takes from one to the other.
pub(crate) struct Pair {
    pub(crate) client: Side,
    pub(crate) server: Side,
    pub(crate) now: Instant,
    pub(crate) latency: Duration,
    /// Into pieces of how many bytes the carrier cuts what it delivers.
    pub(crate) chunk: usize,
    /// How many bytes went over the wire, both ways.
    pub(crate) bytes: usize,
}

impl Pair {
    pub(crate) fn new(client: Config, server: Config) -> Self {
        let now = epoch();
        Self {
            client: Side::new(Role::Client, client, now),
            server: Side::new(Role::Server, server, now),
            now,
            latency: Duration::from_millis(10),
            chunk: usize::MAX,
            bytes: 0,
        }
    }

    pub(crate) fn established() -> Self {
        Self::both(Config::default())
    }

    pub(crate) fn both(config: Config) -> Self {
        let mut pair = Self::new(config.clone(), config);
        pair.drive();
        assert!(pair.client.mux.is_established() && pair.server.mux.is_established());
        pair
    }

    /// Lets both sides send what they have to, once; whether that was anything.
    pub(crate) fn transmit(&mut self) -> bool {
        let (now, arrival) = (self.now, self.now + self.latency);
        let mut sent = 0;
        for (from, to) in
            [(&mut self.client.mux, &mut self.server.wire), (&mut self.server.mux, &mut self.client.wire)]
        {
            let mut out = Vec::new();
            while from.poll_transmit(&mut out, WRITE, now) {
                sent += out.len();
                to.push_back((arrival, std::mem::take(&mut out)));
            }
            assert!(!from.has_output(), "output that never comes");
        }
        self.bytes += sent;
        sent > 0
    }

    /// Hands over what has arrived; whether that was anything.
    pub(crate) fn deliver(&mut self) -> bool {
        let mut delivered = false;
        for side in [&mut self.client, &mut self.server] {
            while side.wire.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, bytes) = side.wire.pop_front().unwrap();
                for piece in bytes.chunks(self.chunk) {
                    side.mux.handle_input(Bytes::copy_from_slice(piece), self.now);
                }
                delivered = true;
            }
            while let Some(event) = side.mux.poll_event() {
                side.events.push(event);
            }
        }
        delivered
    }

    /// Sends, delivers and moves time on until nothing is on its way.
    pub(crate) fn drive(&mut self) {
        loop {
            let sent = self.transmit();
            let delivered = self.deliver();
            if !sent && !delivered && !self.skip_to_arrival() {
                return;
            }
        }
    }

    /// Moves time on to the next arrival, if there is one.
    pub(crate) fn skip_to_arrival(&mut self) -> bool {
        let arrivals = [&self.client, &self.server].into_iter().filter_map(|side| side.wire.front());
        let next = arrivals.map(|(at, _)| *at).min();
        self.now = next.unwrap_or(self.now).max(self.now);
        next.is_some()
    }

    /// Lets `time` pass, with every timeout and arrival in it.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.drive_until(end);
            let timeouts =
                [self.client.mux.poll_timeout(), self.server.mux.poll_timeout()].into_iter().flatten();
            match timeouts.min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => break,
            }
            self.client.mux.handle_timeout(self.now);
            self.server.mux.handle_timeout(self.now);
        }
        self.now = end;
    }

    fn drive_until(&mut self, end: Instant) {
        loop {
            let sent = self.transmit();
            let delivered = self.deliver();
            if sent || delivered {
                continue;
            }
            let arrivals = [&self.client, &self.server].into_iter().filter_map(|side| side.wire.front());
            match arrivals.map(|(at, _)| *at).min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => return,
            }
        }
    }

    /// Loses all that is on its way.
    pub(crate) fn cut(&mut self) {
        self.client.wire.clear();
        self.server.wire.clear();
    }

    /// Opens a stream at the client that the server has accepted, with both windows as at the start.
    pub(crate) fn stream(&mut self, dir: Dir) -> StreamId {
        let id = self.client.open(dir);
        // An empty write opens nothing, so a byte goes first and is read.
        assert_eq!(self.client.write(id, b"!"), 1);
        self.drive();
        assert_eq!(self.server.accept(dir), id);
        assert_eq!(self.server.read(id), (b"!".to_vec(), false));
        id
    }

    pub(crate) fn assert_alive(&self) {
        assert_eq!((self.client.mux.error(), self.server.mux.error()), (None, None));
    }
}

pub(crate) fn ready<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("pending"),
    }
}
