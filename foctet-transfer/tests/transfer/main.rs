//! Transfers over real endpoints on loopback, on both transports.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

mod conflicts;
mod disk;
mod hostile_receiver;
mod hostile_sender;
mod pair;
mod reconnecting;
mod saving;
mod silence;
mod source;
mod stopping;
mod tree;

macro_rules! on_every_transport {
    ($($file:ident { $($behaviour:ident,)* })*) => {
        mod quic {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    crate::pair::run(foctet_net::Transport::Quic, crate::$file::$behaviour).await;
                }
            )*)*
        }
        mod tcp {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    crate::pair::run(foctet_net::Transport::Tcp, crate::$file::$behaviour).await;
                }
            )*)*
        }
    };
}

on_every_transport! {
    saving {
        files_of_every_size_arrive_with_their_hashes,
        a_single_file_is_told_by_its_own_hash,
        a_tree_arrives_with_modes_times_links_and_empty_things,
        several_paths_arrive_beside_each_other,
        an_offer_of_nothing_completes,
        thousands_of_small_files_arrive,
        nothing_is_on_disk_before_consent,
        a_leftover_partial_is_replaced_and_none_piles_up,
        two_receivers_into_one_directory_do_not_disturb_each_other,
        one_file_can_be_streamed_out,
        only_a_single_file_can_be_streamed_out,
        progress_ends_at_the_total_on_both_sides,
        names_as_long_as_names_may_be_arrive,
    }
    conflicts {
        fail_refuses_before_anything_is_sent,
        skip_keeps_what_exists_and_fetches_what_is_missing,
        rename_finds_free_names,
        overwrite_replaces_files_and_merges_directories,
        overwrite_never_replaces_a_directory_by_a_file_or_the_other_way_round,
        a_target_that_appears_after_the_check_is_not_replaced,
        links_at_the_destination_are_replaced_and_never_followed,
    }
    source {
        a_source_that_changes_before_it_is_sent_is_noticed_on_both_sides,
        a_source_that_changes_while_it_is_sent_is_never_committed,
    }
    stopping {
        a_declined_offer_is_told_as_declined,
        a_wrong_secret_is_refused_and_the_sender_goes_on,
        a_receiver_that_is_dropped_leaves_nothing_and_the_sender_learns_it,
        a_sender_that_is_dropped_is_learned_by_the_receiver,
        a_lost_connection_is_told_as_such_on_both_sides,
        output_that_is_closed_ends_the_transfer,
    }
    reconnecting {
        a_connection_cut_in_the_middle_of_a_file_costs_only_what_was_on_the_way,
        a_transfer_survives_cuts_at_many_points,
        a_connection_cut_among_ten_thousand_small_files_costs_only_what_was_on_the_way,
        a_connection_cut_before_consent_is_made_again,
        a_connection_cut_while_everything_is_put_in_place_does_not_matter,
        a_sender_that_is_gone_when_everything_is_in_place_takes_nothing_back,
        a_stream_goes_on_from_the_group_where_it_stood,
        a_no_is_told_over_another_connection,
        a_sender_that_has_forgotten_reads_again_but_does_not_send_again,
        a_sender_that_comes_back_with_other_content_is_refused,
        a_sender_that_stays_away_is_given_up_and_nothing_is_left,
    }
    disk {
        a_directory_that_is_missing_is_told_on_both_sides,
        links_swapped_into_the_partial_are_not_followed,
        a_destination_moved_away_keeps_receiving,
        a_full_disk_is_told_on_both_sides,
        more_than_fits_is_refused_before_anything_is_sent,
    }
    hostile_sender {
        dangerous_names_are_refused_before_any_write,
        dangerous_structures_are_refused_before_any_write,
        manifests_over_a_limit_are_refused,
        a_manifest_that_lies_about_itself_is_refused,
        content_that_does_not_match_is_never_kept,
        answers_out_of_order_are_refused,
        garbage_from_the_sender_is_refused,
    }
    hostile_receiver {
        what_was_not_offered_cannot_be_asked_for,
        a_result_that_was_not_sent_is_not_believed,
        garbage_from_the_receiver_is_refused,
        streams_beyond_the_limit_are_refused,
        a_receiver_that_never_reads_is_given_up,
        ranges_can_be_asked_for_in_any_order_and_by_value,
        a_receiver_may_give_a_stream_up_and_ask_anew,
        a_selection_of_what_was_not_offered_is_refused,
        a_receiver_that_comes_back_replaces_its_connection_and_counts_once,
        another_selection_on_return_is_refused,
        a_ping_is_no_receiver,
    }
}
