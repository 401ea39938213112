//! The corpora of the fuzz targets for this crate, run through the same code as the fuzzer runs, and random bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "shared with the fuzz targets")]

use proptest::prelude::*;

#[path = "../../fuzz/bodies/replay.rs"]
mod replay;
#[path = "../../fuzz/bodies/tls_opener.rs"]
mod tls_opener;

#[test]
fn tls_opener() {
    replay::corpus("tls_opener", tls_opener::run);
}

/// Operations as the body reads them, and some that it makes nothing of.
fn operations() -> impl Strategy<Value = Vec<u8>> {
    let operation = (0..10_u8, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(what, content)| {
        let mut bytes = vec![what, content.len() as u8];
        bytes.extend(content);
        bytes
    });
    (any::<u8>(), prop::collection::vec(operation, 0..60)).prop_map(|(suite, operations)| {
        let mut bytes = vec![suite];
        bytes.extend(operations.concat());
        bytes
    })
}

proptest! {
    #[test]
    fn whatever_comes_out_of_records_was_put_in(data in operations()) {
        tls_opener::run(&data);
    }

    #[test]
    fn whatever_comes_out_of_anything_was_put_in(data in prop::collection::vec(any::<u8>(), 0..2_000)) {
        tls_opener::run(&data);
    }
}
