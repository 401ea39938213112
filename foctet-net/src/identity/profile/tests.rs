use foctet_core::{NodeId, NodeIdError, SecretKey};
use proptest::prelude::*;

use super::{MAX_CERTIFICATE_SIZE, read, read_any, usual};
use crate::identity::signer::NodeSigner;
use crate::identity::{IdentityError, certificate};

#[path = "../../../tests/handshakes/forge.rs"]
#[allow(dead_code, unreachable_pub, reason = "the handshake tests use the rest")]
mod forge;
use forge::*;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes([seed; 32])
}

fn own() -> SecretKey {
    key(7)
}

/// The whole judgement of a certificate.
fn judge(bytes: &[u8]) -> Result<NodeId, IdentityError> {
    let certificate = read(bytes, None)?;
    certificate.verify_self_signature()?;
    Ok(certificate.id())
}

fn judge_forge(forge: &Forge) -> Result<NodeId, IdentityError> {
    judge(&forge.signed_by(&own()))
}

fn honest() -> Forge {
    Forge::of(&own())
}

#[track_caller]
fn refused(what: &str, forge: &Forge, why: IdentityError) {
    assert_eq!(judge_forge(forge), Err(why), "{what}");
}

#[track_caller]
fn accepted(what: &str, forge: &Forge) {
    assert_eq!(judge_forge(forge), Ok(own().node_id()), "{what}");
}

#[test]
fn our_own_certificate_meets_the_profile_and_is_always_the_same() {
    let made = || certificate::make(&NodeSigner::new(own())).unwrap();
    assert_eq!(judge(&made()), Ok(own().node_id()));
    assert_eq!(made(), made());
    assert!(made().len() < 330, "{} bytes", made().len());
}

#[test]
fn a_certificate_of_ours_is_known_without_parsing_and_read_the_same() {
    for seed in 0..=255 {
        let made = certificate::make(&NodeSigner::new(key(seed))).unwrap();
        let parsed = read_any(&made);
        assert!(parsed.is_ok());
        // DER drops a serial number's leading zeros.
        let serial_is_short = made.len() < certificate::make(&NodeSigner::new(own())).unwrap().len();
        let expected = (!serial_is_short).then_some(parsed);
        assert_eq!(usual::read(&made, None).map(Ok).as_ref(), expected.as_ref(), "seed {seed}");
        for node in [key(seed), own()].map(|key| key.node_id()) {
            assert_eq!(usual::read(&made, Some(node)).map(Ok), expected, "seed {seed}, {node} expected");
        }
    }
}

#[test]
fn what_is_known_without_parsing_is_what_parsing_would_take() {
    let made = certificate::make(&NodeSigner::new(own())).unwrap();
    for at in 0..made.len() {
        for mask in 1..=255 {
            let mut changed = made.to_vec();
            changed[at] ^= mask;
            for expected in [None, Some(own().node_id())] {
                if let Some(known) = usual::read(&changed, expected) {
                    assert_eq!(read_any(&changed), Ok(known), "byte {at} with {mask:#x}");
                }
            }
        }
    }
    for length in 0..made.len() {
        assert!(usual::read(&made[..length], None).is_none());
    }
    assert!(usual::read(&[&made[..], &[0]].concat(), None).is_none());
}

#[test]
fn the_forger_s_honest_certificate_is_accepted() {
    accepted("honest", &honest());
}

#[test]
fn dates_are_ignored() {
    for (what, from, to) in [
        ("expired long ago", "700101000000Z", "700102000000Z"),
        ("expired last century", "991231000000Z", "991231235959Z"),
        ("not yet valid", "20990101000000Z", "99991231235959Z"),
        ("valid for the last second of 9999 only", "99991231235959Z", "99991231235959Z"),
        ("ends before it begins", "99991231235959Z", "700101000000Z"),
        ("around 2050", "491231235959Z", "20500101000000Z"),
    ] {
        accepted(what, &honest().with(|f| f.validity = validity(from, to)));
    }
}

#[test]
fn malformed_dates_are_malformed() {
    // 1969 is beyond what the DER reader can express.
    for text in [
        "691231235959Z",
        "701301000000Z",
        "700100000000Z",
        "700101250000Z",
        "7001010000000",
        "99991231235959.5Z",
        "",
    ] {
        let forge = honest().with(|f| f.validity = validity(text, "99991231235959Z"));
        refused(text, &forge, IdentityError::NotDer);
    }
    let late = honest().with(|f| f.validity = validity("19700101000000Z", "99991231235959Z"));
    refused("GeneralizedTime before 2050", &late, IdentityError::NotDer);
}

#[test]
fn what_common_tools_add_is_accepted() {
    let constraints = |critical| extension(BASIC_CONSTRAINTS, critical, sequence(&[TRUE.to_vec()]));
    accepted("a critical CA:TRUE", &honest().and_extension(constraints(TRUE)));
    accepted("a plain CA:TRUE", &honest().and_extension(constraints(&[])));
    let usage = extension(KEY_USAGE, TRUE, tlv(0x03, [7, 0x80]));
    accepted("digitalSignature", &honest().and_extension(usage));
    accepted("an unknown extension", &honest().and_extension(extension(UNKNOWN, &[], [1, 2, 3])));
    let names = sequence(&[dns(&own().node_id().to_string())]);
    let critical = extension(ALT_NAME, TRUE, names);
    accepted("a critical name", &honest().with(|f| f.extensions = Some(vec![critical])));
    accepted("another subject", &honest().with(|f| (f.issuer, f.subject) = (name("a"), name("a"))));
    accepted("a long serial number", &honest().with(|f| f.serial = tlv(0x02, [0x41; 20])));
}

#[test]
fn other_versions_than_3_are_refused() {
    let version = |n: u8| honest().with(|f| f.version = tlv(0xa0, tlv(0x02, [n])));
    refused("2", &version(1), IdentityError::Version);
    refused("1, which DER leaves out", &version(0), IdentityError::NotDer);
    refused("4", &version(3), IdentityError::NotDer);
    refused("none", &honest().with(|f| f.version.clear()), IdentityError::Version);
}

#[test]
fn other_signature_algorithms_are_refused() {
    for (what, other) in [
        ("RSA", algorithm(RSA, NULL)),
        ("ECDSA", algorithm(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], &[])),
        ("Ed448", algorithm(ED448, &[])),
        ("unknown", algorithm(UNKNOWN, &[])),
        ("Ed25519 with NULL", algorithm(ED25519, NULL)),
    ] {
        let inner = honest().with(|f| f.inner_algorithm = other.clone());
        refused(what, &inner, IdentityError::SignatureAlgorithm);
        let outer = honest().with(|f| f.outer_algorithm = other.clone());
        refused(what, &outer, IdentityError::SignatureAlgorithm);
        let both = inner.with(|f| f.outer_algorithm = other);
        refused(what, &both, IdentityError::SignatureAlgorithm);
    }
}

#[test]
fn other_keys_than_ed25519_are_refused() {
    let id = own().node_id();
    let p256 = tlv(0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    for (what, info) in [
        ("RSA", key_info(algorithm(RSA, NULL), &[0x30; 270])),
        ("P-256", key_info(algorithm(EC, &p256), &[4; 65])),
        ("Ed448", key_info(algorithm(ED448, &[]), &[1; 57])),
        ("X25519", key_info(algorithm(X25519, &[]), id.as_bytes())),
        ("unknown", key_info(algorithm(UNKNOWN, &[]), id.as_bytes())),
        ("Ed25519 with NULL", key_info(algorithm(ED25519, NULL), id.as_bytes())),
        ("31 bytes", key_info(algorithm(ED25519, &[]), &id.as_bytes()[1..])),
        ("33 bytes", key_info(algorithm(ED25519, &[]), &[id.as_bytes().as_slice(), &[0]].concat())),
        ("no bytes", key_info(algorithm(ED25519, &[]), &[])),
    ] {
        refused(what, &honest().with(|f| f.key_info = info), IdentityError::KeyAlgorithm);
    }
    let short = sequence(&[algorithm(ED25519, &[]), tlv(0x03, [&[1][..], &[0xfe; 32]].concat())]);
    refused("unused bits", &honest().with(|f| f.key_info = short), IdentityError::KeyAlgorithm);
}

#[test]
fn small_order_and_non_canonical_keys_are_refused() {
    for (what, bytes) in BAD_KEYS {
        let forge = honest().with(|f| f.key_info = key_info(algorithm(ED25519, &[]), bytes));
        let error = judge_forge(&forge);
        assert!(matches!(error, Err(IdentityError::Key(_))), "{what}: {error:?}");
    }
    let zero = honest().with(|f| f.key_info = key_info(algorithm(ED25519, &[]), &[0; 32]));
    refused("all zero", &zero, IdentityError::Key(NodeIdError::SmallOrder));
}

#[test]
fn a_certificate_issued_by_another_is_refused() {
    let other = honest().with(|f| f.issuer = name("authority"));
    refused("another issuer", &other, IdentityError::NotSelfIssued);
    let empty = honest().with(|f| (f.issuer, f.subject) = (tlv(SEQUENCE, []), tlv(SEQUENCE, [])));
    refused("no issuer", &empty, IdentityError::NotSelfIssued);
}

#[test]
fn unique_identifiers_are_refused() {
    for tag in [0x81, 0x82] {
        let forge = honest().with(|f| f.unique_ids = tlv(tag, [0, 1, 2]));
        refused("unique identifier", &forge, IdentityError::UniqueIdentifier);
    }
}

#[test]
fn the_name_is_one_dns_name_with_the_node_id_and_nothing_else() {
    let id = own().node_id().to_string();
    let other = key(8).node_id().to_string();
    for (what, names, why) in [
        ("none", vec![], IdentityError::MissingName),
        ("another's", vec![dns(&other)], IdentityError::NameMismatch),
        ("upper case", vec![dns(&id.to_uppercase())], IdentityError::NameMismatch),
        ("trailing dot", vec![dns(&format!("{id}."))], IdentityError::NameMismatch),
        ("embedded NUL", vec![dns(&format!("{id}\0.example"))], IdentityError::NameMismatch),
        ("cut short", vec![dns(&id[..51])], IdentityError::NameMismatch),
        ("wildcard", vec![dns("*")], IdentityError::NameMismatch),
        ("empty", vec![dns("")], IdentityError::NameMismatch),
        ("twice", vec![dns(&id), dns(&id)], IdentityError::ForeignName),
        ("two", vec![dns(&id), dns(&other)], IdentityError::ForeignName),
        ("an address as well", vec![dns(&id), tlv(0x87, [127, 0, 0, 1])], IdentityError::ForeignName),
        ("a URI", vec![tlv(0x86, &id)], IdentityError::ForeignName),
        ("a mail address", vec![tlv(0x81, &id)], IdentityError::ForeignName),
    ] {
        refused(what, &honest().named(&names), why);
    }
    let none = honest().with(|f| f.extensions = None);
    refused("no extensions", &none, IdentityError::MissingName);
    let unnamed = honest().with(|f| f.extensions = Some(vec![extension(UNKNOWN, &[], [0])]));
    refused("no name among the extensions", &unnamed, IdentityError::MissingName);
}

#[test]
fn doubled_extensions_are_refused() {
    let id = own().node_id().to_string();
    let twice = honest().and_extension(alt_name(&[dns(&id)]));
    refused("the name", &twice, IdentityError::DoubledExtension);
    let unknown = extension(UNKNOWN, &[], [0]);
    let twice = honest().and_extension(unknown.clone()).and_extension(unknown);
    refused("an unknown one", &twice, IdentityError::DoubledExtension);
}

#[test]
fn unknown_critical_extensions_are_refused() {
    let unknown = honest().and_extension(extension(UNKNOWN, TRUE, [0]));
    refused("unknown", &unknown, IdentityError::UnknownCriticalExtension);
    let constraints = extension(&[0x55, 0x1d, 0x1e], TRUE, sequence(&[]));
    refused(
        "name constraints",
        &honest().and_extension(constraints),
        IdentityError::UnknownCriticalExtension,
    );
}

#[test]
fn a_key_that_may_not_sign_is_refused() {
    let usage = honest().and_extension(extension(KEY_USAGE, TRUE, tlv(0x03, [2, 0x04])));
    refused("keyCertSign only", &usage, IdentityError::KeyUsage);
}

#[test]
fn what_is_not_der_to_the_letter_is_refused() {
    let valid = honest().signed_by(&own());
    let signature = own().sign(&honest().tbs());
    let parts = |tbs: Vec<u8>| [tbs, honest().outer_algorithm, bit_string(&signature)].concat();
    let long = |tag: u8, value: &[u8]| {
        let length = u16::try_from(value.len()).unwrap();
        [&[tag, 0x83, 0][..], &length.to_be_bytes(), value].concat()
    };
    let body = parts(honest().tbs());
    for (what, bytes) in [
        ("nothing", vec![]),
        ("a trailing byte", [valid.as_slice(), &[0]].concat()),
        ("a byte too few", valid[..valid.len() - 1].to_vec()),
        ("another certificate behind it", [valid.clone(), valid.clone()].concat()),
        ("a length of three bytes", long(SEQUENCE, &body)),
        ("an indefinite length", [&[SEQUENCE, 0x80], body.as_slice(), &[0, 0]].concat()),
        ("a length of 2^32-1", [&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff], body.as_slice()].concat()),
        ("a fourth field", tlv(SEQUENCE, [body.as_slice(), NULL].concat())),
        ("no signature", sequence(&[honest().tbs(), honest().outer_algorithm])),
        ("a PEM file", b"-----BEGIN CERTIFICATE-----\n".to_vec()),
    ] {
        assert_eq!(judge(&bytes), Err(IdentityError::NotDer), "{what}");
    }
    let id = own().node_id().to_string();
    for (what, forge) in [
        ("a padded serial number", honest().with(|f| f.serial = tlv(0x02, [0, 1]))),
        ("a padded version", honest().with(|f| f.version = tlv(0xa0, tlv(0x02, [0, 2])))),
        ("a long length within", honest().with(|f| f.serial = long(0x02, &[1]))),
        ("TRUE as 1", honest().and_extension(extension(UNKNOWN, &[0x01, 0x01, 0x01], [0]))),
        ("a default spelled out", honest().and_extension(extension(UNKNOWN, &[0x01, 0x01, 0x00], [0]))),
        (
            "a length in a name",
            honest().with(|f| f.extensions = Some(vec![extension(ALT_NAME, &[], long(SEQUENCE, &dns(&id)))])),
        ),
        (
            "a byte after a name",
            honest().with(|f| {
                f.extensions =
                    Some(vec![extension(ALT_NAME, &[], [sequence(&[dns(&id)]), vec![0]].concat())]);
            }),
        ),
        ("constraints that are none", honest().and_extension(extension(BASIC_CONSTRAINTS, &[], [1, 2, 3]))),
        ("a padded OID", honest().and_extension(extension(&[0x2a, 0x80, 0x03], &[], [0]))),
        (
            "a padded OID in a name",
            honest().with(|f| {
                let padded =
                    tlv(SEQUENCE, tlv(SET, sequence(&[tlv(0x06, [0x55, 0x04, 0x80, 0x03]), tlv(0x0c, "a")])));
                (f.issuer, f.subject) = (padded.clone(), padded);
            }),
        ),
        (
            "a structure in a name",
            honest().with(|f| {
                let deep = tlv(SEQUENCE, tlv(SET, sequence(&[tlv(0x06, [0x55, 0x04, 0x03]), sequence(&[])])));
                (f.issuer, f.subject) = (deep.clone(), deep);
            }),
        ),
        (
            "a constructed bit string",
            honest().with(|f| {
                f.key_info =
                    sequence(&[algorithm(ED25519, &[]), tlv(0x23, bit_string(own().node_id().as_bytes()))]);
            }),
        ),
        ("empty extensions behind them", honest().with(|f| f.unique_ids = tlv(0xa3, sequence(&[])))),
    ] {
        refused(what, &forge, IdentityError::NotDer);
    }
}

#[test]
fn a_certificate_beyond_the_bound_is_not_even_parsed() {
    let large = honest().and_extension(extension(UNKNOWN, &[], vec![0; MAX_CERTIFICATE_SIZE]));
    let size = large.signed_by(&own()).len();
    refused("large", &large, IdentityError::TooLarge { size });
}

#[test]
fn any_flipped_bit_of_the_signature_is_noticed() {
    let tbs = honest().tbs();
    let signature = own().sign(&tbs);
    for bit in 0..512 {
        let mut flipped = signature;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(judge(&honest().with_signature(&flipped)), Err(IdentityError::SelfSignature), "bit {bit}");
    }
}

#[test]
fn signatures_with_s_beyond_l_are_refused() {
    let signature = with_large_s(own().sign(&honest().tbs()));
    assert_eq!(judge(&honest().with_signature(&signature)), Err(IdentityError::SelfSignature));
}

#[test]
fn signatures_of_another_length_are_refused() {
    for length in [0, 1, 63, 65, 128] {
        assert_eq!(judge(&honest().with_signature(&vec![1; length])), Err(IdentityError::SelfSignature));
    }
}

#[test]
fn a_certificate_signed_by_another_key_is_refused() {
    assert_eq!(judge(&honest().signed_by(&key(8))), Err(IdentityError::SelfSignature));
}

#[test]
fn any_flipped_bit_anywhere_is_noticed() {
    let valid = honest().signed_by(&own());
    for bit in 0..valid.len() * 8 {
        let mut flipped = valid.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(judge(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn any_prefix_is_refused() {
    let valid = honest().signed_by(&own());
    for end in 0..valid.len() {
        assert!(judge(&valid[..end]).is_err(), "{end} bytes");
    }
}

#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    /// Copies a piece over another place.
    Splice(prop::sample::Index, prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (at(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (at(), 1usize..8).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (at(), at(), 1usize..40).prop_map(|(from, to, length)| Mutation::Splice(from, to, length)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    match mutation {
        Mutation::Set(at, byte) => bytes[at.index(length)] = *byte,
        Mutation::Insert(at, new) => {
            let at = at.index(length);
            bytes.splice(at..at, new.iter().copied());
        }
        Mutation::Remove(at, count) => {
            let at = at.index(length);
            bytes.drain(at..length.min(at + count));
        }
        Mutation::Splice(from, to, count) => {
            let from = from.index(length);
            let piece = bytes[from..length.min(from + count)].to_vec();
            let to = to.index(length);
            let end = length.min(to + piece.len());
            bytes.splice(to..end, piece);
        }
    }
}

proptest! {
    #[test]
    fn a_mutated_certificate_never_panics_and_never_passes(
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let valid = honest().signed_by(&own());
        let mut bytes = valid.clone();
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        if bytes != valid {
            prop_assert!(judge(&bytes).is_err());
        }
    }

    /// The forger signs whatever the mutation gives, with its own key: it may get through as itself only.
    #[test]
    fn a_mutated_and_signed_certificate_never_passes_as_another_node(
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let mut tbs = honest().tbs();
        for mutation in &mutations {
            mutate(&mut tbs, mutation);
        }
        let signature = own().sign(&tbs);
        let bytes = sequence(&[tbs, honest().outer_algorithm, bit_string(&signature)]);
        if let Ok(id) = judge(&bytes) {
            prop_assert_eq!(id, own().node_id());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(judge(&bytes).is_err());
    }
}
