//! Our records against rustls's own, and against what no rustls would send.

mod hostile;
mod peer;

use std::collections::VecDeque;

use bytes::BytesMut;
use proptest::prelude::*;
use rustls::{AlertDescription, Error};

use self::peer::{Ends, Ours, Theirs, every, pair};
use super::records::{Received, Records};

/// What our records become on the wire.
fn seal(records: &mut Records, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = VecDeque::new();
    records.seal(pieces, &mut out).unwrap();
    Vec::from(out).concat()
}

/// Everything that comes out of `wire`, and what came after it.
fn open(records: &mut Records, wire: &mut BytesMut) -> (Vec<u8>, Result<Received, Error>) {
    let mut all = Vec::new();
    loop {
        match records.open(wire) {
            Ok(Received::Data(data)) => all.extend_from_slice(&data),
            other => return (all, other),
        }
    }
}

fn bytes(length: usize, salt: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + salt) as u8).collect()
}

/// One step of a conversation: who speaks, in pieces of what length.
fn conversation() -> impl Strategy<Value = Vec<(bool, Vec<usize>)>> {
    let length = prop_oneof![0..40_usize, 1_000..3_000_usize, 16_380..16_390_usize, 40_000..70_000_usize];
    prop::collection::vec((any::<bool>(), prop::collection::vec(length, 1..5)), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_either_side_says_the_other_hears(steps in conversation(), cut in 1..70_000_usize, ends in every()) {
        let (Ours { mut records, mut input, .. }, mut peer) = pair(&ends);
        for (at, (ours, lengths)) in steps.iter().enumerate() {
            let pieces: Vec<Vec<u8>> = lengths.iter().map(|length| bytes(*length, at)).collect();
            let whole = pieces.concat();
            if *ours {
                let slices: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
                let wire = seal(&mut records, &slices);
                prop_assert_eq!(wire.len(), whole.len() + 22 * whole.len().div_ceil(1 << 14));
                prop_assert!(peer.hear(&wire).unwrap() == whole);
            } else {
                let (mut got, mut pending) = (Vec::new(), peer.say(&whole));
                while !pending.is_empty() {
                    let rest = pending.split_off(cut.min(pending.len()));
                    input.extend_from_slice(&pending);
                    let (opened, then) = open(&mut records, &mut input);
                    prop_assert_eq!(then, Ok(Received::Incomplete));
                    got.extend_from_slice(&opened);
                    pending = rest;
                }
                prop_assert!(got == whole && input.is_empty());
            }
        }
    }

    #[test]
    fn one_byte_changed_or_one_missing_is_an_error_or_a_wait_and_never_other_data(
        at in any::<prop::sample::Index>(), flip in 1..=255_u8, lost in any::<bool>(), ends in every()
    ) {
        let (Ours { mut records, mut input, .. }, mut peer) = pair(&ends);
        let said = bytes(20_000, 3);
        let mut wire = peer.say(&said);
        let at = at.index(wire.len());
        if lost {
            wire.remove(at);
        } else {
            wire[at] ^= flip;
        }
        input.extend_from_slice(&wire);
        let (got, then) = open(&mut records, &mut input);
        // The first record, if the second was hit; the version's second byte is for nobody to look at.
        prop_assert!(said.starts_with(&got) && (got.len() % 20_000 == 0 || got.len() == 1 << 14));
        prop_assert!(then.is_err() || then == Ok(Received::Incomplete), "{:?}", then);
        prop_assert!(got.len() < said.len() || at % (16_384 + 22) == 2);
    }
}

#[test]
fn the_peers_new_keys_are_followed_and_its_wish_for_ours_waits_for_our_data() {
    for ends in Ends::all() {
        let (Ours { mut records, mut input, .. }, mut peer) = pair(&ends);
        for round in 0..40 {
            peer.refresh();
            let said = bytes(100 + round, round);
            input.extend_from_slice(&peer.say(&said));
            assert_eq!(open(&mut records, &mut input), (said, Ok(Received::Incomplete)));
        }
        // Once for all of them.
        let wire = seal(&mut records, &[b"data"]);
        assert_eq!(wire.len(), (22 + 5) + (22 + 4));
        assert_eq!(peer.hear(&wire).unwrap(), b"data");
        assert_eq!(seal(&mut records, &[b"more"]).len(), 22 + 4);
    }
}

#[test]
fn keys_are_renewed_before_they_wear_out() {
    for ends in Ends::all() {
        let (Ours { mut records, .. }, mut peer) = pair(&ends);
        records.sealer().limit(4);
        let mut heard = Vec::new();
        for round in 0..50 {
            let said = bytes(10, round);
            let wire = seal(&mut records, &[&said]);
            // Three records, then the update.
            assert_eq!(wire.len(), if round % 3 == 0 && round > 0 { 27 + 32 } else { 32 });
            heard.push(peer.hear(&wire).unwrap() == said);
        }
        assert!(heard.iter().all(|same| *same));
    }
}

#[test]
fn either_side_closes_and_what_comes_after_is_not_looked_at() {
    for ends in Ends::all() {
        let (Ours { mut records, mut input, .. }, mut peer) = pair(&ends);
        let mut out = VecDeque::new();
        records.close(&mut out).unwrap();
        assert!(!peer.has_heard_the_end());
        peer.hear(&Vec::from(out).concat()).unwrap();
        assert!(peer.has_heard_the_end());
        input.extend_from_slice(&peer.say(b"last words"));
        input.extend_from_slice(&peer.close());
        input.extend_from_slice(b"nonsense");
        assert_eq!(open(&mut records, &mut input), (b"last words".to_vec(), Ok(Received::End)));
        assert_eq!(records.open(&mut BytesMut::from(&b"more of it"[..])), Ok(Received::End));
    }
}

#[test]
fn the_peer_hears_what_was_wrong() {
    for (error, alert) in [
        (Error::DecryptError, AlertDescription::BadRecordMac),
        (Error::PeerSentOversizedRecord, AlertDescription::RecordOverflow),
        (rustls::PeerMisbehaved::TooManyEmptyFragments.into(), AlertDescription::UnexpectedMessage),
        (rustls::InvalidMessage::InvalidKeyUpdate.into(), AlertDescription::IllegalParameter),
        (rustls::InvalidMessage::InvalidEmptyPayload.into(), AlertDescription::DecodeError),
    ] {
        for ends in Ends::all() {
            let (Ours { mut records, .. }, mut peer) = pair(&ends);
            let mut out = VecDeque::new();
            records.complain(&error, &mut out).unwrap();
            assert_eq!(peer.hear(&Vec::from(out).concat()), Err(Error::AlertReceived(alert)));
        }
    }
}

#[test]
fn an_alert_is_not_answered() {
    for ends in Ends::all() {
        let (Ours { mut records, .. }, _) = pair(&ends);
        let mut out = VecDeque::new();
        records.complain(&Error::AlertReceived(AlertDescription::AccessDenied), &mut out).unwrap();
        assert!(out.is_empty());
    }
}

#[test]
fn records_behind_the_handshake_are_left_for_us_wherever_they_are_cut() {
    for ends in Ends::all() {
        // The peer speaks as soon as it may, in the same breath as its last word of the handshake where that is its.
        let (Ours { mut records, mut input, tickets }, mut peer) = pair(&Ends { tickets: 4, ..ends });
        assert_eq!(tickets > 0, peer.is_server());
        input.extend_from_slice(&peer.say(b"first"));
        assert_eq!(open(&mut records, &mut input), (b"first".to_vec(), Ok(Received::Incomplete)));
        assert_eq!(peer.hear(&seal(&mut records, &[b"second"])).unwrap(), b"second");
    }
}

#[test]
fn theirs_is_a_peer_of_either_role() {
    let roles: Vec<bool> = Ends::all().iter().map(|ends| matches!(pair(ends).1, Theirs::Server(_))).collect();
    assert!(roles.contains(&true) && roles.contains(&false));
}
