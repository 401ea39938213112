//! The frames of a benchmark, one after the other as on its control stream. What decodes is written again as it was.

use foctet_core::bench::{Frame, MAX_FRAME};

pub(crate) fn run(data: &[u8]) {
    let mut rest = data;
    while let Some((kind, after)) = rest.split_first() {
        let length = match Frame::body_len(*kind) {
            Ok(length) => length,
            Err(error) => {
                drop(error.to_string());
                return;
            }
        };
        assert!(length < MAX_FRAME);
        let Some((body, after)) = after.split_at_checked(length) else {
            assert!(Frame::decode(*kind, after).is_err(), "fields are missing");
            return;
        };
        match Frame::decode(*kind, body) {
            Ok(frame) => assert_eq!(frame.encode(), [&[*kind], body].concat()),
            Err(error) => drop(error.to_string()),
        }
        rest = after;
    }
}
