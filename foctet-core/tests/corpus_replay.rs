//! The corpora of the fuzz targets for this crate, run through the same code as the fuzzer runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "shared with the fuzz targets")]

#[path = "../../fuzz/bodies/bench_frames.rs"]
mod bench_frames;
#[path = "../../fuzz/bodies/node_id.rs"]
mod node_id;
#[path = "../../fuzz/bodies/notice.rs"]
mod notice;
#[path = "../../fuzz/bodies/path_agent.rs"]
mod path_agent;
#[path = "../../fuzz/bodies/relay_control.rs"]
mod relay_control;
#[path = "../../fuzz/bodies/relay_packet.rs"]
mod relay_packet;
#[path = "../../fuzz/bodies/relay_router.rs"]
mod relay_router;
#[path = "../../fuzz/bodies/replay.rs"]
mod replay;
#[path = "../../fuzz/bodies/ticket.rs"]
mod ticket;
#[path = "../../fuzz/bodies/ticket_body.rs"]
mod ticket_body;
#[path = "../../fuzz/bodies/transport_addr.rs"]
mod transport_addr;

#[test]
fn bench_frames() {
    replay::corpus("bench_frames", bench_frames::run);
}

#[test]
fn node_id() {
    replay::corpus("node_id", node_id::run);
}

#[test]
fn transport_addr() {
    replay::corpus("transport_addr", transport_addr::run);
}

#[test]
fn ticket() {
    replay::corpus("ticket", ticket::run);
}

#[test]
fn ticket_body() {
    replay::corpus("ticket_body", ticket_body::run);
}

#[test]
fn path_agent() {
    replay::corpus("path_agent", path_agent::run);
}

#[test]
fn notice() {
    replay::corpus("notice", notice::run);
}

#[test]
fn relay_control() {
    replay::corpus("relay_control", relay_control::run);
}

#[test]
fn relay_packet() {
    replay::corpus("relay_packet", relay_packet::run);
}

#[test]
fn relay_router() {
    replay::corpus("relay_router", relay_router::run);
}
