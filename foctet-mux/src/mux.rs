//! The state machine of one connection: no I/O, no clock.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;

mod application;
mod events;
mod input;
mod output;
mod timers;

pub use events::Event;

use crate::budget::Budget;
use crate::chunks::COPY_BUFFER;
use crate::datagrams::DatagramQueue;
use crate::flow::{RecvWindow, SendCredit};
use crate::params::TransportParameters;
use crate::ping::Pings;
use crate::record::RecordReader;
use crate::scheduler::Scheduler;
use crate::streams::{Output, Streams};
use crate::{Buffers, CodeTooLarge, Config, ConnectionError, MAX_VARINT, Role, Stats, StreamId, Violation};
use events::Events;
use timers::Timers;

/// The longest reason phrase sent with a CONNECTION_CLOSE, in bytes: with it the frame fits any record.
const MAX_REASON: usize = 1024;

/// How many entries for streams that are gone a queue may always have: fewer are not worth looking for.
const GONE_KEPT: usize = 64;

/// How many buffers with written data are kept to be used again: what is on its way, and what is written meanwhile.
const COPY_BUFFERS: usize = 8;

/// One QMux connection as a state machine.
///
/// The driving contract: hand it what arrives ([`handle_input`](Self::handle_input)) and the time when
/// [`poll_timeout`](Self::poll_timeout) asks for it ([`handle_timeout`](Self::handle_timeout)); after these and after any
/// call of the application, drain [`poll_batch`](Self::poll_batch) as far as the carrier takes it, and
/// [`poll_event`](Self::poll_event). Output is produced only when it is asked for: control, then credit, then data, by
/// the priorities of that moment. `now` must never go back.
///
/// When [`error`](Self::error) says that the connection is lost, send what `poll_batch` still has (at most a
/// CONNECTION_CLOSE), then close the sending side of the carrier.
#[derive(Debug)]
pub struct Mux {
    config: Config,
    /// The latest time we were told.
    now: Instant,
    error: Option<ConnectionError>,
    close: Option<Close>,
    params_sent: bool,
    peer: Option<TransportParameters>,
    records: RecordReader,
    streams: Streams,
    scheduler: Scheduler,
    /// Streams whose control frames are due; what they are is worked out when they are sent.
    control: VecDeque<StreamId>,
    /// Finished streams whose delivery is asked for, with the question whose answer confirms it; in order of both.
    deliveries: VecDeque<(u64, StreamId)>,
    credit: SendCredit,
    window: RecvWindow,
    /// What was written by copying lies in these.
    copies: Buffers,
    /// Bytes written and not sent, on all streams.
    unsent: u64,
    /// Bytes received and not read, on all streams.
    unread: u64,
    received_datagrams: DatagramQueue,
    unsent_datagrams: DatagramQueue,
    pings: Pings,
    budget: Budget,
    timers: Timers,
    events: Events,
    stats: Stats,
    /// STREAM data at least this long, in bytes, is kept as a slice of what was handed in rather than copied.
    slice_from: usize,
}

/// The CONNECTION_CLOSE that is due.
#[derive(Debug)]
enum Close {
    Application { code: u64, reason: Bytes },
    Transport(Violation),
}

impl Mux {
    /// A connection whose carrier has just come up.
    pub fn new(role: Role, config: Config, now: Instant) -> Self {
        let window = config.connection_window();
        let buffer = read_buffer_for(config.max_record_size);
        Self {
            now,
            error: None,
            close: None,
            params_sent: false,
            peer: None,
            records: RecordReader::default(),
            streams: Streams::new(role, &config),
            scheduler: Scheduler::default(),
            control: VecDeque::new(),
            deliveries: VecDeque::new(),
            credit: SendCredit::default(),
            window: RecvWindow::connection(window, config.receive_window.max(window)),
            copies: Buffers::new(COPY_BUFFER, COPY_BUFFERS),
            unsent: 0,
            unread: 0,
            received_datagrams: DatagramQueue::new(config.datagram_buffer),
            unsent_datagrams: DatagramQueue::new(config.datagram_buffer),
            pings: Pings::default(),
            budget: Budget::new(now),
            timers: Timers::new(&config, now),
            events: Events::default(),
            stats: Stats::default(),
            slice_from: slice_from_for(buffer),
            config,
        }
    }

    /// How large, in bytes, the buffers should be from which input is handed in: unread data may be slices of
    /// them, and the bound on memory reckons with this size.
    pub fn read_buffer_size(&self) -> usize {
        read_buffer_for(self.config.max_record_size)
    }

    /// Why the connection was lost, `None` while it lives.
    pub fn error(&self) -> Option<&ConnectionError> {
        self.error.as_ref()
    }

    /// Whether the peer's transport parameters have arrived.
    pub fn is_established(&self) -> bool {
        self.peer.is_some()
    }

    /// Takes the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop() {
            return Some(event);
        }
        loop {
            let id = self.events.pop_stream()?;
            if let Some(stream) = self.streams.get_mut(id) {
                let news = std::mem::take(&mut stream.news);
                return Some(Event::Stream {
                    id,
                    readable: news.readable,
                    writable: news.writable,
                    settled: news.settled,
                });
            }
        }
    }

    /// Closes the connection at once and drops what is unsent and unread. The reason is cut to 1,024 bytes.
    ///
    /// # Errors
    ///
    /// [`CodeTooLarge`] if `code` is 2^62 or more; nothing happens then.
    pub fn close(&mut self, code: u64, reason: &[u8]) -> Result<(), CodeTooLarge> {
        if code > MAX_VARINT {
            return Err(CodeTooLarge);
        }
        if self.error.is_none() {
            let reason = Bytes::copy_from_slice(reason.get(..MAX_REASON).unwrap_or(reason));
            self.close = Some(Close::Application { code, reason });
            self.lose(ConnectionError::LocallyClosed);
        }
        Ok(())
    }

    /// The carrier failed; its end counts as failure too unless the connection was closed before.
    pub fn carrier_lost(&mut self, error: &io::Error) {
        self.close = None;
        self.params_sent = true;
        self.lose(ConnectionError::carrier(error));
    }

    /// Ends the connection for `error`, unless it has ended before.
    fn lose(&mut self, error: ConnectionError) {
        if self.error.is_some() {
            return;
        }
        tracing::debug!(%error, "connection lost");
        let forget = error == ConnectionError::LocallyClosed;
        self.error = Some(error);
        self.events.lost = true;
        self.scheduler.clear();
        self.control.clear();
        self.deliveries.clear();
        self.unsent_datagrams.clear();
        if forget {
            self.received_datagrams.clear();
        }
        for (_, stream) in self.streams.iter_mut() {
            if let Some(send) = &mut stream.send {
                send.drop_unsent();
            }
            if let Some(recv) = &mut stream.recv
                && forget
            {
                recv.forget();
            }
        }
        self.unsent = 0;
        if forget {
            self.unread = 0;
        }
    }

    fn violated(&mut self, violation: Violation) {
        if self.error.is_none() {
            self.close = Some(Close::Transport(violation));
            self.lose(ConnectionError::TransportError {
                code: violation.code,
                reason: Arc::from(violation.reason),
            });
        }
    }

    /// The smoothed round trip time; `None` until measured.
    pub fn rtt(&self) -> Option<Duration> {
        self.pings.smoothed()
    }

    /// Has a QX_PING sent, and says which question it is for [`ping_answer`](Self::ping_answer).
    pub fn ping(&mut self) -> u64 {
        self.pings.ask()
    }

    /// The round trip of that question or of a later one, once answered.
    pub fn ping_answer(&self, question: u64) -> Poll<Result<Duration, ConnectionError>> {
        match (self.pings.latest(), &self.error) {
            (Some(rtt), _) if self.pings.is_answered(question) => Poll::Ready(Ok(rtt)),
            (_, Some(error)) => Poll::Ready(Err(error.clone())),
            _ => Poll::Pending,
        }
    }

    /// Counters up to `now`.
    pub fn stats(&self, now: Instant) -> Stats {
        Stats {
            bytes_unsent: self.unsent,
            bytes_unread: self.unread,
            streams: self.streams.len() as u64,
            rtt: self.pings.smoothed(),
            since_received: now.saturating_duration_since(self.timers.last_received()),
            unanswered: self.pings.waiting_since().map(|at| now.saturating_duration_since(at)),
            ..self.stats
        }
    }

    /// Puts a stream where the scheduler finds it, if it has something to send.
    fn schedule(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        let Some(send) = &mut stream.send else { return };
        if !send.scheduled {
            match send.output() {
                Output::Data => {
                    send.scheduled = true;
                    self.scheduler.push(id, send.priority);
                    self.forget_waiting();
                }
                Output::End => {
                    send.scheduled = true;
                    self.scheduler.push_ending(id);
                }
                Output::Nothing => {}
            }
        }
        self.list(id);
    }

    /// Drops from the scheduler streams that are gone, once they are the most: while the connection's credit is used up
    /// no turn comes, and a peer could have any number of streams written to and stopped.
    fn forget_waiting(&mut self) {
        if self.scheduler.waiting() > 2 * self.streams.len() + GONE_KEPT {
            let streams = &self.streams;
            self.scheduler.retain(|id| streams.get(id).is_some());
        }
    }

    /// Has a stream's control frames sent, if any are due.
    fn list(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(id)
            && !stream.listed
            && stream.has_control()
        {
            stream.listed = true;
            self.control.push_back(id);
        }
    }

    /// Takes note that `bytes` of stream data were read or thrown away.
    fn consumed(&mut self, bytes: u64) {
        self.window.consume(bytes, self.now, self.pings.smoothed());
    }

    fn spare(&self) -> u64 {
        self.config.send_window.saturating_sub(self.unsent)
    }
}

/// How large, in bytes, a read buffer is: four full records, or one of the largest that may come with its size.
fn read_buffer_for(max_record_size: usize) -> usize {
    (4 * crate::batch::FULL_RECORD).max(max_record_size + 8)
}

/// A slice pins its whole buffer, so only one of nearly a quarter of it is worth it: 15 KiB of 64, which every full
/// record has. What peers make us hold is then at most 64/15, 4.3 times, what they sent.
fn slice_from_for(buffer: usize) -> usize {
    buffer / 64 * 15
}
