//! The task that moves bytes between a carrier and the state machine.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use super::carrier::Carrier;
use super::shared::Shared;
use crate::{Batch, CLOSE_TIMEOUT};

/// How much is handed to the carrier at once, in bytes: four full TLS records. Enough to spread the cost of a
/// call, little enough that an urgent stream never waits for more than this.
const WRITE_AT_ONCE: usize = 64 * 1024;

/// How much is taken from the carrier before the state machine sees it, in bytes.
const READ_AT_ONCE: usize = 64 * 1024;

/// How many times the carrier is read and written before other tasks of the runtime get their turn.
const ROUNDS: usize = 2;

/// The driver of one connection. Ends when the carrier is released.
#[derive(Debug)]
pub(super) struct Task<T> {
    carrier: T,
    /// What was read and the state machine has not seen.
    input: Vec<Bytes>,
    output: Batch,
    /// Whether the carrier is still busy with what it was given.
    sending: bool,
    /// Whether the carrier may hold back what it was given.
    unflushed: bool,
    /// How reading ended.
    read_end: Option<io::Error>,
    /// How writing failed.
    write_end: Option<io::Error>,
    sleep: Pin<Box<Sleep>>,
    /// When the end of the connection may take no longer.
    deadline: Option<Instant>,
    is_shut: bool,
    /// What the timer is set to.
    armed: Option<Instant>,
    /// Whether the last read found nothing more.
    is_dry: bool,
    /// Whether the output is all that there was, so that more of it wakes the task.
    is_all: bool,
    /// Last, so that the carrier is gone when this tells of it.
    shared: Released,
}

/// Tells the handles that the carrier is released, also when the runtime drops the task.
#[derive(Debug)]
struct Released(Arc<Shared>);

impl Drop for Released {
    fn drop(&mut self) {
        self.0.drained();
    }
}

impl<T: Carrier> Task<T> {
    pub(super) fn new(carrier: T, shared: Arc<Shared>) -> Self {
        Self {
            carrier,
            input: Vec::new(),
            output: Batch::default(),
            sending: false,
            unflushed: false,
            read_end: None,
            write_end: None,
            sleep: Box::pin(sleep_until(Instant::now())),
            deadline: None,
            is_shut: false,
            armed: None,
            is_dry: true,
            is_all: true,
            shared: Released(shared),
        }
    }

    /// Reads as much as there is, within a bound; whether that was anything.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let mut read = 0;
        self.is_dry = true;
        while self.read_end.is_none() {
            match self.carrier.poll_receive(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(piece)) if piece.is_empty() => {
                    let end = "the carrier ended without a CONNECTION_CLOSE";
                    self.read_end = Some(io::Error::new(io::ErrorKind::UnexpectedEof, end));
                    return true;
                }
                Poll::Ready(Ok(piece)) => {
                    read += piece.len();
                    self.input.push(piece);
                }
                Poll::Ready(Err(error)) => {
                    self.read_end = Some(error);
                    return true;
                }
            }
            if read >= READ_AT_ONCE {
                self.is_dry = false;
                break;
            }
        }
        read > 0
    }

    /// Lets the state machine act on what was read, on the time, and on the room in the output buffer.
    fn act(&mut self, cx: &Context<'_>) -> Option<std::time::Instant> {
        let now = Instant::now();
        let Self { shared, input, output, sending, read_end, write_end, is_dry, is_all, .. } = self;
        // What has arrived outweighs a failure to write: it may say why.
        let failure = read_end.as_ref().or(write_end.as_ref().filter(|_| *is_dry));
        let (timeout, lost) = shared.0.act(|state| {
            let mux = &mut state.mux;
            for piece in input.drain(..) {
                mux.handle_input(piece, now.into_std());
            }
            if let Some(error) = failure {
                mux.carrier_lost(error);
            }
            mux.handle_timeout(now.into_std());
            if !*sending {
                mux.poll_batch(output, WRITE_AT_ONCE, now.into_std());
            }
            let (timeout, lost) = (mux.poll_timeout(), mux.error().is_some());
            *is_all = !*sending && (output.is_empty() || !mux.has_output());
            state.driver_acted(cx, *is_all);
            (timeout, lost)
        });
        if lost && self.deadline.is_none() {
            self.deadline = Some(now + CLOSE_TIMEOUT);
        }
        timeout
    }

    /// Writes what is to be written; whether that is done, and was anything.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.sending && self.output.is_empty() {
            return false;
        }
        if self.write_end.is_none() {
            self.unflushed = true;
            match self.carrier.poll_send(cx, &mut self.output) {
                Poll::Pending => {
                    self.sending = true;
                    return false;
                }
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.write_end = Some(error),
            }
        }
        self.sending = false;
        self.output.clear();
        true
    }

    /// Has the carrier send what it holds back; whether that ended.
    fn flush(&mut self, cx: &mut Context<'_>) {
        if self.unflushed && self.write_end.is_none() {
            match self.carrier.poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => self.write_end = Some(error),
            }
        }
    }

    /// After the connection is lost and its last frame written: closes the sending side and waits for the peer to do the
    /// same, so that nothing it has not read yet is destroyed by a reset.
    fn wind_down(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_shut && self.write_end.is_none() {
            match ready!(self.carrier.poll_shutdown(cx)) {
                Ok(()) => {}
                Err(error) => self.write_end = Some(error),
            }
        }
        self.is_shut = true;
        if self.read_end.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether `at` has come; else it will wake the task.
    fn is_time(&mut self, cx: &mut Context<'_>, at: Instant) -> bool {
        // What is later than what the timer is set to is looked at again when that comes: most deadlines move away
        // with every record.
        if self.armed.is_none_or(|armed| at < armed) {
            self.sleep.as_mut().reset(at);
            self.armed = Some(at);
        }
        let is_time = self.sleep.as_mut().poll(cx).is_ready();
        if is_time {
            self.armed = None;
        }
        is_time
    }
}

impl<T: Carrier> Future for Task<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        // Here too, because a peer that never stops sending keeps the rounds from ever coming to their timer.
        if this.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Poll::Ready(());
        }
        for _ in 0..ROUNDS {
            // Reading comes first: what has arrived may outweigh a timeout or a failure to write.
            let was_read = this.read(cx);
            let timeout = this.act(cx);
            let was_written = this.write(cx);
            let unfinished = was_written && (!this.is_all || this.write_end.is_some());
            if unfinished || (was_read && !this.is_dry) {
                continue;
            }
            if !this.sending {
                let could_write = this.write_end.is_none();
                this.flush(cx);
                if could_write && this.write_end.is_some() {
                    continue;
                }
            }
            if this.deadline.is_some() && !this.sending && this.wind_down(cx).is_ready() {
                return Poll::Ready(());
            }
            let at = this.deadline.or(timeout.map(Instant::from_std));
            match at {
                Some(at) if this.is_time(cx, at) => {
                    if this.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                        return Poll::Ready(());
                    }
                }
                _ => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
