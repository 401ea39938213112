use super::*;
use crate::SecretKey;
use crate::relay_addr::{MAX_RELAY_HOST, RelayHost, RelayToken};

fn relay(n: u8, host: &str) -> RelayAddr {
    let id = SecretKey::from_bytes([n; 32]).node_id();
    RelayAddr::new(id, RelayHost::parse(host).unwrap(), 4000 + u16::from(n))
}

fn longest(n: u8) -> RelayAddr {
    relay(n, &"n".repeat(MAX_RELAY_HOST))
}

fn read(bytes: &[u8], step: usize) -> Result<Vec<Notice>, NoticeError> {
    let mut reader = NoticeReader::default();
    let mut notices = Vec::new();
    for piece in bytes.chunks(step) {
        reader.push(piece);
        while let Some(notice) = reader.next()? {
            notices.push(notice);
        }
    }
    Ok(notices)
}

#[test]
fn what_is_written_is_what_is_read_however_it_is_cut() {
    let notices = vec![
        Notice::Relays(vec![relay(1, "192.0.2.1"), relay(2, "2001:db8::2"), relay(3, "relay.example")]),
        Notice::Relays(Vec::new()),
        Notice::Relays((1..=4).map(longest).collect()),
    ];
    let bytes: Vec<u8> = notices.iter().flat_map(Notice::encode).collect();
    for step in [1, 2, 7, bytes.len()] {
        assert_eq!(read(&bytes, step), Ok(notices.clone()), "{step}");
    }
}

#[test]
fn relays_are_written_as_in_a_ticket_and_without_their_tokens() {
    let relays = [relay(1, "192.0.2.1"), relay(2, "relay.example")];
    let token = RelayToken::new("sesame").unwrap();
    let notice = Notice::Relays(relays.iter().map(|r| r.clone().with_token(Some(token.clone()))).collect());
    assert_eq!(read(&notice.encode(), 1), Ok(vec![Notice::Relays(relays.to_vec())]));

    let bytes = notice.encode();
    assert!(!bytes.windows(6).any(|window| window == b"sesame"));
    assert_eq!(bytes[..5], [1, 0, 40 + 49, 7, 38], "type, length, and the first entry's kind and length");
}

#[test]
fn no_more_relays_are_taken_than_an_address_has_and_each_once() {
    let relays: Vec<_> = [1, 2, 2, 3, 4, 5].map(|n| relay(n, "192.0.2.1")).into();
    let Ok(read) = read(&frame(RELAYS, &entries(&relays)), 9) else { panic!("it is well-formed") };
    assert_eq!(read, [Notice::Relays([1, 2, 3, 4].map(|n| relay(n, "192.0.2.1")).into())]);
    let Notice::Relays(all) = Notice::Relays((1..=9).map(longest).collect());
    assert!(Notice::Relays(all).encode().len() <= HEADER_LEN + MAX_NOTICE);
}

#[test]
fn unknown_types_and_unknown_kinds_of_entries_are_skipped() {
    let mut bytes = frame(200, b"of a later version");
    let mut body = vec![77, 2, 1, 1];
    body.extend(entries(&[relay(1, "192.0.2.1")]));
    bytes.extend(frame(RELAYS, &body));
    assert_eq!(read(&bytes, 5), Ok(vec![Notice::Relays(vec![relay(1, "192.0.2.1")])]));
}

#[test]
fn what_is_too_long_or_malformed_is_named() {
    assert_eq!(read(&[9, 0xff, 0xff], 1), Err(NoticeError::TooLong { length: 0xffff }));
    let malformed = Err(NoticeError::Malformed { kind: RELAYS });
    let entry = entries(&[relay(1, "192.0.2.1")]);
    assert_eq!(read(&frame(RELAYS, &entry[..entry.len() - 1]), 64), malformed, "cut short");
    assert_eq!(read(&frame(RELAYS, &[7]), 64), malformed, "no length");
    let mut no_key = entry.clone();
    no_key[2..34].fill(0);
    assert_eq!(read(&frame(RELAYS, &no_key), 64), malformed, "of small order");
    let mut no_port = entry;
    no_port[34..36].fill(0);
    assert_eq!(read(&frame(RELAYS, &no_port), 64), malformed, "port 0");
}

fn entries(relays: &[RelayAddr]) -> Vec<u8> {
    let mut body = Vec::new();
    relays.iter().for_each(|relay| relay.encode_entry(&mut body));
    body
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend((body.len() as u16).to_be_bytes());
    frame.extend(body);
    frame
}

proptest::proptest! {
    #[test]
    fn anything_is_notices_or_an_error(bytes in proptest::collection::vec(0_u8.., 0..300), step in 1_usize..40) {
        let whole = read(&bytes, bytes.len().max(1));
        proptest::prop_assert_eq!(&whole, &read(&bytes, step));
        for notice in whole.unwrap_or_default() {
            proptest::prop_assert_eq!(read(&notice.encode(), step), Ok(vec![notice]));
        }
    }

    #[test]
    fn any_list_survives(ns in proptest::collection::btree_set(1_u8.., 0..=4), step in 1_usize..600) {
        let relays = ns.iter().map(|n| match n % 4 {
            0 => relay(*n, "192.0.2.7"),
            1 => relay(*n, "2001:db8::7"),
            2 => relay(*n, "a.example"),
            _ => longest(*n),
        });
        let notice = Notice::Relays(relays.collect());
        proptest::prop_assert_eq!(read(&notice.encode(), step), Ok(vec![notice]));
    }
}
