//! Who waits for what.

use std::task::{Context, Waker};

use crate::stream_map::StreamMap;
use crate::{Event, StreamId};

/// Those who are to be woken, most often one.
#[derive(Debug, Default)]
pub(super) struct Woken {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Woken {
    pub(super) fn wake(self) {
        for waker in self.first.into_iter().chain(self.others) {
            waker.wake();
        }
    }
}

impl Extend<Waker> for Woken {
    fn extend<I: IntoIterator<Item = Waker>>(&mut self, wakers: I) {
        for waker in wakers {
            match &self.first {
                None => self.first = Some(waker),
                Some(_) => self.others.push(waker),
            }
        }
    }
}

/// Tasks that wait for the same thing. All are woken together: a woken future may be dropped before it acts, and with it
/// what it was woken for.
#[derive(Debug, Default)]
pub(super) struct WakerSet(Vec<Waker>);

impl WakerSet {
    pub(super) fn add(&mut self, cx: &Context<'_>) {
        if !self.0.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.0.push(cx.waker().clone());
        }
    }

    fn drain_into(&mut self, woken: &mut Woken) {
        woken.extend(self.0.drain(..));
    }
}

/// Who waits for one stream.
#[derive(Debug, Default)]
pub(super) struct StreamWakers {
    /// There is one reader, as reading takes the stream mutably.
    pub(super) reader: Option<Waker>,
    /// There is one writer, as writing takes the stream mutably.
    pub(super) writer: Option<Waker>,
    /// Those who wait for the stream to be stopped or delivered.
    pub(super) settled: WakerSet,
}

impl StreamWakers {
    fn is_empty(&self) -> bool {
        self.reader.is_none() && self.writer.is_none() && self.settled.0.is_empty()
    }
}

/// Who waits for anything on one connection.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    pub(super) established: WakerSet,
    pub(super) open: [WakerSet; 2],
    pub(super) accept: [WakerSet; 2],
    pub(super) datagram: WakerSet,
    pub(super) answered: WakerSet,
    pub(super) lost: WakerSet,
    pub(super) drained: WakerSet,
    streams: StreamMap<StreamWakers>,
}

impl Wakers {
    /// Those who wait for a stream, to be added to.
    pub(super) fn stream(&mut self, id: StreamId) -> &mut StreamWakers {
        self.streams.entry(id).or_default()
    }

    /// The reading half is gone.
    pub(super) fn forget_reader(&mut self, id: StreamId) {
        self.forget(id, |wakers| wakers.reader = None);
    }

    /// The sending half is gone.
    pub(super) fn forget_writer(&mut self, id: StreamId) {
        self.forget(id, |wakers| {
            wakers.writer = None;
            wakers.settled.0.clear();
        });
    }

    fn forget(&mut self, id: StreamId, what: impl FnOnce(&mut StreamWakers)) {
        if let Some(wakers) = self.streams.get_mut(&id) {
            what(wakers);
            if wakers.is_empty() {
                self.streams.remove(&id);
            }
        }
    }

    /// Collects those whom an event concerns.
    pub(super) fn collect(&mut self, event: Event, woken: &mut Woken) {
        match event {
            Event::Established => self.established.drain_into(woken),
            Event::Opened(dir) => self.accept[dir.index()].drain_into(woken),
            Event::Available(dir) => self.open[dir.index()].drain_into(woken),
            Event::Datagram => self.datagram.drain_into(woken),
            Event::Answered => self.answered.drain_into(woken),
            Event::Stream { id, readable, writable, settled } => {
                self.forget(id, |wakers| {
                    woken.extend(wakers.reader.take_if(|_| readable));
                    woken.extend(wakers.writer.take_if(|_| writable));
                    if settled {
                        wakers.settled.drain_into(woken);
                    }
                });
            }
            Event::Lost => {
                for set in [&mut self.established, &mut self.datagram, &mut self.answered, &mut self.lost] {
                    set.drain_into(woken);
                }
                for set in self.open.iter_mut().chain(&mut self.accept) {
                    set.drain_into(woken);
                }
                for (_, mut wakers) in self.streams.drain() {
                    woken.extend(wakers.reader);
                    woken.extend(wakers.writer);
                    wakers.settled.drain_into(woken);
                }
            }
        }
    }

    /// Collects those who wait for the carrier to be released.
    pub(super) fn collect_drained(&mut self, woken: &mut Woken) {
        self.drained.drain_into(woken);
    }
}
