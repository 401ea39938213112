//! Records: a size and that many bytes of whole frames.

use bytes::{Buf, Bytes, BytesMut};

use crate::varint::get_varint;
use crate::{TransportErrorCode, Violation};

/// One record that arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) frames: Bytes,
    /// How many bytes it had with its size.
    pub(crate) len: usize,
}

/// Finds records in what arrives. A record that lies in one piece is not copied; of one that does not, what has come is
/// held here: at most the largest record and its size.
#[derive(Debug, Default)]
pub(crate) struct RecordReader {
    begun: BytesMut,
}

impl RecordReader {
    /// Takes the next whole record off the front of `input`, or all of `input` if it ends before the record does, which is
    /// `None`.
    pub(crate) fn next(&mut self, input: &mut Bytes, max: usize) -> Result<Option<Record>, Violation> {
        if self.begun.is_empty() {
            if input.is_empty() {
                return Ok(None);
            }
            if let Some(size) = Size::read(input, max)?
                && input.len() >= size.total()
            {
                return Ok(Some(size.cut(input.split_to(size.total()))));
            }
        }
        loop {
            let size = Size::read(&self.begun, max)?;
            let missing = size.as_ref().map_or(1, |size| size.total() - self.begun.len());
            if missing == 0
                && let Some(size) = size
            {
                return Ok(Some(size.cut(self.begun.split().freeze())));
            }
            if input.is_empty() {
                return Ok(None);
            }
            self.begun.reserve(missing);
            self.begun.extend_from_slice(&input.split_to(missing.min(input.len())));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.begun = BytesMut::new();
    }
}

/// What a record says of its length.
struct Size {
    /// How many bytes the size itself takes.
    prefix: usize,
    frames: usize,
}

impl Size {
    /// `None` while it is incomplete.
    fn read(input: &[u8], max: usize) -> Result<Option<Self>, Violation> {
        let mut rest = input;
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
        Ok(Some(Self { prefix: input.len() - rest.len(), frames: size as usize }))
    }

    fn total(&self) -> usize {
        self.prefix + self.frames
    }

    fn cut(&self, mut whole: Bytes) -> Record {
        let len = whole.len();
        whole.advance(self.prefix);
        Record { frames: whole, len }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::RECORD_PAYLOAD;

    fn record(len: usize) -> Vec<u8> {
        let mut out = if len < 64 { vec![len as u8] } else { (0x4000 | len as u16).to_be_bytes().to_vec() };
        out.resize(out.len() + len, 7);
        out
    }

    #[test]
    fn a_record_in_one_piece_is_not_copied() {
        let mut wire = Bytes::from([record(100), record(16_000)].concat());
        let start = wire.as_ptr().addr();
        let mut reader = RecordReader::default();
        for (len, at) in [(102, 2), (16_002, 104)] {
            let record = reader.next(&mut wire, RECORD_PAYLOAD).unwrap().unwrap();
            assert_eq!((record.len, record.frames.as_ptr().addr() - start), (len, at));
        }
    }

    proptest! {
        #[test]
        fn records_come_out_as_they_went_in_wherever_they_are_cut(
            lengths in prop::collection::vec(
                prop_oneof![1..70_usize, 255..257_usize, 16_300..=RECORD_PAYLOAD], 1..6),
            cuts in prop::collection::vec(1..20_000_usize, 1..40),
        ) {
            let mut wire = Bytes::from(lengths.iter().map(|len| record(*len)).collect::<Vec<_>>().concat());
            let (mut reader, mut got) = (RecordReader::default(), Vec::new());
            for cut in cuts.iter().cycle() {
                if wire.is_empty() {
                    break;
                }
                let mut piece = wire.split_to((*cut).min(wire.len()));
                while let Some(record) = reader.next(&mut piece, RECORD_PAYLOAD).unwrap() {
                    prop_assert!(record.frames.iter().all(|byte| *byte == 7));
                    prop_assert_eq!(record.len, record.frames.len() + if record.frames.len() < 64 { 1 } else { 2 });
                    got.push(record.frames.len());
                }
                prop_assert!(piece.is_empty());
            }
            prop_assert_eq!(got, lengths);
            prop_assert!(reader.begun.is_empty());
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
            let next = |wire: &'static [u8], reader: &mut RecordReader| {
                reader.next(&mut Bytes::from_static(wire), RECORD_PAYLOAD)
            };
            assert_eq!(next(wire, &mut RecordReader::default()).unwrap_err().code, code);
            let mut reader = RecordReader::default();
            let pieces: Vec<_> = wire.chunks(1).map(|byte| next(byte, &mut reader)).collect();
            assert_eq!(pieces.last().unwrap().as_ref().unwrap_err().code, code);
        }
        let mut largest = Bytes::from_static(&[0x7f, 0xfe]);
        assert_eq!(RecordReader::default().next(&mut largest, RECORD_PAYLOAD), Ok(None));
    }
}
