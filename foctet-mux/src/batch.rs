//! Records on their way to a carrier, in the pieces that they lie in.

use std::ops::Range;

use bytes::Bytes;

/// Data shorter than this, in bytes, is copied: a piece of its own costs as much.
const COPY_BELOW: usize = 1024;

/// Whole records, in order. Their data lies where it was written; only what surrounds it is here.
#[derive(Debug, Default)]
pub struct Batch {
    /// Sizes, frame headers, control frames and short data.
    heads: Vec<u8>,
    /// How much of `heads` is in `pieces`.
    cut: usize,
    pieces: Vec<Piece>,
    /// For each record, where in `pieces` it ends.
    ends: Vec<usize>,
    len: usize,
}

#[derive(Debug)]
enum Piece {
    Head(Range<usize>),
    Data(Bytes),
}

impl Batch {
    /// How many bytes its records have.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Lets go of all records, and keeps the room for others.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.pieces.clear();
        self.ends.clear();
        (self.cut, self.len) = (0, 0);
    }

    /// The records in order, each as the pieces that make it up.
    pub fn records(&self) -> impl Iterator<Item = Vec<&[u8]>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let pieces = self.pieces.get(start..*end).unwrap_or_default();
            start = *end;
            pieces.iter().map(|piece| self.bytes(piece)).collect()
        })
    }

    /// The same without regard to where a record ends.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| self.bytes(piece))
    }

    fn bytes<'a>(&'a self, piece: &'a Piece) -> &'a [u8] {
        match piece {
            Piece::Head(range) => self.heads.get(range.clone()).unwrap_or_default(),
            Piece::Data(data) => data,
        }
    }

    fn cut(&mut self) {
        if self.heads.len() > self.cut {
            self.pieces.push(Piece::Head(self.cut..self.heads.len()));
            self.cut = self.heads.len();
        }
    }
}

/// The longest record that we send, in bytes without its size: with it exactly one full TLS record, and what every peer
/// must take.
pub(crate) const RECORD_PAYLOAD: usize = crate::MIN_MAX_RECORD_SIZE;

/// What the size of one of our records takes at most, in bytes.
pub(crate) const RECORD_SIZE_LEN: usize = 2;

/// A full record with its size, in bytes.
pub(crate) const FULL_RECORD: usize = RECORD_PAYLOAD + RECORD_SIZE_LEN;

/// One record under construction at the end of a batch.
#[derive(Debug)]
pub(crate) struct RecordWriter<'a> {
    batch: &'a mut Batch,
    /// Where in the heads its frames begin.
    start: usize,
    /// How many bytes of it lie elsewhere.
    data: usize,
    closed: bool,
}

impl<'a> RecordWriter<'a> {
    pub(crate) fn new(batch: &'a mut Batch) -> Self {
        let start = batch.heads.len() + RECORD_SIZE_LEN;
        batch.heads.resize(start, 0);
        Self { batch, start, data: 0, closed: false }
    }

    /// Where frames go.
    pub(crate) fn frames(&mut self) -> &mut Vec<u8> {
        &mut self.batch.heads
    }

    /// Adds data to the frame that was begun.
    pub(crate) fn put(&mut self, data: Bytes) {
        if data.len() < COPY_BELOW {
            self.batch.heads.extend_from_slice(&data);
        } else {
            self.data += data.len();
            self.batch.cut();
            self.batch.pieces.push(Piece::Data(data));
        }
    }

    /// How many bytes of frames there are.
    pub(crate) fn len(&self) -> usize {
        self.batch.heads.len() - self.start + self.data
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
        let heads = &mut self.batch.heads;
        match len {
            0 => {
                heads.truncate(size_at);
                return false;
            }
            // So short that all of it is in the heads.
            1..64 => {
                heads.remove(size_at);
                heads[size_at] = len as u8;
                self.batch.len += 1;
            }
            _ => {
                heads[size_at..self.start].copy_from_slice(&(0x4000 | len as u16).to_be_bytes());
                self.batch.len += RECORD_SIZE_LEN;
            }
        }
        self.batch.len += len;
        self.batch.cut();
        self.batch.ends.push(self.batch.pieces.len());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of these lengths, behind one another.
    fn batch(lengths: &[usize]) -> Batch {
        let mut batch = Batch::default();
        for &len in lengths {
            let mut writer = RecordWriter::new(&mut batch);
            if let Some(data) = len.checked_sub(3) {
                writer.frames().extend_from_slice(&[7; 3]);
                writer.put(Bytes::from(vec![7; data]));
            } else {
                writer.frames().extend(vec![7; len]);
            }
            assert_eq!((writer.len(), writer.room()), (len, RECORD_PAYLOAD - len));
            assert_eq!(writer.finish(), len > 0);
        }
        batch
    }

    #[test]
    fn a_full_record_is_exactly_one_full_tls_record() {
        assert_eq!(batch(&[RECORD_PAYLOAD]).len(), 16_384);
    }

    #[test]
    fn records_of_every_notable_size_say_it_and_come_out_in_order() {
        let lengths = [0, 1, 2, 62, 63, 64, 65, 255, 1_026, 1_027, 0, 16_381, RECORD_PAYLOAD];
        let batch = batch(&lengths);
        let records: Vec<Vec<u8>> = batch.records().map(|pieces| pieces.concat()).collect();
        assert_eq!(records.concat(), batch.pieces().collect::<Vec<_>>().concat());
        assert_eq!(records.concat().len(), batch.len());
        let told: Vec<Vec<u8>> = lengths
            .into_iter()
            .filter(|len| *len > 0)
            .map(|len| {
                let mut record =
                    if len < 64 { vec![len as u8] } else { (0x4000 | len as u16).to_be_bytes().to_vec() };
                record.resize(record.len() + len, 7);
                record
            })
            .collect();
        assert!(records == told);
    }

    #[test]
    fn long_data_stays_where_it_is_and_short_data_is_copied() {
        let (long, short) = (Bytes::from(vec![1; COPY_BELOW]), Bytes::from(vec![2; COPY_BELOW - 1]));
        let mut batch = Batch::default();
        for data in [&long, &short] {
            let mut writer = RecordWriter::new(&mut batch);
            writer.put(data.clone());
            writer.finish();
        }
        let pieces: Vec<_> = batch.pieces().collect();
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces[1].as_ptr(), long.as_ptr());
        batch.clear();
        assert!(batch.is_empty() && batch.records().next().is_none());
    }
}
