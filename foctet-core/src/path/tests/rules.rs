use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::sim::{Sim, direct, ms, relay};
use crate::path::{
    Action, CloseReason, Config, Counters, MAX_CANDIDATES, MAX_ROUNDS_PER_MINUTE, PathAgent, PathStatus, Role,
};

/// One agent by hand.
pub(super) struct Hand {
    pub(super) agent: PathAgent,
    pub(super) now: Instant,
}

impl Hand {
    pub(super) fn new(role: Role) -> Self {
        let now = Sim::new(0).start;
        Self { agent: PathAgent::new(now, role, Config::default()), now }
    }

    pub(super) fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.agent.poll_action()).collect()
    }

    /// Samples all of these, answered by as many as they sent, for some time. What is wanted meanwhile.
    pub(super) fn answered(&mut self, time: Duration, paths: &mut [(u32, Counters)]) -> Vec<Action> {
        let (end, mut wanted) = (self.now + time, Vec::new());
        while self.now < end {
            self.now += ms(50);
            for (id, counters) in &mut *paths {
                counters.sent += 1;
                counters.received += 1;
                self.agent.handle_counters(self.now, *id, *counters);
            }
            self.agent.handle_timeout(self.now);
            wanted.extend(self.actions());
        }
        wanted
    }

    /// Lets time pass, with nothing received on any path. What is wanted meanwhile.
    pub(super) fn silence(&mut self, time: Duration, paths: &[(u32, Counters)]) -> Vec<Action> {
        let (end, mut wanted) = (self.now + time, Vec::new());
        while let Some(at) = self.agent.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            for (id, counters) in paths {
                self.agent.handle_counters(self.now, *id, *counters);
            }
            self.agent.handle_timeout(self.now);
            wanted.extend(self.actions());
        }
        self.now = end;
        wanted
    }
}

pub(super) fn rtt(ms: u64) -> Counters {
    Counters { sent: 0, received: 0, rtt: Duration::from_millis(ms) }
}

pub(super) fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 7))
}

#[test]
fn an_idle_path_is_never_demoted_or_asked_too_often() {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.agent.handle_path_opened(hand.now, 1, direct(1));
    hand.actions();
    let mut paths = [(0, rtt(40)), (1, rtt(20))];
    hand.answered(ms(2000), &mut paths);
    let wanted = hand.silence(Duration::from_secs(600), &paths);
    assert_eq!(hand.agent.selected(), Some(1));
    assert!(wanted.len() <= 2, "one question each, when the stream stopped: {wanted:?}");
    assert!(wanted.iter().all(|action| matches!(action, Action::Ping { .. })), "{wanted:?}");
}

#[test]
fn a_little_faster_is_not_worth_a_change_and_clearly_faster_is() {
    for (other, expected) in [(95, 0), (80, 0), (70, 1)] {
        let mut hand = Hand::new(Role::Dialler);
        hand.agent.handle_path_opened(hand.now, 0, direct(1));
        hand.agent.handle_path_opened(hand.now, 1, direct(2));
        hand.answered(ms(2000), &mut [(0, rtt(100)), (1, rtt(other))]);
        assert_eq!(hand.agent.selected(), Some(expected), "{other} ms");
    }
}

#[test]
fn of_two_relayed_paths_the_clearly_faster_is_taken_and_no_relayed_one_beats_a_direct_one() {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.agent.handle_path_opened(hand.now, 1, relay(2));
    let mut paths = [(0, rtt(100)), (1, rtt(30)), (2, rtt(200))];
    hand.answered(ms(2000), &mut paths);
    assert_eq!(hand.agent.selected(), Some(1));
    hand.agent.handle_path_opened(hand.now, 2, direct(1));
    assert_eq!(hand.agent.selected(), Some(2), "at once");
    hand.answered(ms(20_000), &mut paths);
    assert_eq!(hand.agent.selected(), Some(2));
}

#[test]
fn a_suspect_path_is_pinged_another_takes_over_and_it_is_closed_once_that_answers() {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.agent.handle_path_opened(hand.now, 1, direct(1));
    let mut paths = [(0, rtt(40)), (1, rtt(20))];
    hand.answered(ms(2000), &mut paths);
    paths[1].1.sent += 1;
    let wanted = hand.silence(ms(300), &paths);
    let to = |id, status| Action::SetStatus { id, status };
    let expected = [
        // The stream has stopped on the idle path, which is asked about.
        Action::Ping { id: 0 },
        to(0, PathStatus::Available),
        to(1, PathStatus::Backup),
        Action::Ping { id: 0 },
        Action::Ping { id: 1 },
    ];
    assert_eq!(wanted, expected);
    paths[0].1.received += 1;
    let wanted = hand.silence(ms(100), &paths);
    assert!(wanted.contains(&Action::Close { id: 1, why: CloseReason::NoAnswer }), "{wanted:?}");
}

/// Both relays are out of reach, and one comes back; what is wanted within a second and a half, and later.
fn relay_2_comes_back(hand: &mut Hand, paths: &mut [(u32, Counters)]) -> [Vec<Action>; 2] {
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.agent.handle_path_opened(hand.now, 1, relay(2));
    hand.answered(ms(2000), paths);
    paths.iter_mut().for_each(|(_, counters)| counters.sent += 1);
    hand.silence(ms(3000), paths);
    assert!(hand.agent.is_stalled());
    for n in [1, 2] {
        hand.agent.handle_relay_lost(hand.now, relay(n).relay().unwrap());
    }
    hand.silence(ms(7000), paths);
    hand.agent.handle_relay_back(hand.now, relay(2).relay().unwrap());
    [ms(1400), ms(200)].map(|time| {
        paths[1].1.received += 1;
        hand.silence(time, paths)
    })
}

#[test]
fn a_standby_whose_relay_is_lost_is_closed_only_if_that_stays_away() {
    for back_at in [ms(4000), ms(6000)] {
        let mut hand = Hand::new(Role::Acceptor);
        hand.agent.handle_path_opened(hand.now, 0, relay(1));
        hand.agent.handle_path_opened(hand.now, 1, direct(1));
        let mut paths = [(0, rtt(40)), (1, rtt(20))];
        hand.agent.handle_remote_status(hand.now, 1, PathStatus::Available);
        hand.answered(ms(2000), &mut paths);
        assert_eq!(hand.agent.selected(), Some(1));
        hand.agent.handle_relay_lost(hand.now, relay(1).relay().unwrap());
        let wanted = hand.silence(back_at, &paths);
        let closed = Action::Close { id: 0, why: CloseReason::RelayLost };
        assert_eq!(wanted.contains(&closed), back_at > ms(5000), "{back_at:?}: {wanted:?}");
    }
}

#[test]
fn after_an_outage_a_path_whose_relay_is_not_back_yet_is_not_closed_at_once() {
    let is_close = |action: &Action| matches!(action, Action::Close { .. });
    let mut hand = Hand::new(Role::Dialler);
    let [soon, later] = relay_2_comes_back(&mut hand, &mut [(0, rtt(40)), (1, rtt(40))]);
    assert_eq!(hand.agent.selected(), Some(1));
    assert!(!soon.iter().any(is_close), "{soon:?}");
    let closed = Action::Close { id: 0, why: CloseReason::RelayLost };
    assert!(later.contains(&closed), "it never came: {later:?}");
}

#[test]
fn a_suspect_path_that_answers_is_taken_again_and_believed_longer() {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.agent.handle_path_opened(hand.now, 1, direct(1));
    let mut paths = [(0, rtt(40)), (1, rtt(20))];
    hand.answered(ms(2000), &mut paths);
    for patience in [200, 400, 800, 1600, 1600] {
        paths[1].1.sent += 1;
        hand.silence(ms(50), &paths);
        hand.silence(ms(patience - 60), &paths);
        assert_eq!(hand.agent.selected(), Some(1), "after {patience} ms");
        hand.silence(ms(80), &paths);
        assert_eq!(hand.agent.selected(), Some(0), "after {patience} ms");
        paths[1].1.received += 1;
        hand.silence(ms(50), &paths);
        assert_eq!(hand.agent.selected(), Some(1));
    }
}

#[test]
fn a_follower_moves_when_it_is_told_and_not_to_what_it_knows_to_be_dead() {
    let mut hand = Hand::new(Role::Acceptor);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.agent.handle_remote_status(hand.now, 0, PathStatus::Available);
    hand.agent.handle_path_opened(hand.now, 1, direct(1));
    assert_eq!(hand.agent.selected(), Some(0), "its dialler has not moved yet");
    hand.agent.handle_remote_status(hand.now, 0, PathStatus::Backup);
    assert_eq!(hand.agent.selected(), Some(0), "half of the news");
    hand.agent.handle_remote_status(hand.now, 1, PathStatus::Available);
    assert_eq!(hand.agent.selected(), Some(1));
    let mut paths = [(0, rtt(40)), (1, rtt(20))];
    hand.answered(ms(2000), &mut paths);
    paths[1].1.sent += 1;
    hand.silence(ms(400), &paths);
    assert_eq!(hand.agent.selected(), Some(0), "its own evidence");
    hand.agent.handle_remote_status(hand.now, 1, PathStatus::Available);
    assert_eq!(hand.agent.selected(), Some(0), "whatever it is told");
}

#[test]
fn sleep_is_no_evidence() {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.agent.handle_path_opened(hand.now, 1, direct(1));
    let mut paths = [(0, rtt(40)), (1, rtt(20))];
    hand.answered(ms(2000), &mut paths);
    paths[1].1.sent += 1;
    hand.silence(ms(100), &paths);
    hand.now += Duration::from_secs(3600);
    hand.agent.handle_counters(hand.now, 1, paths[1].1);
    hand.agent.handle_timeout(hand.now);
    assert_eq!(hand.agent.selected(), Some(1));
    assert_eq!(hand.actions(), [Action::ResetBackoff { news: true }]);
    let wanted = hand.silence(ms(150), &paths);
    assert_eq!(wanted, []);
    let wanted = hand.silence(ms(150), &paths);
    assert!(wanted.contains(&Action::SetStatus { id: 0, status: PathStatus::Available }), "{wanted:?}");
}

#[test]
fn addresses_are_told_only_once_allowed_and_kept_up_to_date_then() {
    for role in [Role::Dialler, Role::Acceptor] {
        let mut hand = Hand::new(role);
        hand.agent.handle_path_opened(hand.now, 0, relay(1));
        hand.agent.handle_local_candidates(hand.now, &[address(1), address(2)]);
        hand.agent.handle_remote_candidate(hand.now, address(9));
        let discloses = |action: &Action| {
            matches!(action, Action::AddCandidate(_) | Action::RemoveCandidate(_) | Action::StartRound)
        };
        let mut wanted = hand.actions();
        wanted.extend(hand.silence(Duration::from_secs(300), &[]));
        hand.agent.handle_network_changed(hand.now);
        hand.agent.handle_woke_up(hand.now);
        wanted.extend(hand.actions());
        hand.answered(ms(500), &mut [(0, rtt(40))]);
        wanted.extend(hand.actions());
        assert!(!wanted.iter().any(discloses), "{wanted:?}");

        hand.agent.allow_direct(hand.now);
        let wanted: Vec<_> = hand.actions().into_iter().filter(discloses).collect();
        let mut expected = vec![Action::AddCandidate(address(1)), Action::AddCandidate(address(2))];
        if role == Role::Dialler {
            expected.push(Action::StartRound);
        }
        assert_eq!(wanted, expected);
        hand.agent.handle_local_candidates(hand.now, &[address(2), address(3)]);
        let wanted: Vec<_> = hand.actions().into_iter().filter(discloses).collect();
        assert_eq!(wanted, [Action::RemoveCandidate(address(1)), Action::AddCandidate(address(3))]);
    }
}

#[test]
fn nobody_is_sent_to_nowhere_and_no_more_addresses_are_told_than_fit() {
    let mut hand = Hand::new(Role::Acceptor);
    hand.agent.allow_direct(hand.now);
    let bad = ["0.0.0.0:7", "224.0.0.1:7", "255.255.255.255:7", "192.0.2.1:0", "[::]:7", "[ff02::1]:7"];
    let bad: Vec<SocketAddr> = bad.iter().map(|addr| addr.parse().unwrap()).collect();
    hand.agent.handle_local_candidates(hand.now, &bad);
    assert_eq!(hand.actions(), []);
    let many: Vec<SocketAddr> = (0..100).map(address).collect();
    hand.agent.handle_local_candidates(hand.now, &many);
    assert_eq!(hand.actions().len(), MAX_CANDIDATES);
}

#[test]
fn rounds_come_at_growing_pauses_and_never_more_than_four_a_minute() {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.agent.handle_local_candidates(hand.now, &[address(1)]);
    hand.agent.handle_remote_candidate(hand.now, address(9));
    hand.agent.allow_direct(hand.now);
    let start = hand.now;
    let mut rounds = Vec::new();
    let mut news = 20;
    while hand.now < start + Duration::from_secs(1200) {
        rounds.extend(
            hand.actions().iter().filter(|action| **action == Action::StartRound).map(|_| hand.now - start),
        );
        // Half way the peer names a new address every second, as fast as it likes.
        if hand.now - start > Duration::from_secs(600) {
            news = (news + 1) % 200 + 20;
            hand.agent.handle_remote_candidate(hand.now, address(news));
        }
        hand.now += ms(100);
        hand.agent.handle_timeout(hand.now);
    }
    let seconds: Vec<u64> = rounds.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds[..5], [0, 1, 3, 60, 68], "{seconds:?}");
    for window in rounds.windows(MAX_ROUNDS_PER_MINUTE + 1) {
        assert!(window[MAX_ROUNDS_PER_MINUTE] - window[0] >= Duration::from_secs(60), "{window:?}");
    }
}

#[test]
fn the_dialler_opens_a_path_through_every_relay_of_the_peer_and_tries_again_with_pauses() {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.actions();
    hand.agent.handle_relays(hand.now, &[relay(1)]);
    assert_eq!(hand.actions(), [], "it is open already");
    hand.agent.handle_relays(hand.now, &[relay(1), relay(2), direct(1)]);
    assert_eq!(hand.actions(), [Action::OpenRelay(relay(2))]);
    let tries = hand.silence(Duration::from_secs(60), &[]).len();
    assert_eq!(tries, 5, "after 1, 3, 7, 15 and 31 s");
    hand.agent.handle_path_opened(hand.now, 1, relay(2));
    let opens = |action: &Action| matches!(action, Action::OpenRelay(_));
    assert!(!hand.silence(Duration::from_secs(60), &[]).iter().any(opens));

    let mut follower = Hand::new(Role::Acceptor);
    follower.agent.handle_relays(follower.now, &[relay(2)]);
    assert_eq!(follower.actions(), []);
}

#[test]
fn a_relay_that_the_peer_has_left_is_kept_until_another_works_and_not_opened_again() {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(1));
    hand.actions();
    let mut old = [(0, rtt(20))];
    hand.answered(ms(1000), &mut old);
    // One that does not come up in time is forgotten when it is left too.
    hand.agent.handle_relays(hand.now, &[relay(2)]);
    assert_eq!(hand.actions(), [Action::OpenRelay(relay(2))]);
    hand.agent.handle_relays(hand.now, &[relay(3)]);
    assert_eq!(hand.actions(), [Action::OpenRelay(relay(3))]);
    assert!(!hand.silence(ms(900), &old).contains(&Action::OpenRelay(relay(2))));
    assert_eq!(hand.agent.selected(), Some(0));

    let is_close = |action: &Action| matches!(action, Action::Close { .. });
    hand.agent.handle_path_opened(hand.now, 1, relay(3));
    let actions = hand.actions();
    assert_eq!(hand.agent.selected(), Some(1), "{actions:?}");
    assert!(!actions.iter().any(is_close), "it may not carry anything yet: {actions:?}");
    hand.now += ms(40);
    hand.agent.handle_counters(hand.now, 1, Counters { sent: 100, ..rtt(40) });
    hand.now += ms(40);
    hand.agent.handle_counters(hand.now, 1, Counters { sent: 100, received: 1, ..rtt(40) });
    hand.agent.handle_timeout(hand.now);
    let close = Action::Close { id: 0, why: CloseReason::RelayLeft };
    assert!(hand.actions().contains(&close));
    hand.agent.handle_path_closed(hand.now, 0);
    hand.agent.handle_relay_lost(hand.now, relay(1).relay().unwrap());
    hand.agent.handle_relay_back(hand.now, relay(1).relay().unwrap());
    assert!(!hand.silence(Duration::from_secs(60), &[]).contains(&Action::OpenRelay(relay(1))));
    // It may come back to it.
    hand.agent.handle_relays(hand.now, &[relay(1), relay(3)]);
    assert!(hand.actions().contains(&Action::OpenRelay(relay(1))));
    // And leave it again, when the other has been silent for a while.
    hand.agent.handle_path_opened(hand.now, 2, relay(1));
    hand.actions();
    hand.now += ms(900);
    hand.agent.handle_relays(hand.now, &[relay(3)]);
    assert_eq!(hand.actions(), [Action::Ping { id: 1 }]);
    hand.now += ms(40);
    hand.agent.handle_counters(hand.now, 1, Counters { sent: 200, received: 2, ..rtt(40) });
    hand.agent.handle_timeout(hand.now);
    assert_eq!(hand.actions(), [Action::Close { id: 2, why: CloseReason::RelayLeft }]);
}

#[test]
fn whatever_the_peer_lists_few_relays_are_opened_and_an_empty_list_takes_no_path_away() {
    let mut hand = Hand::new(Role::Dialler);
    hand.agent.handle_path_opened(hand.now, 0, relay(0));
    hand.agent.handle_path_opened(hand.now, 1, relay(9));
    hand.actions();
    let opens = |actions: Vec<Action>| actions.iter().filter(|a| matches!(a, Action::OpenRelay(_))).count();
    let all: Vec<_> = (10..30).map(relay).collect();
    hand.agent.handle_relays(hand.now, &all);
    assert_eq!(opens(hand.actions()), 4);
    hand.agent.handle_relays(hand.now, &all[8..]);
    assert_eq!(opens(hand.actions()), 4);
    hand.agent.handle_relays(hand.now, &[]);
    let mut paths = [(0, rtt(20)), (1, rtt(30))];
    hand.answered(Duration::from_secs(2), &mut paths);
    assert_eq!(hand.agent.selected(), Some(0));
    let wanted = hand.silence(ms(1), &paths);
    assert!(!wanted.iter().any(|action| matches!(action, Action::Close { .. } | Action::OpenRelay(_))));
}
