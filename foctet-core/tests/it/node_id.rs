use data_encoding::BASE32_NOPAD_NOCASE;
use foctet_core::{NodeId, NodeIdError};

use crate::{PUBLIC_TEXT, bytes, node_id};

/// The eight points of small order, each in its canonical encoding.
const SMALL_ORDER: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

/// The y below 19 that are on the curve: each has a second spelling as y + p.
const ON_CURVE_BELOW_19: [u8; 12] = [0, 1, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18];

#[test]
fn the_text_is_the_lower_case_base32_of_the_key() {
    assert_eq!(node_id().to_string(), PUBLIC_TEXT);
    assert_eq!(format!("{:?}", node_id()), format!("NodeId({PUBLIC_TEXT})"));
    assert_eq!(node_id().fmt_short(), "25njqamcwe");
}

#[test]
fn either_case_parses() {
    let mixed: String = PUBLIC_TEXT
        .char_indices()
        .map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c })
        .collect();
    for text in [PUBLIC_TEXT, &PUBLIC_TEXT.to_uppercase(), &mixed] {
        assert_eq!(text.parse(), Ok(node_id()));
    }
}

#[test]
fn a_text_of_another_length_is_refused_for_its_length() {
    for text in ["", "a", &PUBLIC_TEXT[..51], &format!("{PUBLIC_TEXT}a"), &PUBLIC_TEXT.repeat(1000)] {
        assert_eq!(text.parse::<NodeId>(), Err(NodeIdError::Length));
    }
    assert_eq!(NodeId::try_from(&[0; 31][..]), Err(NodeIdError::Length));
    assert_eq!(NodeId::try_from(&[0; 33][..]), Err(NodeIdError::Length));
}

#[test]
fn a_character_outside_the_alphabet_is_refused_as_such() {
    for stray in ['0', '1', '8', '9', '=', ' ', '\n', '-', 'ä', '\u{212a}'] {
        let text: String = PUBLIC_TEXT.chars().take(51).chain([stray]).collect();
        assert_eq!(text.parse::<NodeId>(), Err(NodeIdError::Alphabet), "{stray:?}");
    }
}

#[test]
fn spare_bits_that_are_not_zero_are_refused() {
    // The last character holds one bit of the key: `a` and `q` are the two that leave the other four zero.
    for last in ('a'..='z').chain('2'..='7').filter(|last| !matches!(last, 'a' | 'q')) {
        let text = format!("{}{last}", &PUBLIC_TEXT[..51]);
        assert_eq!(text.parse::<NodeId>(), Err(NodeIdError::Padding), "{last}");
    }
}

#[test]
fn points_of_small_order_are_refused_as_bytes_and_as_text() {
    for point in SMALL_ORDER {
        let key = bytes::<32>(point);
        assert_eq!(NodeId::from_bytes(&key), Err(NodeIdError::SmallOrder), "{point}");
        assert_eq!(
            BASE32_NOPAD_NOCASE.encode(&key).parse::<NodeId>(),
            Err(NodeIdError::SmallOrder),
            "{point}"
        );
    }
    assert_eq!("a".repeat(52).parse::<NodeId>(), Err(NodeIdError::SmallOrder));
}

#[test]
fn every_second_spelling_of_a_point_is_refused() {
    for y in 0..19_u8 {
        for sign in [0x7f, 0xff] {
            // y + p, little endian, with the sign of x in the topmost bit.
            let mut key = [0xff; 32];
            key[0] = 0xed + y;
            key[31] = sign;
            let expected = if ON_CURVE_BELOW_19.contains(&y) {
                NodeIdError::NotCanonical
            } else {
                NodeIdError::NotOnCurve
            };
            assert_eq!(NodeId::from_bytes(&key), Err(expected), "y = {y}, sign {sign:#x}");
        }
    }
    // Where x is zero, a sign bit is a second spelling.
    for key in [
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        assert_eq!(NodeId::from_bytes(&bytes(key)), Err(NodeIdError::NotCanonical), "{key}");
    }
}

#[test]
fn what_is_no_point_is_refused() {
    for y in [2, 7, 8, 11, 12, 13, 17] {
        let mut key = [0; 32];
        key[0] = y;
        assert_eq!(NodeId::from_bytes(&key), Err(NodeIdError::NotOnCurve), "y = {y}");
    }
}

#[test]
fn a_point_of_mixed_order_is_a_node_id_of_its_own() {
    // The key of RFC 8032, test 1, plus a point of order 8: nobody but the key's owner gains by it.
    let id = NodeId::from_bytes(&bytes("3b5b475c4b82dd1572799fc546f4c6c03e478c6654aa4c7f945b347ea32af60d"));
    assert!(id.is_ok_and(|id| id != node_id()));
}
