//! In virtual time.

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// Lets out all that comes out up to `until`, with the times at which it does.
fn drain<T>(queue: &mut Queue<T>, until: Duration) -> Vec<(Duration, T)> {
    let mut out = Vec::new();
    while let Some(at) = queue.next_timeout().filter(|at| *at <= until) {
        assert!(queue.pop(at.saturating_sub(Duration::from_nanos(1))).is_none());
        out.push((at, queue.pop(at).unwrap()));
    }
    out
}

#[test]
fn a_packet_comes_out_after_the_delay_and_not_before() {
    let mut queue = Queue::new(Shape { delay: 20 * MS, ..Shape::default() });
    assert_eq!(queue.push(5 * MS, 1500, 'a'), Fate::Held);
    assert_eq!(queue.push(6 * MS, 1500, 'b'), Fate::Held);
    assert_eq!(drain(&mut queue, 100 * MS), [(25 * MS, 'a'), (26 * MS, 'b')]);
    assert!(queue.is_empty());
}

#[test]
fn a_line_sends_one_packet_after_the_other_at_its_rate() {
    // 1 ms for 1500 bytes.
    let mut queue = Queue::new(Shape { rate: Some(12_000_000), delay: 10 * MS, ..Shape::default() });
    for packet in 0..3 {
        assert_eq!(queue.push(MS, 1500, packet), Fate::Held);
    }
    assert_eq!(drain(&mut queue, 100 * MS), [(12 * MS, 0), (13 * MS, 1), (14 * MS, 2)]);
    // It has been idle meanwhile, and saved nothing up.
    assert_eq!(queue.push(50 * MS, 750, 3), Fate::Held);
    assert_eq!(drain(&mut queue, 100 * MS), [(60 * MS + MS / 2, 3)]);
}

#[test]
fn what_does_not_fit_into_the_queue_is_dropped_until_there_is_room() {
    let shape = Shape { rate: Some(12_000_000), queue: Some(3000), ..Shape::default() };
    let mut queue = Queue::new(shape);
    let fates: Vec<Fate> = (0..4).map(|packet| queue.push(Duration::ZERO, 1500, packet)).collect();
    // One is on the line, which counts as waiting; one more fits.
    assert_eq!(fates, [Fate::Held, Fate::Held, Fate::Full, Fate::Full]);
    assert_eq!(queue.push(MS, 1500, 4), Fate::Held);
    assert_eq!(queue.push(MS, 1500, 5), Fate::Full);
}

#[test]
fn a_packet_larger_than_the_queue_passes_when_the_line_is_free() {
    let shape = Shape { rate: Some(12_000_000), queue: Some(1), ..Shape::default() };
    let mut queue = Queue::new(shape);
    assert_eq!(queue.push(Duration::ZERO, 1500, 'a'), Fate::Held);
    assert_eq!(queue.push(Duration::ZERO, 1500, 'b'), Fate::Full);
}

#[test]
fn a_queue_without_a_rate_holds_no_more_than_its_bound() {
    let mut queue = Queue::new(Shape { delay: 20 * MS, ..Shape::default() });
    for packet in 0..MAX_HELD {
        assert_eq!(queue.push(Duration::ZERO, 1500, packet), Fate::Held);
    }
    assert_eq!(queue.push(Duration::ZERO, 1500, 0), Fate::Full);
    assert_eq!(queue.len(), MAX_HELD);
}

/// The fates of so many packets.
fn fates(shape: Shape, count: usize) -> Vec<Fate> {
    let mut queue = Queue::new(shape);
    (0..count)
        .map(|_| {
            let fate = queue.push(Duration::ZERO, 1, ());
            queue.pop(Duration::ZERO);
            fate
        })
        .collect()
}

#[test]
fn the_loss_is_the_share_that_was_told_and_the_same_for_the_same_seed() {
    for (loss, burst) in [(0.0, 0.0), (0.02, 0.0), (0.3, 0.0), (0.05, 4.0), (0.3, 20.0), (1.0, 0.0)] {
        let shape = Shape { loss, burst, seed: 3, ..Shape::default() };
        let seen = fates(shape, 200_000);
        let lost = seen.iter().filter(|fate| **fate == Fate::Lost).count();
        let share = lost as f64 / seen.len() as f64;
        assert!((share - loss).abs() < 0.01, "{share} of {loss}");
        assert_eq!(seen, fates(shape, 200_000));
        if loss > 0.0 && loss < 1.0 {
            let runs = seen.windows(2).filter(|pair| pair[0] != Fate::Lost && pair[1] == Fate::Lost).count();
            let length = lost as f64 / runs as f64;
            let expected = burst.max(1.0 / (1.0 - loss));
            assert!((length / expected - 1.0).abs() < 0.1, "runs of {length}, not {expected}");
            assert_ne!(seen, fates(Shape { seed: 4, ..shape }, 200_000));
        }
    }
}

#[test]
fn a_new_shape_holds_for_what_comes_and_not_for_what_is_inside() {
    let mut queue = Queue::new(Shape { delay: 20 * MS, ..Shape::default() });
    queue.push(Duration::ZERO, 1, 'a');
    queue.reshape(Shape { delay: 5 * MS, ..Shape::default() });
    queue.push(Duration::ZERO, 1, 'b');
    assert_eq!(drain(&mut queue, 100 * MS), [(5 * MS, 'b'), (20 * MS, 'a')]);
}

proptest! {
    #[test]
    fn jitter_adds_up_to_what_was_told_and_no_packet_is_lost(
        seed: u64,
        times in prop::collection::vec(0_u64..50, 1..50),
    ) {
        let shape = Shape { delay: 10 * MS, jitter: 3 * MS, seed, ..Shape::default() };
        let mut queue = Queue::new(shape);
        let mut now = Duration::ZERO;
        let mut out = Vec::new();
        for gap in &times {
            now += Duration::from_micros(*gap);
            queue.push(now, 100, now);
        }
        out.extend(drain(&mut queue, 1000 * MS));
        prop_assert_eq!(out.len(), times.len());
        for (at, came) in &out {
            prop_assert!((10 * MS..=13 * MS).contains(&(*at - *came)));
        }
        prop_assert!(out.is_sorted_by_key(|(at, _)| *at));
    }

    #[test]
    fn a_shape_is_the_same_after_writing_and_reading(
        nanos in prop::array::uniform2(0_u64..10_000_000_000),
        rate in prop::option::of(1_u64..100_000_000_000),
        queue: Option<u64>,
        loss in 0.0_f64..=1.0,
        burst in 0.0_f64..100.0,
        seed: u64,
    ) {
        let [delay, jitter] = nanos.map(Duration::from_nanos);
        let shape = Shape { delay, jitter, rate, queue, loss, burst, seed };
        prop_assert_eq!(shape.to_string().parse::<Shape>(), Ok(shape));
    }
}

#[test]
fn a_shape_is_written_as_people_would() {
    let shape = Shape { delay: 20 * MS, rate: Some(20_000_000), loss: 0.01, ..Shape::default() };
    assert_eq!(shape.to_string(), "delay=20ms,rate=20mbit,loss=0.01");
    assert_eq!("none".parse(), Ok(Shape::default()));
    for wrong in
        ["delay=20", "delay=ms", "rate=0bit", "loss=2", "loss=nan", "rate=20", "loss", "colour=red", ""]
    {
        assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
    }
}
