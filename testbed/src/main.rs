//! Networks to test on, by hand.
#![forbid(unsafe_code)]

fn main() {}
