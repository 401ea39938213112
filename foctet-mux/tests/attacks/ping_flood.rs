//! Questions, and answers to nothing: CASES 12.

use std::time::Duration;

use foctet_mux::{Config, Frame, TransportErrorCode};

use crate::ledger::alone;
use crate::raw::{Raw, frames};
use crate::victim::{Attack, INPUT, OUTPUT, Victim, flood};

const PROTOCOL: TransportErrorCode = TransportErrorCode::PROTOCOL_VIOLATION;

#[test]
fn questions_end_the_connection_at_the_budget_whether_answers_are_read_or_not() {
    let alone = alone();
    for (name, application) in
        [("answers read", Victim::sent as fn(&mut Victim)), ("answers not read", Victim::stuck)]
    {
        let most = flood(
            &alone,
            &Attack {
                name: &format!("12 pings: {name}"),
                config: &Config::default(),
                bound: INPUT + OUTPUT,
                each: 1,
            },
            PROTOCOL,
            |n, payload| Frame::Ping { sequence: n }.encode(payload),
            application,
        );
        assert!(most <= 10_000, "{name}: {most}");
    }
}

#[test]
fn answers_to_the_same_question_end_the_connection_at_the_budget() {
    let alone = alone();
    let most = flood(
        &alone,
        &Attack {
            name: "12 pings: answers again",
            config: &Config::default(),
            bound: INPUT + OUTPUT,
            each: 1,
        },
        PROTOCOL,
        |n, payload| match n {
            // The question has to be out before it can be answered.
            0 => Frame::Padding(1).encode(payload),
            _ => Frame::Pong { sequence: 0 }.encode(payload),
        },
        Victim::sent,
    );
    assert!(most <= 10_001, "{most}");
}

#[test]
fn the_honest_twin_asks_twenty_times_a_second_for_an_hour() {
    let _alone = alone();
    let mut raw = Raw::new();
    for sequence in 0..20 * 3_600 {
        raw.pass(Duration::from_millis(50));
        raw.send(&[Frame::Ping { sequence }]);
        let records = raw.output();
        assert!(frames(&records).contains(&Frame::Pong { sequence }));
    }
    raw.assert_alive();
}
