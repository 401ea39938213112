//! The frames of a transfer, arriving in pieces. What is accepted does not depend on the pieces, and what is written
//! again is read as the same.

use foctet_transfer::wire::{Frame, FrameDecoder, FrameError};

pub(crate) fn run(data: &[u8]) {
    let (Some(piece), bytes) = (data.first(), data.get(1..).unwrap_or_default()) else { return };
    let whole = decode(bytes.chunks(bytes.len().max(1)));
    let pieces = decode(bytes.chunks(usize::from(*piece) + 1));
    assert_eq!(whole, pieces);
    let again: Vec<u8> = whole.0.iter().flat_map(|frame| frame.encode()).collect();
    assert_eq!(decode([&again[..]].into_iter()), (whole.0, None));
}

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<FrameError>) {
    let mut decoder = FrameDecoder::new();
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    drop(error.to_string());
                    return (frames, Some(error));
                }
            }
        }
    }
    (frames, None)
}
