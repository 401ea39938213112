//! Records: a size and that many bytes of whole frames.

use bytes::{Bytes, BytesMut};

use crate::varint::get_varint;
use crate::{TransportErrorCode, Violation};

/// The longest record that we send, in bytes without its size: with it exactly one full TLS record, and what every peer
/// must take.
pub(crate) const RECORD_PAYLOAD: usize = crate::MIN_MAX_RECORD_SIZE;

/// What the size of one of our records takes at most, in bytes.
pub(crate) const RECORD_SIZE_LEN: usize = 2;

/// A full record with its size, in bytes.
pub(crate) const FULL_RECORD: usize = RECORD_PAYLOAD + RECORD_SIZE_LEN;

/// Takes the next whole record, without its size, off the front of `input`; `None` while it is incomplete.
pub(crate) fn next_record(input: &mut BytesMut, max: usize) -> Result<Option<Bytes>, Violation> {
    let mut rest = &input[..];
    let Some(size) = get_varint(&mut rest) else {
        return Ok(None);
    };
    if size > max as u64 {
        return Err(Violation::encoding(0, "record larger than max_record_size"));
    }
    if size == 0 {
        // RFC 9000, section 12.4, on packets without frames.
        return Err(Violation::new(TransportErrorCode::PROTOCOL_VIOLATION, 0, "record without frames"));
    }
    let prefix = input.len() - rest.len();
    let size = size as usize;
    if rest.len() < size {
        return Ok(None);
    }
    let mut record = input.split_to(prefix + size).freeze();
    bytes::Buf::advance(&mut record, prefix);
    Ok(Some(record))
}

/// One record under construction at the end of an output buffer.
#[derive(Debug)]
pub(crate) struct RecordWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    closed: bool,
}

impl<'a> RecordWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len() + RECORD_SIZE_LEN;
        out.resize(start, 0);
        Self { out, start, closed: false }
    }

    /// Where frames go.
    pub(crate) fn frames(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// How many bytes of frames there are.
    pub(crate) fn len(&self) -> usize {
        self.out.len() - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many more bytes of frames fit.
    pub(crate) fn room(&self) -> usize {
        if self.closed { 0 } else { RECORD_PAYLOAD.saturating_sub(self.len()) }
    }

    /// The last frame ends where the record does, so no other may follow.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Fills in the size, or takes everything back if there are no frames; whether there are.
    pub(crate) fn finish(self) -> bool {
        let len = self.len();
        let size_at = self.start - RECORD_SIZE_LEN;
        debug_assert!(len <= RECORD_PAYLOAD);
        match len {
            0 => self.out.truncate(size_at),
            1..64 => {
                self.out.remove(size_at);
                self.out[size_at] = len as u8;
            }
            _ => self.out[size_at..self.start].copy_from_slice(&(0x4000 | len as u16).to_be_bytes()),
        }
        len > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(len: usize) -> Vec<u8> {
        let mut out = b"before".to_vec();
        let mut writer = RecordWriter::new(&mut out);
        writer.frames().resize(6 + 2 + len, 7);
        assert_eq!((writer.len(), writer.room()), (len, RECORD_PAYLOAD - len));
        assert_eq!(writer.finish(), len > 0);
        assert_eq!(&out[..6], b"before");
        out.split_off(6)
    }

    #[test]
    fn records_of_every_notable_size_round_trip() {
        for len in [1, 2, 62, 63, 64, 65, 255, 16_381, RECORD_PAYLOAD] {
            let mut wire = BytesMut::from(&record(len)[..]);
            assert_eq!(wire.len(), len + if len < 64 { 1 } else { 2 });
            wire.extend_from_slice(b"rest");
            let payload = next_record(&mut wire, RECORD_PAYLOAD).unwrap().unwrap();
            assert_eq!(payload, vec![7; len]);
            assert_eq!(&wire[..], b"rest");
        }
        assert!(record(0).is_empty());
    }

    #[test]
    fn a_full_record_is_exactly_one_full_tls_record() {
        assert_eq!(record(RECORD_PAYLOAD).len(), 16_384);
    }

    #[test]
    fn an_incomplete_record_waits_whatever_is_missing() {
        let whole = record(100);
        for cut in 0..whole.len() {
            let mut wire = BytesMut::from(&whole[..cut]);
            assert_eq!(next_record(&mut wire, RECORD_PAYLOAD), Ok(None));
            assert_eq!(wire.len(), cut);
        }
    }

    #[test]
    fn a_size_out_of_bounds_is_refused_before_its_record_arrives() {
        for (wire, code) in [
            (&[0][..], TransportErrorCode::PROTOCOL_VIOLATION),
            (&[0x40, 0], TransportErrorCode::PROTOCOL_VIOLATION),
            (&[0x7f, 0xff], TransportErrorCode::FRAME_ENCODING_ERROR),
            (&[0xff; 8], TransportErrorCode::FRAME_ENCODING_ERROR),
        ] {
            assert_eq!(next_record(&mut BytesMut::from(wire), RECORD_PAYLOAD).unwrap_err().code, code);
        }
        assert_eq!(next_record(&mut BytesMut::from(&[0x7f, 0xfe][..]), RECORD_PAYLOAD), Ok(None));
    }
}
