//! One connection, as either side, under a list of operations: what its application does, what time does, and whatever
//! bytes the peer sends, whole records among them so that the interesting ones are within reach.

use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foctet_mux::{Config, Dir, Frame, MIN_SEND_BUFFER, Mux, Role, StreamId};

/// How many unsent bytes all streams together may hold, beside a little for each.
const SEND_WINDOW: u64 = 100_000;

/// Takes the first byte.
fn next(data: &mut &[u8]) -> Option<u8> {
    let (first, rest) = data.split_first()?;
    *data = rest;
    Some(*first)
}

/// Takes a length in one byte and that many bytes, or what is left.
fn piece<'a>(data: &mut &'a [u8]) -> &'a [u8] {
    let len = usize::from(next(data).unwrap_or_default()).min(data.len());
    let (piece, rest) = data.split_at(len);
    *data = rest;
    piece
}

struct Machine {
    mux: Mux,
    now: Instant,
    held: Vec<StreamId>,
}

impl Machine {
    fn receive(&mut self, bytes: &[u8]) {
        self.mux.handle_input(Bytes::copy_from_slice(bytes), self.now);
    }

    fn receive_record(&mut self, payload: &[u8]) {
        let size = (0x4000 | payload.len() as u16).to_be_bytes();
        self.receive(&[&size[..], payload].concat());
    }

    fn stream(&self, choice: u8) -> Option<StreamId> {
        self.held.get(usize::from(choice) % self.held.len().max(1)).copied()
    }

    fn apply(&mut self, op: u8, data: &mut &[u8]) {
        let dir = if op & 0x80 == 0 { Dir::Bi } else { Dir::Uni };
        let choice = op >> 4;
        match op & 0x0f {
            0 => self.receive(piece(data)),
            1 | 2 => self.receive_record(piece(data)),
            3 => {
                if let Poll::Ready(Ok(id)) = self.mux.open(dir) {
                    self.held.push(id);
                }
            }
            4 => {
                if let Poll::Ready(Ok(id)) = self.mux.accept(dir) {
                    self.held.push(id);
                }
            }
            5 => self.now += Duration::from_millis(u64::from(next(data).unwrap_or_default()) * 100),
            6 => drop(self.mux.send_datagram(Bytes::copy_from_slice(piece(data)))),
            7 => drop(self.mux.read_datagram()),
            8 => drop(self.mux.ping()),
            9 if choice == 15 => drop(self.mux.close(u64::from(next(data).unwrap_or_default()), piece(data))),
            op => {
                if let Some(id) = self.stream(choice) {
                    self.use_stream(id, op, data);
                }
            }
        }
    }

    fn use_stream(&mut self, id: StreamId, op: u8, data: &mut &[u8]) {
        let value = next(data).unwrap_or_default();
        match op {
            9 => drop(self.mux.write(id, &vec![value; usize::from(value) * 100])),
            10 => drop(self.mux.read(id, usize::from(value) * 10)),
            11 => drop(self.mux.finish(id)),
            12 => drop(self.mux.reset(id, u64::from(value))),
            13 => drop(self.mux.stop(id, u64::from(value))),
            14 => {
                self.mux.set_priority(id, i32::from(value % 5));
                drop((self.mux.delivered(id), self.mux.stopped(id), self.mux.received_reset(id)));
            }
            _ => {
                self.mux.release_send(id);
                self.mux.release_recv(id);
                self.held.retain(|held| *held != id);
            }
        }
    }

    /// Sends what there is to send, a peer must be able to read it.
    fn send(&mut self) {
        let mut out = Vec::new();
        while self.mux.poll_transmit(&mut out, 1 << 16, self.now) {
            let mut rest = &out[..];
            while let [first, tail @ ..] = rest {
                let (size, tail) = match (first >> 6, tail) {
                    (0, tail) => (usize::from(*first), tail),
                    (1, [second, tail @ ..]) => (usize::from(first & 0x3f) << 8 | usize::from(*second), tail),
                    _ => panic!("a size of ours has one byte or two"),
                };
                let (record, tail) = tail.split_at(size);
                let mut frames = record;
                assert!(!frames.is_empty());
                while !frames.is_empty() {
                    Frame::decode(&mut frames).expect("what we write, a peer can read");
                }
                rest = tail;
            }
            out.clear();
        }
        assert!(!self.mux.has_output(), "output that never comes");
    }
}

#[allow(clippy::disallowed_methods, reason = "any instant does: all others are relative to it")]
fn epoch() -> Instant {
    Instant::now()
}

pub(crate) fn run(mut data: &[u8]) {
    let Some(setup) = next(&mut data) else { return };
    let role = if setup & 1 == 0 { Role::Client } else { Role::Server };
    let window = 10_u64.pow(u32::from(setup >> 1 & 3) + 1);
    let config = Config::default()
        .receive_window(window * 2)
        .stream_receive_window(window)
        .send_window(SEND_WINDOW)
        .max_streams_bidi(8)
        .max_streams_uni(8)
        .max_datagram_frame_size(if setup & 8 == 0 { 100 } else { 0 });
    let now = epoch();
    let mut machine = Machine { mux: Mux::new(role, config, now), now, held: Vec::new() };
    if setup & 16 == 0 {
        // Parameters that allow enough, so that not every input has to find out how to say so.
        let mut params = Vec::new();
        for id in 4..=9_u8 {
            params.extend_from_slice(&[id, 4, 0x80, 0, 0x40, id]);
        }
        params.extend_from_slice(&[0x20, 2, 0x44, 0]);
        let mut payload = Vec::new();
        Frame::TransportParameters { encoded: &params }.encode(&mut payload);
        machine.receive_record(&payload);
        assert_eq!(machine.mux.error(), None);
    }
    while let Some(op) = next(&mut data) {
        machine.apply(op, &mut data);
        machine.mux.handle_timeout(machine.now);
        let stats = machine.mux.stats(machine.now);
        assert!(stats.bytes_unread <= window * 2);
        assert!(stats.bytes_unread <= stats.stream_bytes_received);
        assert!(stats.bytes_unsent <= SEND_WINDOW + MIN_SEND_BUFFER * stats.streams);
        assert!(stats.streams <= 16 + machine.held.len() as u64 + 0x4000);
        if op & 1 == 0 {
            machine.send();
        }
        while machine.mux.poll_event().is_some() {}
        assert!(machine.mux.error().is_some() || machine.mux.poll_timeout().is_some());
    }
    machine.send();
}
