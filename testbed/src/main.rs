//! Networks to test on, by hand.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod commands;
#[cfg(target_os = "linux")]
mod measure;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    commands::run()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("testbed: not supported: network namespaces are a thing of Linux");
    std::process::ExitCode::FAILURE
}
