//! The sending half of a stream: RFC 9000, section 3.1.

use bytes::Bytes;

use crate::batch::RecordWriter;
use crate::chunks::Chunks;
use crate::flow::SendCredit;
use crate::{Buffers, ClosedStream, MIN_SEND_BUFFER};

/// ```text
///  Open ──finish──► Finishing ──FIN sent──► Finished
///   │                  │
///   └──reset, or the peer stops it──► Resetting ──RESET_STREAM sent──► Reset
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Finishing,
    Finished,
    Resetting(u64),
    Reset,
}

/// Whether the peer's stack is known to have everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// Nobody has asked.
    Unasked,
    /// To be asked with the first question after the end.
    Wanted,
    /// The answer to this question, or to a later one, says yes.
    Asked,
    Done,
}

/// What a frame of this half would carry now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Nothing,
    /// Data within the stream's credit.
    Data,
    /// The end alone.
    End,
}

/// The sending half of a stream.
#[derive(Debug)]
pub(crate) struct Send {
    state: State,
    unsent: Chunks,
    pub(crate) credit: SendCredit,
    pub(crate) priority: i32,
    /// Whether it waits in the scheduler.
    pub(crate) scheduled: bool,
    /// Whether a writer was turned away and must hear of room.
    pub(crate) writer_waits: bool,
    stopped: Option<u64>,
    delivery: Delivery,
}

impl Send {
    pub(crate) fn new(credit: u64) -> Self {
        Self {
            state: State::Open,
            unsent: Chunks::default(),
            credit: SendCredit::new(credit),
            priority: 0,
            scheduled: false,
            writer_waits: false,
            stopped: None,
            delivery: Delivery::Unasked,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The peer's code if it stopped the stream.
    pub(crate) fn stopped(&self) -> Option<u64> {
        self.stopped
    }

    pub(crate) fn unsent(&self) -> u64 {
        self.unsent.len() as u64
    }

    /// How many bytes may wait here: what the stream's credit lets go soon, within the stream's own bound and what the
    /// connection has `spare`; but always a little, so that neither a stalled stream nor a full connection keeps
    /// data from being ready the moment it may go.
    fn capacity(&self, stream_bound: u64, spare: u64) -> u64 {
        stream_bound
            .min(self.credit.available())
            .min(self.unsent().saturating_add(spare))
            .max(MIN_SEND_BUFFER)
    }

    /// How many more bytes it takes.
    pub(crate) fn room(&self, stream_bound: u64, spare: u64) -> u64 {
        self.capacity(stream_bound, spare).saturating_sub(self.unsent())
    }

    /// Whether there is so much room that waking a writer pays.
    pub(crate) fn is_roomy(&self, stream_bound: u64, spare: u64) -> bool {
        self.unsent() <= self.capacity(stream_bound, spare) / 2
    }

    pub(crate) fn push_copy(&mut self, data: &[u8], buffers: &mut Buffers) {
        self.unsent.push_copy(data, buffers);
    }

    pub(crate) fn push(&mut self, data: Bytes) {
        self.unsent.push(data);
    }

    pub(crate) fn finish(&mut self) -> Result<(), ClosedStream> {
        if self.state != State::Open {
            return Err(ClosedStream);
        }
        self.state = State::Finishing;
        Ok(())
    }

    /// Abandons what is unsent; how many bytes that was.
    pub(crate) fn reset(&mut self, code: u64) -> Result<u64, ClosedStream> {
        match self.state {
            State::Open | State::Finishing | State::Resetting(_) => {
                self.state = State::Resetting(code);
                Ok(self.drop_unsent())
            }
            State::Finished | State::Reset => Err(ClosedStream),
        }
    }

    /// The peer stops the stream; how many unsent bytes are gone, `None` if it makes no difference any more.
    pub(crate) fn stop(&mut self, code: u64) -> Option<u64> {
        if self.stopped.is_some() || matches!(self.state, State::Resetting(_) | State::Reset) {
            return None;
        }
        if self.state == State::Finished {
            // All is sent already, so there is nothing to reset; but whoever waits for delivery should know.
            if self.delivery == Delivery::Done {
                return None;
            }
            self.stopped = Some(code);
            return Some(0);
        }
        self.stopped = Some(code);
        self.state = State::Resetting(code);
        Some(self.drop_unsent())
    }

    /// Throws away what is unsent; how many bytes that was.
    pub(crate) fn drop_unsent(&mut self) -> u64 {
        let dropped = self.unsent();
        self.unsent.clear();
        dropped
    }

    /// What it could send.
    pub(crate) fn output(&self) -> Output {
        match self.state {
            State::Open | State::Finishing if !self.unsent.is_empty() => {
                if self.credit.available() > 0 {
                    Output::Data
                } else {
                    Output::Nothing
                }
            }
            State::Finishing => Output::End,
            _ => Output::Nothing,
        }
    }

    /// Whether it has data but no credit, and the peer has not been told.
    pub(crate) fn should_complain(&self) -> bool {
        !self.unsent.is_empty() && self.credit.should_complain()
    }

    /// Whether the next `len` bytes are all there is.
    pub(crate) fn ends_after(&self, len: u64) -> bool {
        self.state == State::Finishing && len == self.unsent()
    }

    /// Moves `len` bytes to `record`, which has the header already; `fin` if it says that this is the end.
    pub(crate) fn take(&mut self, len: u64, fin: bool, record: &mut RecordWriter<'_>) {
        self.credit.spend(len);
        self.unsent.take(len as usize, |data| record.put(data));
        if fin {
            self.state = State::Finished;
        }
    }

    /// The code of the RESET_STREAM that is due.
    pub(crate) fn reset_due(&self) -> Option<u64> {
        match self.state {
            State::Resetting(code) => Some(code),
            _ => None,
        }
    }

    /// The RESET_STREAM has been sent.
    pub(crate) fn reset_sent(&mut self) {
        self.state = State::Reset;
    }

    /// Whether nothing will be sent any more.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Finished | State::Reset)
    }

    /// Whether it was, or is being, reset.
    pub(crate) fn is_reset(&self) -> bool {
        matches!(self.state, State::Resetting(_) | State::Reset)
    }

    /// Somebody wants to know of the delivery.
    pub(crate) fn want_delivery(&mut self) {
        if self.delivery == Delivery::Unasked {
            self.delivery = Delivery::Wanted;
        }
    }

    /// Whether the question after the end is due; it then counts as asked.
    pub(crate) fn take_delivery_question(&mut self) -> bool {
        let due = self.delivery == Delivery::Wanted && self.state == State::Finished;
        if due {
            self.delivery = Delivery::Asked;
        }
        due
    }

    pub(crate) fn delivered(&mut self) {
        self.delivery = Delivery::Done;
    }

    pub(crate) fn is_delivered(&self) -> bool {
        self.delivery == Delivery::Done
    }
}
