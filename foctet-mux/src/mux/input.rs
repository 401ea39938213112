//! What the peer says.

use std::time::Instant;

use bytes::Bytes;

use super::Mux;
use crate::budget::PADDING_PER_TOKEN;
use crate::frame::{Frame, types};
use crate::params::TransportParameters;
use crate::streams::Half;
use crate::{ConnectionError, StreamId, TransportErrorCode, Violation};

impl Mux {
    /// Takes the next piece of what the peer sends, however it is cut. Once the connection is lost everything is thrown
    /// away.
    ///
    /// Large pieces of stream data are kept as slices of `input`'s memory; see
    /// [`read_buffer_size`](Self::read_buffer_size).
    pub fn handle_input(&mut self, mut input: Bytes, now: Instant) {
        self.now = now;
        self.budget.refill(now);
        while self.error.is_none() {
            match self.records.next(&mut input, self.config.max_record_size) {
                Ok(Some(record)) => {
                    self.stats.records_received += 1;
                    self.stats.bytes_received += record.len as u64;
                    self.timers.received(now);
                    if let Err(violation) = self.on_record(&record.frames) {
                        self.violated(violation);
                    }
                }
                Ok(None) => return,
                Err(violation) => self.violated(violation),
            }
        }
        self.records.clear();
    }

    fn on_record(&mut self, record: &Bytes) -> Result<(), Violation> {
        let mut rest = &record[..];
        while !rest.is_empty() && self.error.is_none() {
            let frame = Frame::decode(&mut rest)?;
            if self.peer.is_none() && !matches!(frame, Frame::TransportParameters { .. }) {
                return Err(Violation::protocol(frame.frame_type(), "transport parameters must come first"));
            }
            self.on_frame(frame, record)?;
        }
        Ok(())
    }

    fn on_frame(&mut self, frame: Frame<'_>, record: &Bytes) -> Result<(), Violation> {
        let frame_type = frame.frame_type();
        match frame {
            Frame::TransportParameters { encoded } => self.on_params(encoded),
            Frame::Padding(run) => self.budget.spend(run.div_ceil(PADDING_PER_TOKEN) as u64, frame_type),
            Frame::Stream { id, offset, fin, data } => self.on_stream(id, offset, fin, data, record),
            Frame::ResetStream { id, code, final_size } => self.on_reset(id, code, final_size),
            Frame::StopSending { id, code } => self.on_stop(id, code),
            Frame::MaxData { limit } => {
                self.budget.spend(1, frame_type)?;
                self.credit.raise(limit);
                Ok(())
            }
            Frame::MaxStreamData { id, limit } => self.on_max_stream_data(id, limit),
            Frame::MaxStreams { dir, limit } => {
                self.budget.spend(1, frame_type)?;
                if self.streams.raise_limit(dir, limit) {
                    self.events.available[dir.index()] = true;
                }
                Ok(())
            }
            // Nothing to do for any of them: credit follows what is read, not what is wished for.
            Frame::DataBlocked { .. } | Frame::StreamsBlocked { .. } => self.budget.spend(1, frame_type),
            Frame::StreamDataBlocked { id, .. } => {
                self.budget.spend(1, frame_type)?;
                self.stream(id, Half::Recv, frame_type)
            }
            Frame::Ping { sequence } => {
                self.budget.spend(1, frame_type)?;
                self.pings.on_question(sequence)
            }
            Frame::Pong { sequence } => self.on_answer(sequence),
            Frame::Datagram { data, frame_size } => self.on_datagram(data, frame_size),
            Frame::ApplicationClose { code, reason } => {
                self.lose(ConnectionError::ApplicationClosed {
                    code,
                    reason: Bytes::copy_from_slice(reason),
                });
                Ok(())
            }
            Frame::ConnectionClose { code, frame_type, reason } => {
                let reason = Bytes::copy_from_slice(reason);
                let code = TransportErrorCode::from_wire(code);
                self.lose(ConnectionError::ConnectionClosed { code, frame_type, reason });
                Ok(())
            }
        }
    }

    fn on_params(&mut self, encoded: &[u8]) -> Result<(), Violation> {
        if self.peer.is_some() {
            return Err(Violation::protocol(types::TRANSPORT_PARAMETERS, "transport parameters twice"));
        }
        let params = TransportParameters::decode(encoded)?;
        self.credit.raise(params.initial_max_data);
        self.streams.set_peer(params.clone());
        self.timers.negotiated(params.idle_timeout());
        self.peer = Some(params);
        self.events.established = true;
        self.events.available = [true; 2];
        // The first round trip is wanted early: windows cannot grow without one. Who has asked already has it coming.
        if !self.pings.has_asked() {
            self.pings.ask();
        }
        Ok(())
    }

    /// Opens the stream that a frame is about, if that is what the frame does.
    fn stream(&mut self, id: StreamId, half: Half, frame_type: u64) -> Result<(), Violation> {
        let (_, opened) = self.streams.on_frame(id, half, frame_type)?;
        self.events.opened[id.dir().index()] |= opened;
        Ok(())
    }

    fn on_stream(
        &mut self,
        id: StreamId,
        offset: u64,
        fin: bool,
        data: &[u8],
        record: &Bytes,
    ) -> Result<(), Violation> {
        let (stream, opened) = self.streams.on_frame(id, Half::Recv, types::STREAM)?;
        self.events.opened[id.dir().index()] |= opened;
        let Some(stream) = stream else {
            return Err(Violation::stream_state(types::STREAM, "data on a stream that is over"));
        };
        let Some(recv) = &mut stream.recv else { return Ok(()) };
        let len = data.len() as u64;
        // The credit first: a reader must not take a stream for complete whose last bytes are refused.
        self.window.receive(len).map_err(|_| over_credit(types::STREAM))?;
        let accepted = recv.on_stream(offset, len, fin)?;
        if !accepted.changed && !opened {
            self.budget.spend(1, types::STREAM)?;
        } else {
            self.budget.earn(len);
        }
        if accepted.news {
            recv.push(data, record, self.slice_from);
            self.events.readable(id, stream);
        }
        self.stats.stream_bytes_received += len;
        self.unread += accepted.counted - accepted.discarded;
        self.timers.data_received();
        self.after_receiving(id, accepted.discarded);
        Ok(())
    }

    fn on_reset(&mut self, id: StreamId, code: u64, final_size: u64) -> Result<(), Violation> {
        let (stream, opened) = self.streams.on_frame(id, Half::Recv, types::RESET_STREAM)?;
        self.events.opened[id.dir().index()] |= opened;
        let Some(stream) = stream else {
            // It is over: a reset that crossed our knowing so.
            return self.budget.spend(1, types::RESET_STREAM);
        };
        let Some(recv) = &mut stream.recv else { return Ok(()) };
        let accepted = recv.on_reset(code, final_size)?;
        self.window.receive(accepted.counted).map_err(|_| over_credit(types::RESET_STREAM))?;
        if !accepted.changed {
            self.budget.spend(1, types::RESET_STREAM)?;
        }
        if accepted.news {
            self.events.readable(id, stream);
        }
        self.unread -= accepted.discarded - accepted.counted;
        self.after_receiving(id, accepted.discarded);
        Ok(())
    }

    fn after_receiving(&mut self, id: StreamId, discarded: u64) {
        if discarded > 0 {
            self.consumed(discarded);
        }
        self.streams.settle(id);
    }

    fn on_stop(&mut self, id: StreamId, code: u64) -> Result<(), Violation> {
        let (stream, opened) = self.streams.on_frame(id, Half::Send, types::STOP_SENDING)?;
        self.events.opened[id.dir().index()] |= opened;
        let dropped = stream.and_then(|stream| {
            let dropped = stream.send.as_mut()?.stop(code)?;
            self.events.writable(id, stream);
            self.events.settled(id, stream);
            Some(dropped)
        });
        match dropped {
            Some(dropped) => {
                self.unsent -= dropped;
                self.list(id);
                Ok(())
            }
            None => self.budget.spend(1, types::STOP_SENDING),
        }
    }

    fn on_max_stream_data(&mut self, id: StreamId, limit: u64) -> Result<(), Violation> {
        self.budget.spend(1, types::MAX_STREAM_DATA)?;
        let spare = self.spare();
        let (stream, opened) = self.streams.on_frame(id, Half::Send, types::MAX_STREAM_DATA)?;
        self.events.opened[id.dir().index()] |= opened;
        let Some(stream) = stream else { return Ok(()) };
        let Some(send) = &mut stream.send else { return Ok(()) };
        if send.credit.raise(limit) {
            if send.writer_waits && send.is_roomy(self.config.stream_send_window, spare) {
                send.writer_waits = false;
                self.events.writable(id, stream);
            }
            self.schedule(id);
        }
        Ok(())
    }

    fn on_answer(&mut self, sequence: u64) -> Result<(), Violation> {
        if !self.pings.on_answer(sequence, self.now)? {
            return self.budget.spend(1, types::PONG);
        }
        self.events.answered = true;
        while let Some((question, id)) = self.deliveries.front().copied()
            && self.pings.is_answered(question)
        {
            self.deliveries.pop_front();
            if let Some(stream) = self.streams.get_mut(id)
                && let Some(send) = &mut stream.send
            {
                send.delivered();
                self.events.settled(id, stream);
            }
        }
        Ok(())
    }

    fn on_datagram(&mut self, data: &[u8], frame_size: usize) -> Result<(), Violation> {
        if frame_size > self.config.max_datagram_frame_size {
            let reason = "a datagram larger than max_datagram_frame_size";
            return Err(Violation::protocol(types::DATAGRAM, reason));
        }
        self.stats.datagrams_received += 1;
        // Copied even if large: as a slice of what was handed in it could hold four times what its queue counts.
        self.stats.datagrams_dropped += self.received_datagrams.push(Bytes::copy_from_slice(data));
        self.events.datagram = true;
        Ok(())
    }
}

fn over_credit(frame_type: u64) -> Violation {
    Violation::new(TransportErrorCode::FLOW_CONTROL_ERROR, frame_type, "more than the connection's credit")
}
