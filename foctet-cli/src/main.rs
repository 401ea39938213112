//! The `foctet` program.

#![forbid(unsafe_code)]

mod app;
mod args;
mod ask;
mod bench;
mod completions;
mod config_dir;
mod events;
mod exit;
mod hex;
mod id;
mod logging;
mod man;
mod offered;
mod ping;
mod progress;
mod receive;
mod reconnecting;
mod relay;
mod report;
mod send;
mod session;
mod signals;
mod ticket_input;
mod watch;

fn main() -> std::process::ExitCode {
    app::run().code().into()
}
