#![no_main]

#[path = "../bodies/mux_connection.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
