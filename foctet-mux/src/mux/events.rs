//! What the application should hear of.

use std::collections::VecDeque;

use crate::streams::{News, Stream};
use crate::{Dir, StreamId};

/// Something that whoever waits should look at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The peer's transport parameters have arrived.
    Established,
    /// The peer opened streams: [`Mux::accept`](crate::Mux::accept).
    Opened(Dir),
    /// The peer allows more streams: [`Mux::open`](crate::Mux::open).
    Available(Dir),
    /// A datagram arrived: [`Mux::read_datagram`](crate::Mux::read_datagram).
    Datagram,
    /// A question was answered: [`Mux::ping_answer`](crate::Mux::ping_answer).
    Answered,
    /// Something is new on a stream.
    Stream {
        /// Which.
        id: StreamId,
        /// There is data, an end or a reset: [`Mux::read`](crate::Mux::read).
        readable: bool,
        /// There is room, or the peer stopped it: [`Mux::write`](crate::Mux::write).
        writable: bool,
        /// It was stopped or delivered: [`Mux::stopped`](crate::Mux::stopped), [`Mux::delivered`](crate::Mux::delivered).
        settled: bool,
    },
    /// The connection is lost: [`Mux::error`](crate::Mux::error). Everybody should look again.
    Lost,
}

/// Events not yet taken. Each kind, and each stream, is here at most once, which bounds it.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) established: bool,
    pub(crate) opened: [bool; 2],
    pub(crate) available: [bool; 2],
    pub(crate) datagram: bool,
    pub(crate) answered: bool,
    pub(crate) lost: bool,
    streams: VecDeque<StreamId>,
}

impl Events {
    pub(crate) fn readable(&mut self, id: StreamId, stream: &mut Stream) {
        self.add(id, stream, News { readable: true, ..News::default() });
    }

    pub(crate) fn writable(&mut self, id: StreamId, stream: &mut Stream) {
        self.add(id, stream, News { writable: true, ..News::default() });
    }

    pub(crate) fn settled(&mut self, id: StreamId, stream: &mut Stream) {
        self.add(id, stream, News { settled: true, ..News::default() });
    }

    fn add(&mut self, id: StreamId, stream: &mut Stream, news: News) {
        let known = &mut stream.news;
        if *known == News::default() {
            self.streams.push_back(id);
        }
        known.readable |= news.readable;
        known.writable |= news.writable;
        known.settled |= news.settled;
    }

    /// The next event that is not about a stream.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let flags = [
            (&mut self.lost, Event::Lost),
            (&mut self.established, Event::Established),
            (&mut self.answered, Event::Answered),
            (&mut self.datagram, Event::Datagram),
        ];
        for (flag, event) in flags {
            if std::mem::take(flag) {
                return Some(event);
            }
        }
        for dir in Dir::ALL {
            if std::mem::take(&mut self.opened[dir.index()]) {
                return Some(Event::Opened(dir));
            }
            if std::mem::take(&mut self.available[dir.index()]) {
                return Some(Event::Available(dir));
            }
        }
        None
    }

    /// The next stream with news.
    pub(crate) fn pop_stream(&mut self) -> Option<StreamId> {
        self.streams.pop_front()
    }
}
