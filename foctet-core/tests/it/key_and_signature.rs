use ed25519_dalek::{Signature, Verifier};
use foctet_core::{NodeId, SecretKey, SignatureError};

use crate::{PUBLIC, SEED, bytes, node_id, secret_key};

/// By an implementation of RFC 8032 in thirty lines of Python, for the message `foctet` under the key of test 1.
const SIGNED: &str = "da8542a0c3a1821a56bde8a1916318dfec61e52956851cdeceea3a2e76d5c495\
                      ee292dde1914de44ab8752bbaeb6d6f53c3efb72a1293220a8e22873deb2da06";
/// The same with L added to S: it satisfies the equation, and RFC 8032, section 5.1.7, refuses it.
const S_PLUS_L: &str = "da8542a0c3a1821a56bde8a1916318dfec61e52956851cdeceea3a2e76d5c495\
                        dbfd223b3477f09c81244a5e8db0b50a3d3efb72a1293220a8e22873deb2da16";
/// R is the neutral element, S is chosen so that the equation holds.
const SMALL_ORDER_R: &str = "0100000000000000000000000000000000000000000000000000000000000000\
                             187d9bc9d003d3a874a71cf829308bcd2ba35a3bc172a9effa3521c97e543a00";
/// As before, with R spelled as y = p + 1.
const NON_CANONICAL_R: &str = "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f\
                               7936af6854c8f29a08d8ab40c0c7e83b627c5df0ed94859911983a6d47b7a80c";

/// The key of RFC 8032, test 1, plus a point of order 8: under such a key only can R be of any small order.
const MIXED: &str = "3b5b475c4b82dd1572799fc546f4c6c03e478c6654aa4c7f945b347ea32af60d";
/// Messages and signatures under it that satisfy the equation, by the same implementation: R is each of the eight points of
/// small order.
const SMALL_ORDER_RS: [(&str, &str, &str); 8] = [
    (
        "foctet 8",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "8babc8667081fc5f10a613524fe8e1738aa6ced69383e5b367d37cd6b5fa4b0f",
    ),
    (
        "foctet 6",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "f713f8ea5642b8fb170c34f049526de342e9272ef425f729bf440b97383d9a0e",
    ),
    (
        "foctet 4",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "831bc748fc53b2888bbfb78d624575a0d20a735d48728ec4dab19a2d1409cf0c",
    ),
    (
        "foctet 2",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "e78088bd420f8cfc887cbbb16aa3de83c0bce06b57106f4a292cb914d2f5f903",
    ),
    (
        "foctet 12",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "a67ae06edf8ada9c1696d9e337317aefb6012cf821245f7f02a5b608eff1fa0a",
    ),
    (
        "foctet 1",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "0372dcb1f991d5dd9f7c41c7d1eb3088ce2f7593135566245243eab1deefe10f",
    ),
    (
        "foctet 0",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "14391878540046b319bbed869d01af79b8604417a8fde4dd4a73e37c7d243601",
    ),
    (
        "foctet 4",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "2b18dcbafc76af73ded10c10df0bc242e7d540bcf4f2a77f6bd3fae686124f09",
    ),
];

#[test]
fn the_public_key_is_that_of_the_rfc() {
    assert_eq!(secret_key().node_id().as_bytes(), &bytes::<32>(PUBLIC));
    assert_eq!(*secret_key().to_bytes(), bytes::<32>(SEED));
}

#[test]
fn the_signature_of_nothing_is_that_of_the_rfc() {
    let expected = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555\
                    fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    assert_eq!(secret_key().sign(b""), bytes::<64>(expected));
}

#[test]
fn a_signature_agrees_with_another_implementation_and_holds() {
    assert_eq!(secret_key().sign(b"foctet"), bytes::<64>(SIGNED));
    assert_eq!(node_id().verify(b"foctet", &bytes(SIGNED)), Ok(()));
}

#[test]
fn a_signature_with_any_bit_flipped_does_not_hold() {
    for bit in 0..512 {
        let mut signature = bytes::<64>(SIGNED);
        signature[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(node_id().verify(b"foctet", &signature), Err(SignatureError), "bit {bit}");
    }
}

#[test]
fn a_signature_holds_for_its_message_and_its_node_only() {
    let stranger = SecretKey::generate([7; 32]).node_id();
    assert_eq!(node_id().verify(b"Foctet", &bytes(SIGNED)), Err(SignatureError));
    assert_eq!(stranger.verify(b"foctet", &bytes(SIGNED)), Err(SignatureError));
}

#[test]
fn a_signature_that_satisfies_the_equation_but_not_the_rules_does_not_hold() {
    for signature in [S_PLUS_L, SMALL_ORDER_R, NON_CANONICAL_R] {
        assert_eq!(node_id().verify(b"foctet", &bytes(signature)), Err(SignatureError), "{signature}");
    }
}

#[test]
fn a_signature_with_r_of_small_order_does_not_hold_though_it_satisfies_the_equation() {
    let key = bytes::<32>(MIXED);
    let node = NodeId::from_bytes(&key).unwrap();
    for (message, r, s) in SMALL_ORDER_RS {
        let signature = bytes::<64>(&format!("{r}{s}"));
        let lenient = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
        let equation = lenient.verify(message.as_bytes(), &Signature::from_bytes(&signature));
        assert!(equation.is_ok(), "the vector itself is wrong: {r}");
        assert_eq!(node.verify(message.as_bytes(), &signature), Err(SignatureError), "{r}");
    }
}

#[test]
fn a_secret_key_is_not_printed() {
    let printed = format!("{:?} {:#?}", secret_key(), secret_key());
    assert!(!printed.contains("9d61") && !printed.contains("157, 97"), "{printed}");
    assert!(printed.contains(crate::PUBLIC_TEXT), "{printed}");
}

#[test]
fn every_seed_gives_a_node_id_that_parses() {
    for seed in 0..=255 {
        let id = SecretKey::generate([seed; 32]).node_id();
        assert_eq!(NodeId::from_bytes(id.as_bytes()), Ok(id));
    }
}
