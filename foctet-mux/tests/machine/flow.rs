//! Flow control and windows: CASES 15.

use std::time::Duration;

use foctet_mux::{Config, Dir, StreamId};

use crate::pair::Pair;

#[test]
fn a_peer_that_does_not_read_holds_no_more_than_the_window() {
    for (window, total) in [(1, 1), (1_000, 1_500), (100_000, 1 << 20)] {
        let mut pair =
            Pair::both(Config::default().stream_receive_window(window).receive_window(total.max(window)));
        let ids: Vec<_> = (0..20).map(|_| pair.client.open(Dir::Uni)).collect();
        for id in &ids {
            pair.client.write(*id, &vec![0; 200_000]);
        }
        pair.drive();
        let stats = pair.server.mux.stats(pair.now);
        assert!(stats.bytes_unread <= total.max(window), "{stats:?}");
        pair.assert_alive();
    }
}

#[test]
fn the_send_buffers_are_bounded_however_much_is_written() {
    let config = Config::default().send_window(100_000).stream_send_window(50_000);
    let mut pair = Pair::established();
    pair.client = Pair::both(config).client;
    let ids: Vec<_> = (0..100).map(|_| pair.client.open(Dir::Uni)).collect();
    let written: usize = ids.iter().map(|id| pair.client.write(*id, &vec![0; 1 << 20])).sum();
    let bound = 100_000 + 100 * foctet_mux::MIN_SEND_BUFFER;
    assert!(written as u64 <= bound, "{written}");
    assert_eq!(pair.client.mux.stats(pair.now).bytes_unsent, written as u64);
}

/// Writes and reads, at both ends and as far as each can, until nothing moves; what each end read.
fn exchange(pair: &mut Pair, id: StreamId, total: usize) -> [usize; 2] {
    let (mut written, mut read) = ([0, 0], [0, 0]);
    for _ in 0..200_000 {
        let before = (written, read);
        let now = pair.now;
        pair.drive();
        for (index, side) in [&mut pair.client, &mut pair.server].into_iter().enumerate() {
            written[index] += side.write(id, &vec![0; total - written[index]]);
            read[index] += side.read(id).0.len();
        }
        if before == (written, read) && now == pair.now {
            break;
        }
    }
    read
}

#[test]
fn both_sides_writing_at_once_with_small_windows_never_lock_up() {
    for window in [1, 2, 10, 100, 5_000] {
        let config = Config::default().stream_receive_window(window).receive_window(window).send_window(1);
        let mut pair = Pair::both(config);
        let id = pair.stream(Dir::Bi);
        let total = (window as usize * 300).min(200_000);
        assert_eq!(exchange(&mut pair, id, total), [total, total], "window {window}");
        pair.assert_alive();
    }
}

/// Virtual time in which eight streams of 2 MiB each pass, one record per millisecond, beside `stalled` ones that nobody
/// reads.
fn time_for_siblings(stalled: usize) -> Duration {
    let mut pair = Pair::established();
    for _ in 0..stalled {
        let id = pair.client.open(Dir::Uni);
        pair.client.write(id, &vec![0; 4 << 20]);
    }
    pair.drive();
    for _ in 0..stalled {
        let id = pair.client.open(Dir::Uni);
        pair.client.mux.finish(id).unwrap();
    }
    let ids: Vec<_> = (0..8).map(|_| pair.client.open(Dir::Uni)).collect();
    let mut left = [2 << 20; 8];
    let begun = pair.now;
    let mut done = 0;
    let mut read = std::collections::HashMap::new();
    while done < 8 {
        for (id, left) in ids.iter().zip(&mut left) {
            *left -= pair.client.write(*id, &vec![0; *left]);
        }
        pair.drive();
        while let std::task::Poll::Ready(Ok(id)) = pair.server.mux.accept(Dir::Uni) {
            if ids.contains(&id) {
                read.insert(id, 0);
            }
        }
        for (id, read) in &mut read {
            *read += pair.server.read(*id).0.len();
        }
        done = read.values().filter(|read| **read == 2 << 20).count();
        assert!(pair.now - begun < Duration::from_secs(60), "stuck");
    }
    pair.now - begun
}

#[test]
fn a_stalled_stream_leaves_its_siblings_their_throughput() {
    let (alone, beside) = (time_for_siblings(0), time_for_siblings(1));
    assert!(beside.mul_f64(0.9) <= alone, "{beside:?} beside, {alone:?} alone");
}

#[test]
fn windows_grow_with_the_bandwidth_delay_product_up_to_their_ceiling() {
    let config = Config::default().initial_stream_receive_window(10_000).initial_receive_window(15_000);
    let mut pair = Pair::both(config.stream_receive_window(500_000).receive_window(700_000));
    pair.latency = Duration::from_millis(50);
    let id = pair.stream(Dir::Uni);
    let mut per_round_trip = Vec::new();
    for _ in 0..40 {
        let begun = pair.now;
        let mut read = 0;
        while pair.now < begun + 2 * pair.latency {
            pair.client.write(id, &vec![0; 2 << 20]);
            pair.transmit();
            if !pair.deliver() && !pair.skip_to_arrival() {
                break;
            }
            read += pair.server.read(id).0.len();
        }
        per_round_trip.push(read);
    }
    let (first, last) = (per_round_trip[0], *per_round_trip.last().unwrap());
    assert!(first <= 10_000, "{per_round_trip:?}");
    assert!((400_000..=500_000).contains(&last), "{per_round_trip:?}");
    assert!(pair.server.mux.stats(pair.now).bytes_unread <= 500_000);
}

#[test]
fn credit_updates_are_few() {
    let mut pair = Pair::established();
    let id = pair.stream(Dir::Uni);
    let records = pair.server.mux.stats(pair.now).records_sent;
    let (mut written, mut read) = (0, 0);
    while read < 32 << 20 {
        written += pair.client.write(id, &vec![0; (32 << 20) - written]);
        pair.drive();
        read += pair.server.read(id).0.len();
    }
    let updates = pair.server.mux.stats(pair.now).records_sent - records;
    assert!(updates < 200, "{updates} records for 32 MiB");
}
