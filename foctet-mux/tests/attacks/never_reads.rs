//! A peer that takes nothing of what we send, or answers nothing: CASES 13.

use std::task::Poll;
use std::time::Duration;

use foctet_mux::{Config, ConnectionError, Dir, Frame, MIN_SEND_BUFFER};

use crate::ledger::alone;
use crate::pair::{Pair, ready};
use crate::raw::{client, encode, record, server};
use crate::victim::{INPUT, OUTPUT, STREAM, Victim};

/// How many streams of one direction the default configuration allows at once.
const STREAMS: u64 = 1_024;

/// What a peer sends that would take all: credit without end.
fn all_credit(victim: &mut Victim) {
    victim.receive(&record(&encode(&[Frame::MaxData { limit: 1 << 60 }])));
}

#[test]
fn a_peer_that_never_reads_costs_the_send_buffers_and_is_known_as_stalled_within_ten_seconds() {
    let alone = alone();
    let send_window = 4 << 20;
    let answer = vec![2; 64 << 10];
    let ledger = alone.measure();
    let mut victim = Victim::new(Config::default());
    all_credit(&mut victim);
    for index in 0..STREAMS {
        let id = client(Dir::Bi, index);
        victim.receive(&record(&encode(&[
            Frame::Stream { id, offset: 0, fin: true, data: b"all of it, please" },
            Frame::MaxStreamData { id, limit: 1 << 60 },
        ])));
        assert_eq!(ready(victim.mux.accept(Dir::Bi)).unwrap(), id);
        while let Poll::Ready(Ok(Some(_))) = victim.mux.read(id, usize::MAX) {}
        while let Poll::Ready(Ok(_)) = victim.mux.write(id, &answer) {}
        victim.stuck();
    }
    let cost = ledger.close();
    let unsent = victim.mux.stats(victim.now).bytes_unsent;
    let bound = send_window + STREAMS * MIN_SEND_BUFFER;
    assert!(unsent <= bound, "{unsent}");
    // It goes on talking, but never answers.
    let mut stalled = Duration::ZERO;
    while victim.mux.stats(victim.now).unanswered.is_none_or(|waited| waited < Duration::from_secs(1)) {
        victim.pass(Duration::from_millis(500));
        victim.stuck();
        stalled += Duration::from_millis(500);
        assert!(stalled <= Duration::from_secs(10));
    }
    victim.pass(Duration::from_secs(61));
    assert_eq!(victim.mux.error(), Some(&ConnectionError::TimedOut));
    cost.check_heap(
        "13 never reads",
        INPUT + OUTPUT + STREAM * STREAMS as usize + bound as usize,
        &format_args!("stalled after {stalled:?}, TimedOut after 60 s of silence"),
    );
}

#[test]
fn a_peer_that_never_answers_questions_costs_nothing_for_those_who_gave_up_waiting() {
    let alone = alone();
    let rounds = crate::ledger::frames() / 2;
    let ledger = alone.measure();
    let mut victim = Victim::new(Config::default());
    all_credit(&mut victim);
    for index in 0..rounds {
        let id = server(Dir::Uni, index);
        victim.receive(&record(&encode(&[Frame::MaxStreams { dir: Dir::Uni, limit: index + 100 }])));
        assert_eq!(ready(victim.mux.open(Dir::Uni)), Ok(id));
        assert_eq!(victim.mux.write(id, b"did you get it?"), Poll::Ready(Ok(15)));
        victim.mux.finish(id).unwrap();
        victim.sent();
        assert!(victim.mux.delivered(id).is_pending());
        victim.mux.release_send(id);
        victim.sent();
    }
    let cost = ledger.close();
    assert_eq!(victim.mux.error(), None);
    assert_eq!(victim.mux.stats(victim.now).streams, 0);
    cost.check("13 never answers", rounds, INPUT + OUTPUT + STREAM, &"goes on, as its bounds hold");
}

#[test]
fn the_honest_twin_reads_a_record_every_two_seconds_for_an_hour_and_is_kept() {
    let _alone = alone();
    let config = Config::default().stream_receive_window(16_000).receive_window(16_000);
    let mut pair = Pair::both(config);
    let id = pair.stream(Dir::Uni);
    let mut read = 0;
    for _ in 0..1_800 {
        pair.client.write(id, &[1; 16_000]);
        pair.pass(Duration::from_secs(2));
        read += pair.server.read(id).0.len();
        let unanswered = pair.client.mux.stats(pair.now).unanswered;
        assert!(unanswered.is_none_or(|waited| waited < Duration::from_secs(1)), "{unanswered:?}");
    }
    pair.assert_alive();
    assert!(read >= 1_000 * 16_000, "{read}");
}
