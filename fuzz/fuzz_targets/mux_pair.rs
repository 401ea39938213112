#![no_main]

#[path = "../bodies/mux_pair.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
