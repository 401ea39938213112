use std::time::Duration;

use super::*;

mod link;

use link::{Link, run};

#[test]
fn after_an_outage_the_window_doubles_from_the_minimum() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut controller = Arc::new(Restarting::new(38_400)).build(start, 1200);
    assert_eq!(controller.window(), 38_400);
    controller.on_congestion_event(at(10_000), at(9_000), true, false, 1200, 90);
    assert_eq!(controller.window(), 2400);
    controller.on_congestion_event(at(10_100), at(9_900), true, false, 1200, 95);
    assert_eq!(controller.window(), 2400, "that has been paid for");
    assert_eq!(controller.clone_box().window(), controller.window());
}

#[test]
fn what_a_link_carries_is_used_whatever_its_length_and_the_chance_of_loss() {
    for rtt in [5, 20, 100, 200] {
        for (loss, least) in [(0.0, 0.95), (0.001, 0.95), (0.01, 0.9), (0.02, 0.85)] {
            let link = Link { rtt: Duration::from_millis(rtt), loss, ..Link::default() };
            let carried = alone(link);
            assert!(carried.share > least, "{rtt} ms, loss {loss}: {carried:?}");
        }
    }
    let slow = alone(Link { rate: 125_000.0, loss: 0.01, ..Link::default() });
    assert!(slow.share > 0.9, "{slow:?}");
}

#[test]
fn a_long_queue_is_not_filled_and_a_short_one_not_needed() {
    let long = alone(Link { queue: Duration::from_secs(2), ..Link::default() });
    assert!(long.share > 0.95 && long.waited < 30.0, "{long:?}");
    let short = alone(Link { queue: Duration::from_millis(5), ..Link::default() });
    assert!(short.share > 0.8 && short.refused < 0.1, "{short:?}");
}

#[test]
fn senders_that_come_later_get_a_share() {
    for rtt in [20, 100] {
        let link = Link { rtt: Duration::from_millis(rtt), ..Link::default() };
        let shares = run(link, 4, Duration::from_secs(60));
        let all: f64 = shares.iter().map(|carried| carried.share).sum();
        assert!(all > 0.9, "{rtt} ms: {shares:?}");
        assert!(shares.iter().all(|carried| carried.share > 0.08), "{rtt} ms: {shares:?}");
    }
}

fn alone(link: Link) -> link::Carried {
    run(link, 1, Duration::from_secs(20)).remove(0)
}
