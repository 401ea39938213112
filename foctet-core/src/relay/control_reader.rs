use std::collections::VecDeque;

use super::control::{Control, ControlError, HEADER_LEN, MAX_CONTROL_BODY};

/// Finds the frames in the bytes of a control stream.
///
/// It holds no more than one unfinished frame, if [`next`](Self::next) is called after every [`push`](Self::push) until it
/// gives nothing.
#[derive(Debug, Default)]
pub struct ControlReader {
    buffer: VecDeque<u8>,
}

impl ControlReader {
    /// Takes bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    /// How many bytes the frame at the front still lacks; 0 if it is there. What begins a spliced stream is read
    /// with it, so that nothing behind the frame is taken.
    ///
    /// # Errors
    ///
    /// [`ControlError::TooLong`].
    pub fn missing(&self) -> Result<usize, ControlError> {
        let length = self.body_len()?.map_or(HEADER_LEN, |body| HEADER_LEN + body);
        Ok(length.saturating_sub(self.buffer.len()))
    }

    /// The next frame; `None` until it is there. Frames of types that this version does not know are skipped.
    ///
    /// # Errors
    ///
    /// [`ControlError`]; the stream is of no use after that.
    #[allow(clippy::should_implement_trait, reason = "an error ends it, the lack of a frame does not")]
    pub fn next(&mut self) -> Result<Option<Control>, ControlError> {
        while let Some(length) = self.body_len()? {
            if self.buffer.len() < HEADER_LEN + length {
                return Ok(None);
            }
            let frame: Vec<u8> = self.buffer.drain(..HEADER_LEN + length).collect();
            if let Some((kind, rest)) = frame.split_first()
                && let Some(body) = rest.get(HEADER_LEN - 1..)
                && let Some(frame) = Control::decode(*kind, body)?
            {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// The length of the body of the frame at the front, once its header is there.
    fn body_len(&self) -> Result<Option<usize>, ControlError> {
        let (Some(high), Some(low)) = (self.buffer.get(1), self.buffer.get(2)) else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length > MAX_CONTROL_BODY { Err(ControlError::TooLong { length }) } else { Ok(Some(length)) }
    }
}
