//! One suite of behaviours, run unchanged over every transport.
//!
//! A behaviour is an async function over a connected [`Pair`](pair::Pair); the list below makes a test of it for each
//! transport. The clock stands still while anything runs, so that a busy machine changes nothing.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]
#![allow(unreachable_pub, reason = "nobody depends on a test")]

#[path = "conformance/cancelling.rs"]
mod cancelling;
#[path = "conformance/closing.rs"]
mod closing;
#[path = "conformance/datagrams.rs"]
mod datagrams;
#[path = "conformance/delivery.rs"]
mod delivery;
#[path = "conformance/endpoints.rs"]
mod endpoints;
#[path = "conformance/flow.rs"]
mod flow;
#[path = "conformance/pair.rs"]
mod pair;
#[path = "conformance/resets.rs"]
mod resets;
#[path = "conformance/streams.rs"]
mod streams;

macro_rules! on_every_transport {
    ($($file:ident { $($behaviour:ident,)* })*) => {
        mod quic {
            $($(
                #[tokio::test(start_paused = true)]
                async fn $behaviour() {
                    crate::pair::run(foctet_net::Transport::Quic, crate::$file::$behaviour).await;
                }
            )*)*
        }
        mod tcp {
            $($(
                #[tokio::test(start_paused = true)]
                async fn $behaviour() {
                    crate::pair::run(foctet_net::Transport::Tcp, crate::$file::$behaviour).await;
                }
            )*)*
        }
    };
}

on_every_transport! {
    streams {
        bytes_come_back_as_they_went,
        a_finished_half_leaves_the_other_open,
        an_empty_stream_arrives_and_ends,
        one_byte_arrives_alone,
        ten_mebibytes_go_both_ways_at_once,
        a_thousand_streams_run_in_parallel,
        unidirectional_streams_go_from_either_side,
        streams_are_accepted_in_the_order_of_their_opening,
        stream_ids_agree_on_both_sides,
        reading_after_the_end_gives_the_end_again,
        chunks_are_no_longer_than_asked,
        read_exact_tells_how_much_there_was,
        read_to_end_keeps_to_its_limit,
        a_stream_works_as_async_read_and_async_write,
        priorities_are_accepted,
    }
    resets {
        a_reset_carries_its_code_either_way,
        the_largest_code_survives_and_larger_ones_are_cut_to_it,
        a_stop_carries_its_code_either_way,
        a_reset_of_one_half_leaves_the_other_open,
        a_reset_after_finish_still_abandons_what_is_on_its_way,
        a_stop_after_finish_hangs_nobody,
        a_closed_half_stays_closed,
        a_reset_is_seen_without_reading,
        a_reset_stays_once_it_was_read,
        a_dropped_sender_finishes_its_stream,
        a_dropped_receiver_stops_its_stream_with_code_0,
    }
    flow {
        a_reader_that_stops_holds_up_its_writer,
        a_stalled_stream_does_not_stall_its_siblings,
        opening_waits_at_the_limit_and_goes_on,
        two_writers_with_full_windows_do_not_deadlock,
    }
    datagrams {
        datagrams_go_both_ways,
        a_datagram_of_the_largest_size_is_taken_and_a_larger_one_refused,
        an_empty_datagram_is_a_datagram,
        datagrams_go_in_batches_and_keep_their_order,
    }
    delivery {
        delivered_means_that_the_peer_can_still_read_it_all,
        delivered_needs_a_finished_stream,
        delivered_fails_when_the_peer_stops_or_is_gone,
        closing_an_endpoint_delivers_what_was_finished,
        closing_an_endpoint_delivers_what_dropped_streams_had,
    }
    closing {
        a_close_carries_code_and_reason_from_the_dialler,
        a_close_carries_code_and_reason_from_the_acceptor,
        a_close_ends_a_read,
        a_close_ends_a_write,
        a_close_ends_an_accept_and_a_wait_for_datagrams,
        a_close_ends_an_open_that_waits,
        what_had_arrived_is_read_after_the_peers_close,
        nothing_is_read_after_our_own_close,
        nothing_works_after_a_close,
        only_the_first_close_counts,
        dropping_every_handle_closes_with_code_0,
        a_stream_keeps_its_connection_alive,
    }
    cancelling {
        a_cancelled_read_loses_nothing,
        a_cancelled_write_writes_nothing,
        a_cancelled_accept_loses_no_stream,
        a_cancelled_open_opens_nothing,
        a_cancelled_wait_for_datagrams_loses_none,
        cancelled_waits_for_the_end_can_be_repeated,
        a_cancelled_accept_of_the_endpoint_loses_no_connection,
    }
    endpoints {
        both_sides_know_each_other_and_the_protocol,
        several_protocols_are_spoken_at_once,
        an_unknown_protocol_is_refused,
        a_connection_tells_its_path_and_counts,
        many_connections_share_an_endpoint,
        a_closed_endpoint_accepts_and_dials_nothing_and_frees_its_ports,
        connections_outlive_a_dropped_endpoint,
        an_idle_connection_is_kept_alive,
    }
}
