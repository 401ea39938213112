#![no_main]

#[path = "../bodies/path_agent.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
