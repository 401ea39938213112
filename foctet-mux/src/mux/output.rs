//! What we say: control, then credit, then data, worked out at the moment the carrier can take it.

use std::time::Instant;

use super::{Close, Mux};
use crate::Batch;
use crate::frame::{Frame, StreamHeader};
use crate::params::TransportParameters;
use crate::batch::{FULL_RECORD, RecordWriter};
use crate::streams::Output;
use crate::{Dir, StreamId};

/// Room, in bytes, in which the control frames of a whole connection (two QX_PINGs, MAX_DATA, DATA_BLOCKED and a pair of
/// each for streams) or those of one stream fit: type and up to three integers each.
const CONTROL_ROOM: usize = 160;

/// The least room, in bytes, in which starting another STREAM frame is worthwhile: its header takes up to 19.
const DATA_ROOM: usize = 64;

impl Mux {
    /// As [`poll_batch`](Self::poll_batch), into bytes alone.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>, limit: usize, now: Instant) -> bool {
        let mut batch = Batch::default();
        let appended = self.poll_batch(&mut batch, limit.saturating_sub(out.len()), now);
        batch.pieces().for_each(|piece| out.extend_from_slice(piece));
        appended
    }

    /// Appends whole records to `out` until its length would exceed `limit`, or there is nothing to send now; whether
    /// anything was appended. A `limit` below one full record (16,384 bytes) more than `out` has appends nothing.
    pub fn poll_batch(&mut self, out: &mut Batch, limit: usize, now: Instant) -> bool {
        self.now = now;
        let before = out.len();
        self.measure();
        while limit.saturating_sub(out.len()) >= FULL_RECORD && self.has_output() {
            let start = out.len();
            if !self.put_record(out) {
                break;
            }
            self.stats.records_sent += 1;
            self.stats.bytes_sent += (out.len() - start) as u64;
        }
        out.len() > before
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) might append something.
    pub fn has_output(&self) -> bool {
        if self.error.is_some() {
            return self.close.is_some();
        }
        !self.params_sent
            || self.pings.has_output()
            || !self.control.is_empty()
            || self.window.is_due()
            || Dir::ALL
                .iter()
                .any(|dir| self.streams.limit_due(*dir) || self.streams.complaint_due(*dir).is_some())
            || !self.unsent_datagrams.is_empty()
            || self.scheduler.has_ending()
            || (self.scheduler.has_data() && (self.credit.available() > 0 || self.credit.should_complain()))
    }

    fn put_record(&mut self, out: &mut Batch) -> bool {
        let mut record = RecordWriter::new(out);
        if !std::mem::replace(&mut self.params_sent, true) {
            let encoded = TransportParameters::from_config(&self.config).encode();
            Frame::TransportParameters { encoded: &encoded }.encode(record.frames());
        }
        match self.close.take() {
            Some(close) => put_close(&close, &mut record),
            None if self.error.is_none() => self.put_frames(&mut record),
            None => {}
        }
        record.finish()
    }

    fn put_frames(&mut self, record: &mut RecordWriter<'_>) {
        if let Some(sequence) = self.pings.take_answer() {
            Frame::Pong { sequence }.encode(record.frames());
        }
        let unasked = record.len();
        self.put_connection_control(record);
        self.put_stream_control(record);
        if self.put_datagrams(record) {
            self.put_endings(record);
            self.put_data(record);
        }
        if record.len() > unasked {
            self.timers.sent(self.now);
        }
    }

    fn put_connection_control(&mut self, record: &mut RecordWriter<'_>) {
        if let Some(sequence) = self.pings.take_question(self.now) {
            Frame::Ping { sequence }.encode(record.frames());
        }
        if self.window.is_due() {
            Frame::MaxData { limit: self.window.advertise() }.encode(record.frames());
        }
        for dir in Dir::ALL {
            if self.streams.limit_due(dir) {
                let limit = self.streams.advertise(dir);
                Frame::MaxStreams { dir, limit }.encode(record.frames());
            }
            if let Some(limit) = self.streams.complaint_due(dir) {
                self.streams.complained(dir);
                Frame::StreamsBlocked { dir, limit }.encode(record.frames());
            }
        }
        if self.scheduler.has_data() && self.credit.should_complain() {
            Frame::DataBlocked { limit: self.credit.complain() }.encode(record.frames());
        }
    }

    fn put_stream_control(&mut self, record: &mut RecordWriter<'_>) {
        while record.room() >= CONTROL_ROOM {
            let Some(id) = self.control.pop_front() else { return };
            let Some(stream) = self.streams.get_mut(id) else { continue };
            stream.listed = false;
            if let Some(recv) = &mut stream.recv {
                if let Some(code) = recv.stop_due() {
                    recv.stop_sent();
                    Frame::StopSending { id, code }.encode(record.frames());
                }
                if recv.credit_due() {
                    let limit = recv.window.advertise();
                    Frame::MaxStreamData { id, limit }.encode(record.frames());
                }
            }
            if let Some(send) = &mut stream.send {
                if let Some(code) = send.reset_due() {
                    send.reset_sent();
                    let final_size = send.credit.used();
                    Frame::ResetStream { id, code, final_size }.encode(record.frames());
                    self.streams.settle(id);
                } else if send.should_complain() {
                    let limit = send.credit.complain();
                    Frame::StreamDataBlocked { id, limit }.encode(record.frames());
                }
            }
        }
    }

    /// Datagrams as far as they fit; `false` if the next would fit a record of its own but not this one, which then ends
    /// here, so that what waits for a full record gets one.
    fn put_datagrams(&mut self, record: &mut RecordWriter<'_>) -> bool {
        while let Some(size) = self.unsent_datagrams.next_frame_size() {
            if size > record.room() {
                return record.is_empty();
            }
            if let Some(data) = self.unsent_datagrams.pop() {
                Frame::encode_datagram_header(data.len(), record.frames());
                record.put(data);
                self.stats.datagrams_sent += 1;
            }
        }
        true
    }

    fn put_endings(&mut self, record: &mut RecordWriter<'_>) {
        while record.room() >= DATA_ROOM {
            let Some(id) = self.scheduler.pop_ending() else { return };
            let Some(send) = self.streams.send_mut(id) else { continue };
            send.scheduled = false;
            if send.output() == Output::End {
                self.put_stream_frame(id, 0, record);
            }
        }
    }

    fn put_data(&mut self, record: &mut RecordWriter<'_>) {
        while record.room() >= DATA_ROOM && self.credit.available() > 0 {
            let Some(id) = self.scheduler.pop() else { return };
            let Some(send) = self.streams.send_mut(id) else { continue };
            send.scheduled = false;
            if send.output() == Output::Data {
                let sendable = send.unsent().min(send.credit.available()).min(self.credit.available());
                self.put_stream_frame(id, sendable, record);
            }
        }
    }

    /// One STREAM frame of up to `sendable` bytes, which must be within both credits.
    fn put_stream_frame(&mut self, id: StreamId, sendable: u64, record: &mut RecordWriter<'_>) {
        let spare = self.spare();
        let Some(stream) = self.streams.get_mut(id) else { return };
        let Some(send) = &mut stream.send else { return };
        let room = record.room();
        let mut header = StreamHeader { id, offset: send.credit.used(), fin: false, len: None };
        let bare = header.encoded_len();
        let mut len = usize::try_from(sendable).unwrap_or(usize::MAX);
        // A frame that fills the record says no length; the length field takes two bytes at most, as records are short.
        if len.saturating_add(bare + 2) > room {
            len = len.min(room - bare);
        } else {
            header.len = Some(len);
        }
        header.fin = send.ends_after(len as u64);
        header.encode(record.frames());
        send.take(len as u64, header.fin, record);
        if header.len.is_none() {
            record.close();
        }
        self.credit.spend(len as u64);
        self.unsent -= len as u64;
        self.stats.stream_bytes_sent += len as u64;
        self.budget.earn(len as u64);
        if send.writer_waits && send.is_roomy(self.config.stream_send_window, spare + len as u64) {
            send.writer_waits = false;
            self.events.writable(id, stream);
        }
        if header.fin {
            self.ask_for_delivery(id);
            self.streams.settle(id);
        } else {
            self.schedule(id);
        }
    }
}

fn put_close(close: &Close, record: &mut RecordWriter<'_>) {
    match close {
        Close::Application { code, reason } => {
            Frame::ApplicationClose { code: *code, reason }.encode(record.frames());
        }
        Close::Transport(violation) => Frame::ConnectionClose {
            code: violation.code.as_u64(),
            frame_type: violation.frame_type,
            reason: violation.reason.as_bytes(),
        }
        .encode(record.frames()),
    }
}
