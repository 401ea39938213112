//! What each end says when it is asked why a connection is not direct.

use std::time::Duration;

use super::rules::{Hand, address, rtt};
use super::sim::{direct, ms, relay};
use crate::path::{Config, Counters, PathAgent, PathKey, PathStatus, Role, WhyNotDirect};

fn relayed(role: Role) -> (Hand, [(u32, Counters); 1]) {
    let mut hand = Hand::new(role);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    (hand, [(0, rtt(40))])
}

fn direct_addr() -> std::net::SocketAddr {
    let PathKey::Direct(addr) = direct(1) else { panic!("it is direct") };
    addr
}

#[test]
fn a_dialler_says_what_is_missing_and_then_how_often_it_was_tried() {
    let (mut hand, mut paths) = relayed(Role::Dialler);
    let mut says = |hand: &mut Hand| {
        hand.answered(ms(100), &mut paths);
        hand.agent.why_not_direct().unwrap()
    };
    assert_eq!(says(&mut hand), WhyNotDirect::NotYetAllowed);
    hand.agent.allow_direct(hand.now);
    assert_eq!(says(&mut hand), WhyNotDirect::NoAddress);
    hand.agent.handle_local_candidates(hand.now, &[address(1)]);
    assert_eq!(says(&mut hand), WhyNotDirect::NoPeerAddress);
    hand.agent.handle_remote_candidate(hand.now, address(9));
    hand.agent.handle_remote_candidate(hand.now, address(10));
    assert_eq!(says(&mut hand), WhyNotDirect::Trying);
    for _ in 0..600 {
        says(&mut hand);
    }
    let none = WhyNotDirect::NoneAnswered { attempts: 4, addresses: 2 };
    assert_eq!(says(&mut hand), none);
    assert!(none.to_string().contains("in 4 attempts from any of the 2 addresses"), "{none}");
    hand.agent.handle_udp_blocked(true);
    assert_eq!(says(&mut hand), WhyNotDirect::UdpBlocked);
    hand.agent.handle_network_changed(hand.now);
    assert_eq!(says(&mut hand), WhyNotDirect::Trying, "elsewhere it may be otherwise");
}

#[test]
fn an_acceptor_says_what_it_can_know() {
    let (mut hand, mut paths) = relayed(Role::Acceptor);
    assert_eq!(hand.agent.why_not_direct(), Some(WhyNotDirect::NotYetAllowed));
    hand.agent.allow_direct(hand.now);
    assert_eq!(hand.agent.why_not_direct(), Some(WhyNotDirect::NoAddress));
    hand.agent.handle_local_candidates(hand.now, &[address(1)]);
    assert_eq!(hand.agent.why_not_direct(), Some(WhyNotDirect::PeerTries));
    hand.agent.handle_udp_blocked(true);
    assert_eq!(hand.agent.why_not_direct(), Some(WhyNotDirect::UdpBlocked));
    hand.agent.handle_remote_status(hand.now, 0, PathStatus::Available);
    hand.agent.handle_path_opened(hand.now, 1, direct(1));
    hand.answered(ms(500), &mut paths);
    assert_eq!(hand.agent.why_not_direct(), Some(WhyNotDirect::PeerChose(direct_addr())));
    hand.agent.handle_remote_status(hand.now, 1, PathStatus::Available);
    assert_eq!(hand.agent.why_not_direct(), None);
}

#[test]
fn who_takes_no_part_is_named() {
    let config = Config { relayed_only: true, ..Config::default() };
    let (mut hand, _) = relayed(Role::Dialler);
    hand.agent.allow_direct(hand.now);
    hand.agent.handle_peer_takes_no_part();
    assert_eq!(hand.agent.why_not_direct(), Some(WhyNotDirect::PeerTakesNoPart));
    let mut agent = PathAgent::new(hand.now, Role::Dialler, config);
    assert_eq!(agent.why_not_direct(), None, "there is no path at all");
    agent.handle_path_opened(hand.now, 0, relay(1));
    assert_eq!(agent.why_not_direct(), Some(WhyNotDirect::Forbidden));
}

#[test]
fn a_direct_path_that_is_there_and_not_used_is_named() {
    let (mut hand, [one]) = relayed(Role::Dialler);
    hand.agent.allow_direct(hand.now);
    hand.agent.handle_path_opened(hand.now, 1, direct(1));
    assert_eq!(hand.agent.why_not_direct(), None);
    let mut paths = [one, (1, rtt(20))];
    hand.answered(ms(2000), &mut paths);
    paths[1].1.sent += 1;
    hand.silence(ms(250), &paths);
    assert_eq!(hand.agent.why_not_direct(), Some(WhyNotDirect::Silent(direct_addr())));
    // It dies, and opens again.
    hand.agent.handle_path_closed(hand.now, 1);
    hand.agent.handle_path_opened(hand.now, 2, direct(1));
    assert_eq!(hand.agent.why_not_direct(), Some(WhyNotDirect::OnProbation(direct_addr())));
    hand.agent.handle_path_closed(hand.now, 2);
    paths[0].1.sent += 1;
    hand.silence(Duration::from_secs(2), &paths[..1]);
    assert_eq!(hand.agent.why_not_direct(), Some(WhyNotDirect::Stalled));
}
