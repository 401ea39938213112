use std::collections::VecDeque;

use super::{HEADER_LEN, MAX_NOTICE, Notice, NoticeError};

/// Finds the notices in the bytes of their stream.
///
/// It holds no more than one unfinished notice, if [`next`](Self::next) is called after every [`push`](Self::push) until it
/// gives nothing.
#[derive(Debug, Default)]
pub struct NoticeReader {
    buffer: VecDeque<u8>,
}

impl NoticeReader {
    /// Takes bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    /// The next notice; `None` until it is there. Those of types that this version does not know are skipped.
    ///
    /// # Errors
    ///
    /// [`NoticeError`]; the stream is of no use after that.
    #[allow(clippy::should_implement_trait, reason = "an error ends it, the lack of a notice does not")]
    pub fn next(&mut self) -> Result<Option<Notice>, NoticeError> {
        while let (Some(kind), Some(high), Some(low)) =
            (self.buffer.front().copied(), self.buffer.get(1), self.buffer.get(2))
        {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length > MAX_NOTICE {
                return Err(NoticeError::TooLong { length });
            }
            if self.buffer.len() < HEADER_LEN + length {
                return Ok(None);
            }
            let body: Vec<u8> = self.buffer.drain(..HEADER_LEN + length).skip(HEADER_LEN).collect();
            if let Some(notice) = Notice::decode(kind, &body)? {
                return Ok(Some(notice));
            }
        }
        Ok(None)
    }
}
