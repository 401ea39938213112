//! The table of streams: who may open how many, which exist, and when they go.

mod recv;
mod send;

pub(crate) use recv::Recv;
pub(crate) use send::{Output, Send};

use crate::params::TransportParameters;
use crate::stream_map::StreamMap;
use crate::{Config, Dir, MAX_STREAMS, Role, StreamId, TransportErrorCode, Violation};

/// One stream: one half or two, and who still cares.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) send: Option<Send>,
    pub(crate) recv: Option<Recv>,
    /// The application holds the sending half.
    pub(crate) send_held: bool,
    /// The application holds the receiving half.
    pub(crate) recv_held: bool,
    /// Whether it waits to have its control frames sent.
    pub(crate) listed: bool,
    /// What the application has not been told.
    pub(crate) news: News,
    /// Whether its end has been counted.
    counted: bool,
}

/// What is new on a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) settled: bool,
}

/// Which half of a stream, seen from here, a frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Send,
    Recv,
}

impl Stream {
    fn is_done(&self) -> bool {
        self.send.as_ref().is_none_or(Send::is_done) && self.recv.as_ref().is_none_or(Recv::is_done)
    }

    /// Whether a control frame of its own is due.
    pub(crate) fn has_control(&self) -> bool {
        self.send.as_ref().is_some_and(|send| send.reset_due().is_some() || send.should_complain())
            || self.recv.as_ref().is_some_and(|recv| recv.stop_due().is_some() || recv.credit_due())
    }
}

/// The streams of one direction that we open.
#[derive(Debug, Default)]
struct Local {
    opened: u64,
    limit: u64,
    /// The limit at which the peer was last told that we are stuck.
    complained: Option<u64>,
    /// Whether somebody was turned away at this limit.
    wanted: bool,
}

/// The streams of one direction that the peer opens.
#[derive(Debug)]
struct Remote {
    opened: u64,
    accepted: u64,
    closed: u64,
    advertised: u64,
    window: u64,
}

impl Remote {
    fn new(window: u64) -> Self {
        Self { opened: 0, accepted: 0, closed: 0, advertised: window, window }
    }

    fn next_limit(&self) -> u64 {
        self.closed.saturating_add(self.window).min(MAX_STREAMS)
    }

    /// A new limit is due when a quarter of the window would otherwise be gone.
    fn is_due(&self) -> bool {
        self.next_limit().saturating_sub(self.advertised) >= (self.window / 4).max(1)
    }
}

/// All streams of a connection.
#[derive(Debug)]
pub(crate) struct Streams {
    role: Role,
    table: StreamMap<Stream>,
    local: [Local; 2],
    remote: [Remote; 2],
    window: u64,
    ceiling: u64,
    peer: TransportParameters,
    /// Whether the peer has said what it allows.
    peer_known: bool,
}

impl Streams {
    pub(crate) fn new(role: Role, config: &Config) -> Self {
        Self {
            role,
            table: StreamMap::default(),
            local: Default::default(),
            remote: [Remote::new(config.max_streams_bidi), Remote::new(config.max_streams_uni)],
            window: config.stream_window(),
            ceiling: config.stream_receive_window,
            peer: TransportParameters::default(),
            peer_known: false,
        }
    }

    /// The peer has said what it allows.
    pub(crate) fn set_peer(&mut self, peer: TransportParameters) {
        self.raise_limit(Dir::Bi, peer.initial_max_streams_bidi);
        self.raise_limit(Dir::Uni, peer.initial_max_streams_uni);
        self.peer = peer;
        self.peer_known = true;
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn get(&self, id: StreamId) -> Option<&Stream> {
        self.table.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.table.get_mut(&id)
    }

    pub(crate) fn send_mut(&mut self, id: StreamId) -> Option<&mut Send> {
        self.table.get_mut(&id)?.send.as_mut()
    }

    pub(crate) fn recv_mut(&mut self, id: StreamId) -> Option<&mut Recv> {
        self.table.get_mut(&id)?.recv.as_mut()
    }

    /// Opens a stream; `None` at the peer's limit.
    pub(crate) fn open(&mut self, dir: Dir) -> Option<StreamId> {
        let local = &mut self.local[dir.index()];
        if local.opened >= local.limit {
            local.wanted = true;
            return None;
        }
        let id = StreamId::new(self.role, dir, local.opened);
        local.opened += 1;
        let mut stream = self.create(id);
        stream.send_held = stream.send.is_some();
        stream.recv_held = stream.recv.is_some();
        self.table.insert(id, stream);
        Some(id)
    }

    /// Takes the next stream that the peer opened.
    pub(crate) fn accept(&mut self, dir: Dir) -> Option<StreamId> {
        let remote = &mut self.remote[dir.index()];
        if remote.accepted >= remote.opened {
            return None;
        }
        let id = StreamId::new(self.role.peer(), dir, remote.accepted);
        remote.accepted += 1;
        if let Some(stream) = self.table.get_mut(&id) {
            stream.send_held = stream.send.is_some();
            stream.recv_held = stream.recv.is_some();
        }
        Some(id)
    }

    /// Finds the stream that a frame is about, opening it and all before it if the peer just did: RFC 9000, sections 2.1,
    /// 3.2 and 19. `None` if it is over and forgotten. The flag tells whether streams were opened.
    pub(crate) fn on_frame(
        &mut self,
        id: StreamId,
        half: Half,
        frame_type: u64,
    ) -> Result<(Option<&mut Stream>, bool), Violation> {
        let ours = id.initiator() == self.role;
        let exists = match (id.dir(), half) {
            (Dir::Bi, _) => true,
            (Dir::Uni, Half::Send) => ours,
            (Dir::Uni, Half::Recv) => !ours,
        };
        if !exists {
            return Err(Violation::stream_state(frame_type, "the stream has no such half"));
        }
        let mut opened = false;
        if ours {
            if id.index() >= self.local[id.dir().index()].opened {
                return Err(Violation::stream_state(frame_type, "a stream that was not opened"));
            }
        } else {
            let remote = &self.remote[id.dir().index()];
            if id.index() >= remote.advertised {
                return Err(Violation::new(
                    TransportErrorCode::STREAM_LIMIT_ERROR,
                    frame_type,
                    "more streams than allowed",
                ));
            }
            opened = id.index() >= remote.opened;
            for index in remote.opened..=id.index() {
                let id = StreamId::new(id.initiator(), id.dir(), index);
                let stream = self.create(id);
                self.table.insert(id, stream);
            }
            let remote = &mut self.remote[id.dir().index()];
            remote.opened = remote.opened.max(id.index() + 1);
        }
        Ok((self.table.get_mut(&id), opened))
    }

    fn create(&self, id: StreamId) -> Stream {
        let ours = id.initiator() == self.role;
        let credit = match (id.dir(), ours) {
            (Dir::Bi, true) => Some(self.peer.initial_max_stream_data_bidi_remote),
            (Dir::Bi, false) => Some(self.peer.initial_max_stream_data_bidi_local),
            (Dir::Uni, true) => Some(self.peer.initial_max_stream_data_uni),
            (Dir::Uni, false) => None,
        };
        let receives = id.dir() == Dir::Bi || !ours;
        Stream {
            send: credit.map(Send::new),
            recv: receives.then(|| Recv::new(self.window, self.ceiling)),
            send_held: false,
            recv_held: false,
            listed: false,
            news: News::default(),
            counted: false,
        }
    }

    /// Counts the end of a stream when both halves are done, and forgets it when nobody holds it either.
    pub(crate) fn settle(&mut self, id: StreamId) {
        let Some(stream) = self.table.get_mut(&id) else { return };
        if !stream.is_done() {
            return;
        }
        if !std::mem::replace(&mut stream.counted, true) && id.initiator() != self.role {
            self.remote[id.dir().index()].closed += 1;
        }
        if !stream.send_held && !stream.recv_held {
            self.table.remove(&id);
        }
    }

    /// Forgets a stream that nobody holds, done or not.
    pub(crate) fn forget_unheld(&mut self, id: StreamId) {
        if self.table.get(&id).is_some_and(|stream| !stream.send_held && !stream.recv_held) {
            self.table.remove(&id);
        }
    }

    /// The peer allows more streams; whether that is news.
    pub(crate) fn raise_limit(&mut self, dir: Dir, limit: u64) -> bool {
        let local = &mut self.local[dir.index()];
        let higher = limit > local.limit;
        if higher {
            local.limit = limit;
            local.wanted = false;
        }
        higher
    }

    /// The limit at which the peer should be told that we are stuck.
    pub(crate) fn complaint_due(&self, dir: Dir) -> Option<u64> {
        let local = &self.local[dir.index()];
        let due = self.peer_known && local.wanted && local.complained != Some(local.limit);
        due.then_some(local.limit)
    }

    pub(crate) fn complained(&mut self, dir: Dir) {
        let local = &mut self.local[dir.index()];
        local.complained = Some(local.limit);
    }

    /// Whether the peer should be told of a new limit.
    pub(crate) fn limit_due(&self, dir: Dir) -> bool {
        self.remote[dir.index()].is_due()
    }

    /// The limit that the peer should be told now.
    pub(crate) fn advertise(&mut self, dir: Dir) -> u64 {
        let remote = &mut self.remote[dir.index()];
        remote.advertised = remote.advertised.max(remote.next_limit());
        remote.advertised
    }

    /// Every stream there is, for the end of the connection.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&StreamId, &mut Stream)> {
        self.table.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of streams has up to twice as many places as streams.
    #[test]
    fn a_stream_costs_less_than_the_documented_kibibyte() {
        assert!(2 * (size_of::<Stream>() + size_of::<StreamId>()) < 1_024);
    }
}
