//! What the application does with streams and datagrams.

use std::task::Poll;

use bytes::Bytes;

use super::{GONE_KEPT, Mux};
use crate::batch::RECORD_PAYLOAD;
use crate::datagrams::longest_in;
use crate::{
    ClosedStream, ConnectionError, Dir, MAX_VARINT, ReadError, ResetError, SendDatagramError, StoppedError,
    StreamId, WriteError,
};

impl Mux {
    /// Opens a stream; pending at the peer's limit.
    pub fn open(&mut self, dir: Dir) -> Poll<Result<StreamId, ConnectionError>> {
        if let Some(error) = &self.error {
            return Poll::Ready(Err(error.clone()));
        }
        self.streams.open(dir).map_or(Poll::Pending, |id| Poll::Ready(Ok(id)))
    }

    /// Takes the next stream that the peer opened; those from before the loss of the connection come first.
    pub fn accept(&mut self, dir: Dir) -> Poll<Result<StreamId, ConnectionError>> {
        match (&self.error, self.streams.accept(dir)) {
            (Some(ConnectionError::LocallyClosed), _) => Poll::Ready(Err(ConnectionError::LocallyClosed)),
            (_, Some(id)) => Poll::Ready(Ok(id)),
            (Some(error), None) => Poll::Ready(Err(error.clone())),
            (None, None) => Poll::Pending,
        }
    }

    /// How many bytes of `wanted` a stream takes now.
    fn claim(&mut self, id: StreamId, wanted: usize) -> Poll<Result<usize, WriteError>> {
        if let Some(error) = &self.error {
            return Poll::Ready(Err(error.clone().into()));
        }
        let (bound, spare) = (self.config.stream_send_window, self.spare());
        let Some(send) = self.streams.send_mut(id) else {
            return Poll::Ready(Err(WriteError::ClosedStream));
        };
        if let Some(code) = send.stopped() {
            return Poll::Ready(Err(WriteError::Stopped(code)));
        }
        if !send.is_open() {
            return Poll::Ready(Err(WriteError::ClosedStream));
        }
        if wanted == 0 {
            return Poll::Ready(Ok(0));
        }
        let room = usize::try_from(send.room(bound, spare)).unwrap_or(usize::MAX);
        if room == 0 {
            send.writer_waits = true;
            return Poll::Pending;
        }
        Poll::Ready(Ok(room.min(wanted)))
    }

    /// Writes some of `data` and says how many bytes; pending while the send buffer is full.
    pub fn write(&mut self, id: StreamId, data: &[u8]) -> Poll<Result<usize, WriteError>> {
        let claimed = self.claim(id, data.len());
        if let Poll::Ready(Ok(len)) = claimed
            && let Some(send) = self.streams.send_mut(id)
        {
            send.push_copy(data.get(..len).unwrap_or(data), &mut self.copies);
            self.unsent += len as u64;
            self.schedule(id);
        }
        claimed
    }

    /// Writes some of `data` without copying it, and cuts that off its front.
    pub fn write_chunk(&mut self, id: StreamId, data: &mut Bytes) -> Poll<Result<usize, WriteError>> {
        let claimed = self.claim(id, data.len());
        if let Poll::Ready(Ok(len)) = claimed
            && let Some(send) = self.streams.send_mut(id)
        {
            send.push(data.split_to(len));
            self.unsent += len as u64;
            self.schedule(id);
        }
        claimed
    }

    /// Says that nothing more will be written.
    ///
    /// # Errors
    ///
    /// [`ClosedStream`] if it was finished or reset before.
    pub fn finish(&mut self, id: StreamId) -> Result<(), ClosedStream> {
        let finished = self.streams.send_mut(id).ok_or(ClosedStream)?.finish();
        if self.error.is_none() {
            self.schedule(id);
        }
        finished
    }

    /// Abandons the sending half.
    ///
    /// # Errors
    ///
    /// [`ResetError`]: its end was sent already, or `code` is 2^62 or more.
    pub fn reset(&mut self, id: StreamId, code: u64) -> Result<(), ResetError> {
        if code > MAX_VARINT {
            return Err(ResetError::CodeTooLarge);
        }
        let stream = self.streams.get_mut(id).ok_or(ResetError::ClosedStream)?;
        let send = stream.send.as_mut().ok_or(ResetError::ClosedStream)?;
        let dropped = send.reset(code)?;
        self.events.settled(id, stream);
        if self.error.is_none() {
            self.unsent -= dropped;
            self.list(id);
        }
        Ok(())
    }

    /// Sets how urgent a stream's data is: 0 at first, higher goes strictly first, equals take turns.
    pub fn set_priority(&mut self, id: StreamId, priority: i32) {
        if let Some(send) = self.streams.send_mut(id) {
            let before = std::mem::replace(&mut send.priority, priority);
            if before != priority && send.scheduled {
                self.scheduler.reprioritize(id, before, priority);
            }
        }
    }

    /// How urgent a stream's data is.
    pub fn priority(&self, id: StreamId) -> i32 {
        self.streams.get(id).and_then(|stream| stream.send.as_ref()).map_or(0, |send| send.priority)
    }

    /// The code with which the peer stopped the stream; `None` if it was instead delivered, or reset by us.
    pub fn stopped(&mut self, id: StreamId) -> Poll<Result<Option<u64>, StoppedError>> {
        let Some(send) = self.streams.send_mut(id) else {
            return Poll::Ready(Ok(None));
        };
        if let Some(code) = send.stopped() {
            return Poll::Ready(Ok(Some(code)));
        }
        if send.is_delivered() || send.is_reset() {
            return Poll::Ready(Ok(None));
        }
        if let Some(error) = &self.error {
            return Poll::Ready(Err(error.clone().into()));
        }
        send.want_delivery();
        self.ask_for_delivery(id);
        Poll::Pending
    }

    /// Whether the peer's stack has all of a finished stream.
    pub fn delivered(&mut self, id: StreamId) -> Poll<Result<(), WriteError>> {
        let Some(send) = self.streams.send_mut(id) else {
            return Poll::Ready(Err(WriteError::ClosedStream));
        };
        if send.is_delivered() {
            return Poll::Ready(Ok(()));
        }
        if let Some(code) = send.stopped() {
            return Poll::Ready(Err(WriteError::Stopped(code)));
        }
        if let Some(error) = &self.error {
            return Poll::Ready(Err(error.clone().into()));
        }
        if send.is_open() || send.is_reset() {
            return Poll::Ready(Err(WriteError::ClosedStream));
        }
        send.want_delivery();
        self.ask_for_delivery(id);
        Poll::Pending
    }

    /// Asks the question whose answer means that a stream is delivered, once its end has been sent.
    pub(super) fn ask_for_delivery(&mut self, id: StreamId) {
        if self.streams.send_mut(id).is_some_and(|send| send.take_delivery_question()) {
            self.forget_deliveries();
            self.deliveries.push_back((self.pings.ask(), id));
        }
    }

    /// Drops questions for streams that are gone, once they are the most: a peer that never answers would have the
    /// queue grow with every stream whose writer gave up waiting.
    fn forget_deliveries(&mut self) {
        if self.deliveries.len() > 2 * self.streams.len() + GONE_KEPT {
            let streams = &self.streams;
            self.deliveries.retain(|(_, id)| streams.get(*id).is_some());
        }
    }

    /// Takes the next piece of a stream, at most `max` bytes; `None` at its end.
    pub fn read(&mut self, id: StreamId, max: usize) -> Poll<Result<Option<Bytes>, ReadError>> {
        let Some(recv) = self.streams.recv_mut(id) else {
            return Poll::Ready(Err(ReadError::ClosedStream));
        };
        if max == 0 {
            return Poll::Ready(Ok(Some(Bytes::new())));
        }
        match &self.error {
            Some(error @ ConnectionError::LocallyClosed) => {
                return Poll::Ready(Err(error.clone().into()));
            }
            Some(error) => {
                return match recv.read(max) {
                    Poll::Pending => Poll::Ready(Err(error.clone().into())),
                    Poll::Ready(read) => {
                        if let Ok(Some(piece)) = &read {
                            self.unread -= piece.len() as u64;
                        }
                        Poll::Ready(read)
                    }
                };
            }
            None => {}
        }
        let read = recv.read(max);
        match &read {
            Poll::Ready(Ok(Some(piece))) => {
                let len = piece.len() as u64;
                recv.window.consume(len, self.now, self.pings.smoothed());
                self.unread -= len;
                self.consumed(len);
                self.list(id);
            }
            Poll::Ready(_) => self.streams.settle(id),
            Poll::Pending => {}
        }
        read
    }

    /// The code with which the peer reset the stream; `None` if it ended otherwise.
    pub fn received_reset(&mut self, id: StreamId) -> Poll<Result<Option<u64>, ReadError>> {
        let Some(recv) = self.streams.recv_mut(id) else {
            return Poll::Ready(Ok(None));
        };
        match (recv.received_reset(), &self.error) {
            (Poll::Pending, Some(error)) => Poll::Ready(Err(error.clone().into())),
            (Poll::Pending, None) => Poll::Pending,
            (ready, _) => {
                self.streams.settle(id);
                ready
            }
        }
    }

    /// Tells the peer that the rest of a stream is not wanted.
    ///
    /// # Errors
    ///
    /// [`ResetError`]: the stream was at its end, or stopped, or `code` is 2^62 or more.
    pub fn stop(&mut self, id: StreamId, code: u64) -> Result<(), ResetError> {
        if code > MAX_VARINT {
            return Err(ResetError::CodeTooLarge);
        }
        let recv = self.streams.recv_mut(id).ok_or(ResetError::ClosedStream)?;
        let stopped = recv.stop(code);
        if let Some(discarded) = stopped {
            self.unread -= discarded;
            if self.error.is_none() {
                self.consumed(discarded);
                self.list(id);
            }
        }
        self.streams.settle(id);
        stopped.map(|_| ()).ok_or(ResetError::ClosedStream)
    }

    /// The application let go of the sending half: what was written still goes out, and the end after it.
    pub fn release_send(&mut self, id: StreamId) {
        // An error means that it had an end before, which is just as well.
        let _ = self.finish(id);
        if let Some(stream) = self.streams.get_mut(id) {
            stream.send_held = false;
        }
        self.released(id);
    }

    /// The application let go of the receiving half: it stops the stream unless that has ended.
    pub fn release_recv(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(id) {
            stream.recv_held = false;
        }
        // An error means that there is nothing to stop, which is just as well.
        let _ = self.stop(id, 0);
        self.released(id);
    }

    fn released(&mut self, id: StreamId) {
        if self.error.is_some() {
            // Nothing will come to end it.
            self.streams.forget_unheld(id);
        } else {
            self.streams.settle(id);
        }
    }

    /// The longest datagram, in bytes, that the peer takes; `None` if it takes none or is not yet known.
    pub fn max_datagram_size(&self) -> Option<usize> {
        let frame = usize::try_from(self.peer.as_ref()?.max_datagram_frame_size).unwrap_or(usize::MAX);
        (frame > 2 && self.config.max_datagram_frame_size > 0).then(|| longest_in(frame.min(RECORD_PAYLOAD)))
    }

    /// Queues a datagram; if too many wait, the oldest is dropped.
    ///
    /// # Errors
    ///
    /// [`SendDatagramError`].
    pub fn send_datagram(&mut self, data: Bytes) -> Result<(), SendDatagramError> {
        if let Some(error) = &self.error {
            return Err(error.clone().into());
        }
        if self.config.max_datagram_frame_size == 0 {
            return Err(SendDatagramError::Disabled);
        }
        let longest = self.max_datagram_size().ok_or(SendDatagramError::UnsupportedByPeer)?;
        if data.len() > longest {
            return Err(SendDatagramError::TooLarge);
        }
        self.stats.datagrams_dropped += self.unsent_datagrams.push(data);
        Ok(())
    }

    /// How many bytes the next datagram may have without an older unsent one being dropped for it.
    pub fn datagram_send_space(&self) -> usize {
        self.unsent_datagrams.space()
    }

    /// Takes the next datagram; those from before the loss of the connection come first.
    pub fn read_datagram(&mut self) -> Poll<Result<Bytes, ConnectionError>> {
        match (self.received_datagrams.pop(), &self.error) {
            (Some(data), _) => Poll::Ready(Ok(data)),
            (None, Some(error)) => Poll::Ready(Err(error.clone())),
            (None, None) => Poll::Pending,
        }
    }

    /// Takes those datagrams that have arrived, up to `max` of them, and puts them behind what `into` has.
    pub fn read_datagrams(&mut self, into: &mut Vec<Bytes>, max: usize) -> Poll<Result<(), ConnectionError>> {
        let before = into.len();
        into.extend(std::iter::from_fn(|| self.received_datagrams.pop()).take(max));
        match &self.error {
            _ if into.len() > before || max == 0 => Poll::Ready(Ok(())),
            Some(error) => Poll::Ready(Err(error.clone())),
            None => Poll::Pending,
        }
    }
}
