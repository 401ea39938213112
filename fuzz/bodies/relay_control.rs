//! The control frames of a leg, in pieces as they arrive. What decodes is written again so that it decodes to the same.

use foctet_core::relay::{Control, ControlReader, MAX_CONTROL_BODY};

/// Bytes before the body.
const HEADER: usize = 3;

fn frames(data: &[u8], piece: usize) -> (Vec<Control>, bool) {
    let mut reader = ControlReader::default();
    let mut frames = Vec::new();
    for bytes in data.chunks(piece) {
        reader.push(bytes);
        loop {
            match reader.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    drop(error.to_string());
                    return (frames, false);
                }
            }
        }
        // A malformed length is found by `next`, so that here something is always missing, and never much.
        let missing = reader.missing().expect("the header is sound");
        assert!((1..=HEADER + MAX_CONTROL_BODY).contains(&missing));
    }
    (frames, true)
}

pub(crate) fn run(data: &[u8]) {
    let all = frames(data, data.len().max(1));
    assert_eq!(all, frames(data, 1), "how bytes arrive changes nothing");
    for frame in all.0 {
        let wire = frame.encode();
        assert!(wire.len() <= HEADER + MAX_CONTROL_BODY);
        assert_eq!(frames(&wire, wire.len()), (vec![frame], true));
    }
}
