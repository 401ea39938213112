//! Frames out of streams.

use foctet_core::bench::{Frame, MAX_FRAME};
use foctet_net::RecvStream;

use super::BenchError;

/// The next frame, and nothing behind it; none at the end of the stream.
///
/// # Errors
/// When what comes is no frame, or nothing comes any more.
///
/// # Cancel safety
/// Not safe: a part of the frame may be lost.
pub(super) async fn read(recv: &mut RecvStream) -> Result<Option<Frame>, BenchError> {
    let mut bytes = [0; MAX_FRAME];
    let [kind, body @ ..] = &mut bytes;
    // One byte, or none at the end.
    if recv.read(std::slice::from_mut(kind)).await?.is_none() {
        return Ok(None);
    }
    let body = body.get_mut(..Frame::body_len(*kind)?).unwrap_or_default();
    recv.read_exact(body).await?;
    Ok(Some(Frame::decode(*kind, body)?))
}
