use std::net::SocketAddr;
use std::time::Duration;

use super::sim::{ACCEPTOR, DIALLER, Sim, direct, ms, relay};
use crate::path::{Action, ChangeReason, Event, MAX_ROUNDS_PER_MINUTE, PathStatus};

const SECOND: Duration = Duration::from_secs(1);

fn is_close(action: &Action) -> bool {
    matches!(action, Action::Close { .. })
}

fn is_round(action: &Action) -> bool {
    matches!(action, Action::StartRound)
}

/// A direct path and a relayed one that takes half as long again, with bulk data from one end.
fn transfer(rtt: u64, sender: usize, seed: u64) -> Sim {
    let mut sim = Sim::new(seed).with_path(relay(1), rtt * 3 / 2).with_path(direct(1), rtt);
    sim.ends[sender].bulk = true;
    sim
}

/// How long data stalls when the direct path swallows everything from the fifth second on.
fn stall_of_a_blackhole(rtt: u64, sender: usize, jiggle: u64) -> Duration {
    let mut sim = transfer(rtt, sender, 1);
    sim.at(5 * SECOND + ms(jiggle), |sim| {
        assert_eq!(sim.selected(DIALLER), Some(direct(1)));
        assert_eq!(sim.selected(ACCEPTOR), Some(direct(1)));
        sim.measure();
        sim.blackhole(direct(1), true);
    });
    sim.run(10 * SECOND);
    for end in [DIALLER, ACCEPTOR] {
        assert_eq!(sim.selected(end), Some(relay(1)));
        assert_eq!(sim.open_paths(end), [relay(1)]);
    }
    sim.ends[1 - sender].longest_gap
}

#[test]
fn a_blackholed_path_at_20_ms_stalls_data_for_less_than_half_a_second() {
    let stalls: Vec<_> =
        (0..6).flat_map(|n| [DIALLER, ACCEPTOR].map(|end| stall_of_a_blackhole(20, end, n * 9))).collect();
    let worst = stalls.iter().max().unwrap();
    println!("20 ms: longest stall {worst:?}");
    assert!(*worst < ms(500), "{worst:?}");
}

#[test]
fn a_blackholed_path_at_100_ms_stalls_data_for_less_than_a_second_and_six_round_trips() {
    let stalls: Vec<_> =
        (0..6).flat_map(|n| [DIALLER, ACCEPTOR].map(|end| stall_of_a_blackhole(100, end, n * 29))).collect();
    let worst = stalls.iter().max().unwrap();
    println!("100 ms: longest stall {worst:?}");
    assert!(*worst < ms(1000 + 600), "{worst:?}");
}

#[test]
fn a_path_that_is_dead_in_one_direction_alone_is_left_by_both_ends() {
    for dead in [DIALLER, ACCEPTOR] {
        let mut sim = transfer(20, DIALLER, 2);
        sim.at(5 * SECOND, move |sim| {
            sim.measure();
            sim.links.get_mut(&direct(1)).unwrap().dead[dead] = true;
        });
        sim.run(10 * SECOND);
        assert_eq!(sim.selected(DIALLER), Some(relay(1)));
        assert_eq!(sim.selected(ACCEPTOR), Some(relay(1)));
        assert!(sim.ends[ACCEPTOR].longest_gap < SECOND, "{:?}", sim.ends[ACCEPTOR].longest_gap);
    }
}

#[test]
fn a_relay_that_is_lost_is_left_at_once_and_joined_again_when_it_is_back() {
    let mut sim = Sim::new(3).with_path(relay(1), 20).with_path(relay(2), 40);
    sim.ends[DIALLER].bulk = true;
    let id = relay(1).relay().unwrap();
    sim.at(5 * SECOND, move |sim| {
        assert_eq!(sim.selected(DIALLER), Some(relay(1)));
        sim.measure();
        sim.blackhole(relay(1), true);
        let now = sim.now;
        sim.ends[DIALLER].agent.handle_relay_lost(now, id);
        sim.ends[ACCEPTOR].agent.handle_relay_lost(now, id);
    });
    sim.at(5 * SECOND + ms(1), |sim| assert_eq!(sim.selected(DIALLER), Some(relay(2))));
    sim.at(20 * SECOND, move |sim| {
        assert_eq!(sim.open_paths(DIALLER), [relay(2)]);
        assert_eq!(sim.count(DIALLER, |action| matches!(action, Action::OpenRelay(_))), 0);
        sim.blackhole(relay(1), false);
        let now = sim.now;
        sim.ends[DIALLER].agent.handle_relay_back(now, id);
        sim.ends[ACCEPTOR].agent.handle_relay_back(now, id);
    });
    sim.run(21 * SECOND);
    assert!(sim.ends[ACCEPTOR].longest_gap < ms(100), "{:?}", sim.ends[ACCEPTOR].longest_gap);
    assert_eq!(sim.open_paths(DIALLER).len(), 2);
    let why = sim.ends[DIALLER].events.iter().filter_map(|(_, event)| match event {
        Event::Changed { why, .. } => Some(*why),
        _ => None,
    });
    assert_eq!(why.collect::<Vec<_>>(), [ChangeReason::First, ChangeReason::RelayLost]);
}

#[test]
fn after_a_relay_is_lost_neither_end_takes_the_direct_path_that_died_before() {
    for (sender, after) in
        [DIALLER, ACCEPTOR].into_iter().flat_map(|end| (260..420).step_by(20).map(move |after| (end, after)))
    {
        let mut sim = Sim::new(3).with_path(relay(1), 30).with_path(relay(2), 60).with_path(direct(1), 20);
        sim.ends[sender].bulk = true;
        sim.at(5 * SECOND, |sim| {
            assert_eq!(sim.selected(DIALLER), Some(direct(1)));
            sim.blackhole(direct(1), true);
            sim.measure();
        });
        let lost_at = 5 * SECOND + ms(after);
        sim.at(lost_at, |sim| {
            sim.blackhole(relay(1), true);
            let now = sim.now;
            for end in &mut sim.ends {
                end.agent.handle_relay_lost(now, relay(1).relay().unwrap());
            }
        });
        sim.run(8 * SECOND);
        for end in [DIALLER, ACCEPTOR] {
            let taken = |(at, event): &(Duration, Event)| match event {
                // The direct path was the third to open.
                Event::Changed { to, .. } if *at >= lost_at => Some(*to),
                _ => None,
            };
            let taken: Vec<u32> = sim.ends[end].events.iter().filter_map(taken).collect();
            assert!(!taken.contains(&2), "end {end}, {after} ms after the direct path died: {taken:?}");
            assert_eq!(sim.selected(end), Some(relay(2)));
        }
        assert!(sim.ends[1 - sender].longest_gap < ms(350), "{:?}", sim.ends[1 - sender].longest_gap);
    }
}

#[test]
fn the_dialler_follows_the_peer_from_relay_to_relay_without_a_stall() {
    for sender in [DIALLER, ACCEPTOR] {
        let mut sim = Sim::new(4).with_path(relay(1), 20).with_link(relay(2), 40).with_link(relay(3), 40);
        sim.ends[sender].bulk = true;
        sim.at(5 * SECOND, |sim| {
            sim.measure();
            let now = sim.now;
            // The second does not work.
            sim.blackhole(relay(2), true);
            sim.ends[DIALLER].agent.handle_relays(now, &[relay(2), relay(3)]);
        });
        sim.run(10 * SECOND);
        for end in [DIALLER, ACCEPTOR] {
            assert_eq!(sim.selected(end), Some(relay(3)));
            assert_eq!(sim.open_paths(end), [relay(3)]);
        }
        assert!(sim.ends[1 - sender].longest_gap < ms(100), "{:?}", sim.ends[1 - sender].longest_gap);
        let why = sim.ends[DIALLER].events.iter().filter_map(|(_, event)| match event {
            Event::Changed { why, .. } => Some(*why),
            _ => None,
        });
        assert_eq!(why.collect::<Vec<_>>(), [ChangeReason::First, ChangeReason::RelayLeft]);
    }
}

#[test]
fn a_relay_that_dies_silently_is_opened_again_with_pauses() {
    let mut sim = Sim::new(3).with_path(relay(1), 20).with_path(relay(2), 40);
    sim.ends[DIALLER].bulk = true;
    sim.at(5 * SECOND, |sim| {
        sim.measure();
        sim.blackhole(relay(1), true);
    });
    sim.run(60 * SECOND);
    assert!(sim.ends[ACCEPTOR].longest_gap < ms(600), "{:?}", sim.ends[ACCEPTOR].longest_gap);
    let tries = sim.count(DIALLER, |action| *action == Action::OpenRelay(relay(1)));
    assert!((3..8).contains(&tries), "{tries}");
    sim.at(61 * SECOND, |sim| sim.blackhole(relay(1), false));
    sim.run(100 * SECOND);
    assert!(sim.open_paths(DIALLER).contains(&relay(1)));
}

#[test]
fn nothing_is_suspected_at_one_percent_loss_whatever_the_traffic() {
    for seed in 0..2 {
        for (bulk, rtt) in [(None, 200), (Some(DIALLER), 200), (Some(ACCEPTOR), 200), (Some(DIALLER), 20)] {
            let mut sim =
                Sim::new(seed).with_path(relay(1), rtt * 3 / 2).with_path(direct(1), rtt).with_loss(10);
            if let Some(sender) = bulk {
                sim.ends[sender].bulk = true;
            }
            // What keeps paths open, and a question now and then.
            for second in 0..60 {
                sim.at(second * SECOND + ms(100), |sim| {
                    for end in [DIALLER, ACCEPTOR] {
                        let now = sim.now;
                        sim.ends[end].agent.handle_network_changed(now);
                    }
                });
            }
            sim.run(60 * SECOND);
            for end in [DIALLER, ACCEPTOR] {
                assert_eq!(sim.count(end, is_close), 0, "seed {seed}, {bulk:?}, {rtt} ms");
                assert_eq!(sim.selected(end), Some(direct(1)), "seed {seed}, {bulk:?}, {rtt} ms");
                let changes: Vec<_> = sim.ends[end]
                    .events
                    .iter()
                    .filter(|(at, event)| *at > ms(500) && matches!(event, Event::Changed { .. }))
                    .collect();
                assert_eq!(changes, [] as [&(Duration, Event); 0], "seed {seed}, {bulk:?}, {rtt} ms");
            }
        }
    }
}

#[test]
fn an_outage_of_everything_is_over_within_three_seconds_of_its_end() {
    for seconds in [5, 10, 60, 600] {
        for jiggle in 0..3 {
            let mut sim = transfer(20, DIALLER, jiggle);
            sim.at(5 * SECOND + ms(jiggle * 7), |sim| {
                sim.blackhole(direct(1), true);
                sim.blackhole(relay(1), true);
            });
            let end = (5 + seconds) * SECOND + ms(jiggle * 113);
            sim.at(end, |sim| {
                assert!(sim.ends[DIALLER].agent.is_stalled());
                assert_eq!(sim.count(DIALLER, is_close), 0, "nothing is closed while nothing answers");
                sim.measure();
                sim.blackhole(direct(1), false);
                sim.blackhole(relay(1), false);
            });
            sim.run(end + 20 * SECOND);
            let gap = sim.ends[ACCEPTOR].longest_gap;
            assert!(gap < 3 * SECOND, "{gap:?}");
            assert_eq!(sim.selected(DIALLER), Some(direct(1)));
            assert_eq!(sim.selected(ACCEPTOR), Some(direct(1)));
            let resets = sim.count(DIALLER, |action| matches!(action, Action::ResetBackoff { .. }));
            assert!(resets <= seconds as usize + 3, "{resets}");
        }
    }
}

#[test]
fn a_relayed_connection_moves_to_a_direct_path_as_soon_as_both_sides_allow_it() {
    let mut sim = Sim::new(1).with_path(relay(1), 40).with_link(direct(1), 20);
    sim.found_by_rounds = vec![direct(1)];
    sim.ends[DIALLER].bulk = true;
    let addr = SocketAddr::from(([192, 0, 2, 9], 9));
    sim.ends[DIALLER].agent.handle_local_candidates(sim.start, &[addr]);
    sim.ends[DIALLER].agent.handle_remote_candidate(sim.start, addr);
    sim.run(3 * SECOND);
    assert_eq!(sim.count(DIALLER, is_round), 0, "not before it is allowed");
    let now = sim.now;
    sim.ends[DIALLER].agent.allow_direct(now);
    sim.run(3 * SECOND + ms(100));
    assert_eq!(sim.selected(DIALLER), Some(direct(1)));
    assert_eq!(sim.selected(ACCEPTOR), Some(direct(1)));
    let (_, last) = sim.ends[DIALLER].events.last().unwrap();
    assert!(matches!(last, Event::Changed { why: ChangeReason::Direct, .. }), "{last:?}");
    let (_, last) = sim.ends[ACCEPTOR].events.last().unwrap();
    assert!(matches!(last, Event::Changed { why: ChangeReason::PeerMoved, .. }), "{last:?}");
    assert_eq!(sim.open_paths(DIALLER), [relay(1), direct(1)], "the relayed path stays");
    sim.run(100 * SECOND);
    assert_eq!(sim.count(DIALLER, is_round), 1, "one was enough");
}

#[test]
fn a_path_that_dies_again_and_again_is_used_ever_less() {
    let mut sim = Sim::new(1).with_path(relay(1), 40).with_link(direct(1), 20);
    sim.found_by_rounds = vec![direct(1)];
    sim.ends[DIALLER].bulk = true;
    let addr = SocketAddr::from(([192, 0, 2, 9], 9));
    sim.ends[DIALLER].agent.handle_local_candidates(sim.start, &[addr]);
    sim.ends[DIALLER].agent.handle_remote_candidate(sim.start, addr);
    sim.ends[DIALLER].agent.allow_direct(sim.start);
    // It lets through what opens a path, and swallows everything a second after it is used.
    for step in 0..12_000_u64 {
        sim.at(ms(step * 50), |sim| {
            let used = sim.selected(DIALLER) == Some(direct(1));
            let open = sim.open_paths(DIALLER).contains(&direct(1));
            if used || !open {
                sim.blackhole(direct(1), used);
            }
        });
    }
    sim.run(600 * SECOND);
    let closes = sim.count(DIALLER, is_close);
    assert!((4..20).contains(&closes), "{closes} deaths in ten minutes");
    let rounds: Vec<Duration> =
        sim.ends[DIALLER].actions.iter().filter(|(_, action)| is_round(action)).map(|(at, _)| *at).collect();
    for window in rounds.windows(MAX_ROUNDS_PER_MINUTE + 1) {
        assert!(window[MAX_ROUNDS_PER_MINUTE] - window[0] >= 60 * SECOND, "{window:?}");
    }
}

#[test]
fn a_receiver_asks_when_the_stream_stops() {
    let mut sim = transfer(20, DIALLER, 1);
    sim.at(5 * SECOND, |sim| {
        // Only what the dialler sends is lost, and it never notices: it has nothing more to say.
        sim.ends[DIALLER].bulk = false;
    });
    sim.run(5 * SECOND - ms(1));
    let before = sim.count(ACCEPTOR, |action| matches!(action, Action::Ping { .. }));
    sim.run(8 * SECOND);
    let asked = sim.count(ACCEPTOR, |action| matches!(action, Action::Ping { .. })) - before;
    assert_eq!(asked, 1, "once for each silence");
    assert_eq!(sim.selected(ACCEPTOR), Some(direct(1)));
    assert_eq!(sim.count(ACCEPTOR, is_close), 0);
}

#[test]
fn exactly_one_path_is_available_at_each_end() {
    let mut sim = transfer(20, DIALLER, 4);
    sim.at(5 * SECOND, |sim| sim.blackhole(direct(1), true));
    sim.run(10 * SECOND);
    for end in [DIALLER, ACCEPTOR] {
        let mut available = std::collections::BTreeSet::new();
        for (_, action) in &sim.ends[end].actions {
            match action {
                Action::SetStatus { id, status: PathStatus::Available } => {
                    available.insert(*id);
                }
                Action::SetStatus { id, status: PathStatus::Backup } | Action::Close { id, .. } => {
                    available.remove(id);
                }
                _ => {}
            }
        }
        assert_eq!(available.len(), 1, "{:?}", sim.ends[end].actions);
    }
}
