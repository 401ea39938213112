//! The receiving half of a stream: RFC 9000, section 3.2.

use std::task::Poll;

use bytes::Bytes;

use crate::chunks::Chunks;
use crate::flow::RecvWindow;
use crate::frame::types;
use crate::{ReadError, TransportErrorCode, Violation};

/// What the peer has said of the stream's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// All data has arrived: there are no gaps on an ordered carrier.
    Complete,
    Reset(u64),
}

/// What this side has said of wanting the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Wanted,
    /// STOP_SENDING is due.
    Due(u64),
    /// STOP_SENDING is sent, or not needed.
    Said,
}

/// What taking in a frame meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// How many bytes count against the connection's window.
    pub(crate) counted: u64,
    /// How many of them nobody will read.
    pub(crate) discarded: u64,
    /// Whether a reader has something new.
    pub(crate) news: bool,
    /// Whether the frame changed anything.
    pub(crate) changed: bool,
}

impl Accepted {
    const NOTHING: Self = Self { counted: 0, discarded: 0, news: false, changed: false };
}

/// The receiving half of a stream.
#[derive(Debug)]
pub(crate) struct Recv {
    state: State,
    stop: Stop,
    /// Whether the reader knows how the stream ended, or does not care.
    settled: bool,
    unread: Chunks,
    pub(crate) window: RecvWindow,
}

impl Recv {
    pub(crate) fn new(window: u64, ceiling: u64) -> Self {
        Self {
            state: State::Open,
            stop: Stop::Wanted,
            settled: false,
            unread: Chunks::default(),
            window: RecvWindow::stream(window, ceiling),
        }
    }

    fn unread(&self) -> u64 {
        self.unread.len() as u64
    }

    /// Judges a STREAM frame; on success the caller goes on with [`push`](Self::push).
    pub(crate) fn on_stream(&mut self, offset: u64, len: u64, fin: bool) -> Result<Accepted, Violation> {
        let received = self.window.received();
        match self.state {
            State::Open => {}
            State::Complete if offset == received && len == 0 => return Ok(Accepted::NOTHING),
            State::Complete => {
                return Err(Violation::new(
                    TransportErrorCode::FINAL_SIZE_ERROR,
                    types::STREAM,
                    "data after the end",
                ));
            }
            State::Reset(_) => return Err(Violation::stream_state(types::STREAM, "data after a reset")),
        }
        if offset != received {
            return Err(Violation::protocol(types::STREAM, "stream data out of order"));
        }
        self.window.receive(len).map_err(|_| over_credit(types::STREAM))?;
        if fin {
            self.state = State::Complete;
        }
        let unwanted = self.stop != Stop::Wanted;
        if fin && unwanted {
            self.stop = Stop::Said;
        }
        Ok(Accepted {
            counted: len,
            discarded: if unwanted { len } else { 0 },
            news: !unwanted && (len > 0 || fin),
            changed: len > 0 || fin,
        })
    }

    /// Keeps data that [`on_stream`](Self::on_stream) found in order, as a slice of `record` if that wastes little.
    pub(crate) fn push(&mut self, data: &[u8], record: &Bytes, slice_from: usize) {
        if data.len() >= slice_from {
            self.unread.push(record.slice_ref(data));
        } else {
            self.unread.push_slice(data);
        }
    }

    /// Judges a RESET_STREAM frame: RFC 9000, section 4.5.
    pub(crate) fn on_reset(&mut self, code: u64, final_size: u64) -> Result<Accepted, Violation> {
        let received = self.window.received();
        let final_size_error =
            |reason| Violation::new(TransportErrorCode::FINAL_SIZE_ERROR, types::RESET_STREAM, reason);
        if final_size < received {
            return Err(final_size_error("final size below what was received"));
        }
        let rest = final_size - received;
        if self.state != State::Open {
            // Everything has arrived, or the reset is repeated: it changes nothing, but it must agree.
            return if rest == 0 {
                Ok(Accepted::NOTHING)
            } else {
                Err(final_size_error("the final size changed"))
            };
        }
        self.window.receive(rest).map_err(|_| over_credit(types::RESET_STREAM))?;
        self.state = State::Reset(code);
        let discarded = rest + self.unread();
        self.unread.clear();
        let news = self.stop == Stop::Wanted;
        if !news {
            self.stop = Stop::Said;
        }
        Ok(Accepted { counted: rest, discarded, news, changed: true })
    }

    /// Takes the next piece, at most `max` bytes; `None` at the end.
    pub(crate) fn read(&mut self, max: usize) -> Poll<Result<Option<Bytes>, ReadError>> {
        if self.stop != Stop::Wanted {
            return Poll::Ready(Err(ReadError::ClosedStream));
        }
        if let Some(piece) = self.unread.pop(max) {
            return Poll::Ready(Ok(Some(piece)));
        }
        match self.state {
            State::Open => Poll::Pending,
            State::Complete => {
                self.settled = true;
                Poll::Ready(Ok(None))
            }
            State::Reset(code) => {
                self.settled = true;
                Poll::Ready(Err(ReadError::Reset(code)))
            }
        }
    }

    /// The code of the peer's reset; `None` if the stream ended otherwise.
    pub(crate) fn received_reset(&mut self) -> Poll<Result<Option<u64>, ReadError>> {
        match self.state {
            State::Reset(code) if self.stop == Stop::Wanted => {
                self.settled = true;
                Poll::Ready(Ok(Some(code)))
            }
            State::Complete if self.settled => Poll::Ready(Ok(None)),
            _ if self.stop != Stop::Wanted => Poll::Ready(Ok(None)),
            _ => Poll::Pending,
        }
    }

    /// Throws away what is unread, at the end of the connection.
    pub(crate) fn forget(&mut self) {
        self.unread.clear();
    }

    /// The reader does not want the rest. How many unread bytes are thrown away; `None` if the stream was at its end
    /// already.
    pub(crate) fn stop(&mut self, code: u64) -> Option<u64> {
        if self.stop != Stop::Wanted || self.settled {
            self.settled = true;
            return None;
        }
        self.settled = true;
        self.stop = if self.state == State::Open { Stop::Due(code) } else { Stop::Said };
        let discarded = self.unread();
        self.unread.clear();
        Some(discarded)
    }

    /// The code of the STOP_SENDING that is due.
    pub(crate) fn stop_due(&self) -> Option<u64> {
        match self.stop {
            Stop::Due(code) => Some(code),
            _ => None,
        }
    }

    pub(crate) fn stop_sent(&mut self) {
        self.stop = Stop::Said;
    }

    /// Whether a new limit should be sent: one is due and more may come that is wanted.
    pub(crate) fn credit_due(&self) -> bool {
        self.state == State::Open && self.stop == Stop::Wanted && self.window.is_due()
    }

    /// Whether nothing will come any more and nobody wants to know.
    pub(crate) fn is_done(&self) -> bool {
        self.state != State::Open && self.settled
    }
}

fn over_credit(frame_type: u64) -> Violation {
    Violation::new(TransportErrorCode::FLOW_CONTROL_ERROR, frame_type, "more than the stream's credit")
}
