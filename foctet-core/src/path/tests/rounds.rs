//! When NAT traversal rounds are started, and when not.

use std::time::Duration;

use super::rules::{Hand, address, rtt};
use super::sim::{direct, ms, relay};
use crate::path::{Action, Counters, Role};

const MINUTE: Duration = Duration::from_secs(60);

/// A dialler with a relayed path, and all that rounds take.
fn dialler() -> (Hand, [(u32, Counters); 1]) {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.agent.handle_local_candidates(hand.now, &[address(1)]);
    hand.agent.handle_remote_candidate(hand.now, address(9));
    hand.agent.allow_direct(hand.now);
    (hand, [(0, rtt(40))])
}

fn rounds(actions: &[Action]) -> usize {
    actions.iter().filter(|action| **action == Action::StartRound).count()
}

#[test]
fn one_change_of_the_network_is_worth_one_round_however_it_is_told() {
    let (mut hand, [relayed]) = dialler();
    hand.agent.handle_path_opened(hand.now, 1, direct(1));
    let mut paths = [relayed, (1, rtt(20))];
    hand.answered(MINUTE, &mut paths);
    hand.agent.handle_network_changed(hand.now);
    let mut wanted = hand.answered(ms(100), &mut paths);
    hand.agent.handle_local_candidates(hand.now, &[address(2)]);
    wanted.extend(hand.answered(MINUTE, &mut paths));
    assert_eq!(rounds(&wanted), 1);

    // An address that goes with a relay is none that a round could find anything by.
    hand.agent.handle_local_candidates(hand.now, &[address(2), address(3)]);
    assert_eq!(rounds(&hand.answered(MINUTE, &mut paths)), 1);
    hand.agent.handle_local_candidates(hand.now, &[address(2)]);
    assert_eq!(rounds(&hand.answered(MINUTE, &mut paths)), 0);
}

#[test]
fn no_round_is_spent_while_nothing_gets_out_and_there_is_one_at_once_when_something_does() {
    let (mut hand, mut paths) = dialler();
    assert_eq!(rounds(&hand.answered(2 * MINUTE, &mut paths)), 6, "there is no direct path to be had");
    paths[0].1.sent += 1;
    hand.silence(ms(400), &paths);
    assert!(hand.agent.is_stalled());
    // As interfaces come and go.
    let mut wanted = Vec::new();
    for n in 0..20 {
        hand.agent.handle_network_changed(hand.now);
        hand.agent.handle_local_candidates(hand.now, &[]);
        hand.agent.handle_local_candidates(hand.now, &[address(n)]);
        wanted.extend(hand.silence(Duration::from_secs(30), &paths));
    }
    assert_eq!(rounds(&wanted), 0);
    assert_eq!(rounds(&hand.answered(ms(500), &mut paths)), 1, "a fresh chance");
    assert_eq!(rounds(&hand.answered(ms(4000), &mut paths)), 2, "with pauses that begin anew");
}

#[test]
fn after_a_change_of_the_network_the_first_answer_is_awaited() {
    for told in 0..2 {
        let (mut hand, mut paths) = dialler();
        hand.answered(2 * MINUTE, &mut paths);
        match told {
            0 => hand.agent.handle_network_changed(hand.now),
            _ => hand.agent.handle_local_candidates(hand.now, &[address(2)]),
        }
        // The answer to what the driver sends then, on a path that nobody else uses, comes late.
        paths[0].1.sent += 1;
        assert_eq!(rounds(&hand.silence(Duration::from_secs(2), &paths)), 0);
        paths[0].1.received += 1;
        assert_eq!(rounds(&hand.silence(ms(500), &paths)), 1);
    }
}

#[test]
fn what_time_alone_starts_leaves_a_round_for_what_changes() {
    let (mut hand, mut paths) = dialler();
    hand.answered(Duration::from_secs(20), &mut paths);
    assert_eq!(rounds(&hand.answered(Duration::from_secs(30), &mut paths)), 0, "there were three");
    hand.agent.handle_remote_candidate(hand.now, address(10));
    assert_eq!(rounds(&hand.answered(ms(500), &mut paths)), 1);
}

#[test]
fn a_false_alarm_is_worth_no_round() {
    let (mut hand, [relayed]) = dialler();
    hand.agent.handle_path_opened(hand.now, 1, direct(1));
    let mut paths = [relayed, (1, rtt(20))];
    hand.answered(MINUTE, &mut paths);
    paths[1].1.sent += 1;
    let mut wanted = hand.silence(ms(250), &paths);
    assert_eq!(hand.agent.selected(), Some(0), "it is suspect");
    paths[1].1.received += 1;
    wanted.extend(hand.answered(ms(5000), &mut paths));
    assert_eq!(hand.agent.selected(), Some(1));
    assert_eq!(rounds(&wanted), 0);
}
