//! The frames of one record. What decodes is written again the same, up to the form of its integers.

use foctet_mux::Frame;

pub(crate) fn run(data: &[u8]) {
    let mut rest = data;
    while !rest.is_empty() {
        let before = rest.len();
        let frame = match Frame::decode(&mut rest) {
            Ok(frame) => frame,
            Err(violation) => {
                drop(violation.to_string());
                return;
            }
        };
        assert!(rest.len() < before, "a frame takes up room");
        let mut wire = Vec::new();
        frame.encode(&mut wire);
        let mut written = &wire[..];
        let again = Frame::decode(&mut written).expect("what we write, we read");
        assert!(written.is_empty());
        match (frame, again) {
            // Its size is that of the form it came in.
            (Frame::Datagram { data, .. }, Frame::Datagram { data: again, .. }) => assert_eq!(data, again),
            _ => assert_eq!(frame, again),
        }
    }
}
