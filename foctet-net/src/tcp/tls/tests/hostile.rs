//! Records that are protected as they should be and hold what they should not.

use bytes::BytesMut;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
use rustls::crypto::cipher::{AeadKey, Iv};
use rustls::{AlertDescription, ContentType, Error, HandshakeType, InvalidMessage, PeerMisbehaved};

use super::super::opener::{MAX_IDLE, Opened, Opener};
use super::super::sealer::Sealer;

const DATA: ContentType = ContentType::ApplicationData;
const HANDSHAKE: ContentType = ContentType::Handshake;
const ALERT: ContentType = ContentType::Alert;

fn ends() -> (Sealer, Opener) {
    let suite = TLS13_CHACHA20_POLY1305_SHA256.tls13().unwrap();
    let key = || (AeadKey::from([7; 32]), Iv::from([7; 12]));
    let ((sealing, iv), (opening, same)) = (key(), key());
    (Sealer::new(suite, sealing, iv), Opener::new(suite, opening, same, 0))
}

/// What these come to, up to an error or the end of them.
fn opened(records: &[(ContentType, &[u8])]) -> Result<Vec<Opened>, Error> {
    let (mut sealer, mut opener) = ends();
    let mut wire = BytesMut::new();
    for (typ, content) in records {
        wire.extend_from_slice(&sealer.seal(*typ, (*content).into()).unwrap());
    }
    let mut all = Vec::new();
    loop {
        match opener.open(&mut wire)? {
            Opened::Incomplete => return Ok(all),
            Opened::Closed => {
                all.push(Opened::Closed);
                return Ok(all);
            }
            other => all.push(other),
        }
    }
}

fn data(bytes: &'static [u8]) -> Opened {
    Opened::Data(bytes.into())
}

#[test]
fn headers_are_judged_before_anything_is_decrypted() {
    let (_, mut opener) = ends();
    let mut open = |wire: &[u8]| opener.open(&mut BytesMut::from(wire));
    let misbehaved = Error::from(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec);
    assert_eq!(open(&[20, 3, 3, 0, 1, 1]), Err(misbehaved));
    for typ in [0, 21, 22, 24, 255] {
        assert_eq!(open(&[typ, 3, 3, 0, 2, 1, 0]), Err(InvalidMessage::InvalidContentType.into()), "{typ}");
    }
    assert_eq!(open(&[23, 2, 3, 0, 30]), Err(InvalidMessage::UnknownProtocolVersion.into()));
    assert_eq!(open(&[23, 3, 3, 0, 0]), Err(InvalidMessage::InvalidEmptyPayload.into()));
    assert_eq!(open(&[23, 3, 3, 0x41, 0x01]), Err(Error::PeerSentOversizedRecord));
    assert_eq!(open(&[23, 3, 3, 0x41, 0x00]), Ok(Opened::Incomplete));
    for length in 1..=17 {
        let wire = [&[23, 3, 3, 0, length][..], &vec![0; length.into()]].concat();
        assert_eq!(open(&wire), Err(Error::DecryptError), "{length}");
    }
}

#[test]
fn empty_data_is_nothing_as_long_as_it_is_rare() {
    let many = vec![(DATA, &b""[..]); MAX_IDLE.into()];
    let mut some = many.clone();
    some.push((DATA, b"x"));
    assert_eq!(opened(&[some.clone(), some].concat()).unwrap(), [data(b"x"), data(b"x")]);
    let excess = [many, vec![(DATA, b"")]].concat();
    assert_eq!(opened(&excess), Err(PeerMisbehaved::TooManyEmptyFragments.into()));
}

#[test]
fn alerts_end_it_whatever_their_level_but_two() {
    let (closed, canceled): (&[u8], &[u8]) = (&[1, 0], &[1, 90]);
    assert_eq!(opened(&[(DATA, b"x"), (ALERT, closed), (DATA, b"y")]).unwrap(), [data(b"x"), Opened::Closed]);
    assert_eq!(opened(&[(ALERT, canceled), (DATA, b"x")]).unwrap(), [data(b"x")]);
    for level in [1, 2] {
        let refused = Err(Error::AlertReceived(AlertDescription::AccessDenied));
        assert_eq!(opened(&[(ALERT, &[level, 49])]), refused);
    }
    for malformed in [&b""[..], &[2], &[0, 49], &[3, 0], &[1, 0, 1, 0]] {
        assert!(matches!(opened(&[(ALERT, malformed)]), Err(Error::InvalidMessage(_))), "{malformed:?}");
    }
    let flood = vec![(ALERT, canceled); usize::from(MAX_IDLE) + 1];
    assert_eq!(opened(&flood), Err(PeerMisbehaved::TooManyWarningAlertsReceived.into()));
}

#[test]
fn handshake_messages_may_be_cut_and_joined_but_not_mixed() {
    let ticket: &[u8] = &[4, 0, 0, 3, 1, 2, 3];
    let two = [ticket, ticket].concat();
    let told = || Opened::Ticket(vec![1, 2, 3]);
    assert_eq!(opened(&[(HANDSHAKE, &two)]).unwrap(), [told(), told()]);
    for cut in 1..two.len() {
        let (front, back) = two.split_at(cut);
        assert_eq!(opened(&[(HANDSHAKE, front), (HANDSHAKE, back)]).unwrap(), [told(), told()]);
        let mixed = opened(&[(HANDSHAKE, front), (DATA, b"x"), (HANDSHAKE, back)]);
        if cut == ticket.len() {
            assert_eq!(mixed.unwrap(), [told(), data(b"x"), told()]);
        } else {
            assert_eq!(mixed, Err(PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into()));
        }
    }
    assert_eq!(opened(&[(HANDSHAKE, b"")]), Err(InvalidMessage::InvalidEmptyPayload.into()));
    let flood = vec![(HANDSHAKE, ticket); usize::from(MAX_IDLE) + 1];
    assert!(matches!(opened(&flood), Err(Error::PeerMisbehaved(_))));
}

#[test]
fn a_message_that_would_take_too_much_memory_is_refused_by_its_length() {
    let too_long = Err(InvalidMessage::HandshakePayloadTooLarge.into());
    assert_eq!(opened(&[(HANDSHAKE, &[4, 0, 0xff, 0xfd])]), too_long);
    assert_eq!(opened(&[(HANDSHAKE, &[4, 0xff, 0xff, 0xff])]), too_long);
    assert_eq!(opened(&[(HANDSHAKE, &[4, 0, 0xff, 0xfc])]).unwrap(), []);
}

#[test]
fn key_updates_end_their_record_and_say_one_of_two_things() {
    for requested in [false, true] {
        let update: &[u8] = &[24, 0, 0, 1, requested.into()];
        assert_eq!(opened(&[(HANDSHAKE, update)]).unwrap(), [Opened::KeyUpdate { requested }]);
        let more = [update, &[4, 0, 0, 0]].concat();
        assert_eq!(opened(&[(HANDSHAKE, &more)]), Err(PeerMisbehaved::KeyEpochWithPendingFragment.into()));
    }
    for malformed in [&[24, 0, 0, 1, 2][..], &[24, 0, 0, 0], &[24, 0, 0, 2, 0, 0]] {
        assert_eq!(opened(&[(HANDSHAKE, malformed)]), Err(InvalidMessage::InvalidKeyUpdate.into()));
    }
}

#[test]
fn other_messages_and_other_records_have_no_place_here() {
    for typ in [0, 1, 2, 8, 11, 13, 15, 20, 254] {
        let got = opened(&[(HANDSHAKE, &[typ, 0, 0, 0])]);
        assert!(
            matches!(&got, Err(Error::InappropriateHandshakeMessage { got_type, .. })
                if *got_type == HandshakeType::from(typ)),
            "{got:?}"
        );
    }
    assert!(matches!(
        opened(&[(ContentType::Heartbeat, b"x")]),
        Err(Error::InappropriateMessage { got_type: ContentType::Heartbeat, .. })
    ));
    assert!(matches!(opened(&[(ContentType::ChangeCipherSpec, &[1])]), Err(Error::PeerMisbehaved(_))));
    // Padding alone has no type.
    assert!(matches!(opened(&[(ContentType::Unknown(0), &[0; 100])]), Err(Error::PeerMisbehaved(_))));
}

#[test]
fn a_record_repeated_or_left_out_is_none() {
    let (mut sealer, _) = ends();
    let records: Vec<Vec<u8>> = (0..3).map(|_| sealer.seal(DATA, b"x".as_slice().into()).unwrap()).collect();
    for wrong in [vec![0, 0], vec![1], vec![0, 2], vec![0, 1, 0]] {
        let (_, mut opener) = ends();
        let mut wire = BytesMut::new();
        wrong.iter().for_each(|at| wire.extend_from_slice(&records[*at]));
        let good = wrong.len() - 1;
        for _ in 0..good {
            assert_eq!(opener.open(&mut wire), Ok(data(b"x")));
        }
        assert_eq!(opener.open(&mut wire), Err(Error::DecryptError), "{wrong:?}");
    }
}

#[test]
fn content_longer_than_a_record_is_not_sealed() {
    let (mut sealer, _) = ends();
    assert_eq!(sealer.seal(DATA, vec![0; 16_385].as_slice().into()), Err(Error::EncryptError));
    assert_eq!(sealer.seal(DATA, vec![0; 16_384].as_slice().into()).unwrap().len(), 16_384 + 22);
}
