//! The bodies of the relay's fuzz targets over random bytes: what the corpus holds was thought of, this was not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "shared with the fuzz targets")]

#[path = "../../fuzz/bodies/relay_control.rs"]
mod relay_control;
#[path = "../../fuzz/bodies/relay_packet.rs"]
mod relay_packet;
#[path = "../../fuzz/bodies/relay_router.rs"]
mod relay_router;

proptest::proptest! {
    #[test]
    fn a_router_agrees_with_its_model_after_any_operations(data in proptest::collection::vec(0_u8.., 0..400)) {
        relay_router::run(&data);
    }

    #[test]
    fn any_packets_are_joined_and_split_alike(data in proptest::collection::vec(0_u8.., 0..400)) {
        relay_packet::run(&data);
    }

    #[test]
    fn any_control_frames_read_alike_however_they_arrive(data in proptest::collection::vec(0_u8..10, 0..400)) {
        relay_control::run(&data);
    }
}
