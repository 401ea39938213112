use foctet_core::SecretKey;

use super::*;
use crate::identity::certificate;
use crate::identity::signer::NodeSigner;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes([seed; 32])
}

fn certificate_of(key: &SecretKey) -> CertificateDer<'static> {
    certificate::make(&NodeSigner::new(key.clone())).unwrap()
}

const MESSAGE: &[u8] = b"what the handshake said so far";

/// The proof that `prover` gives while it shows the certificate of `shown`, judged by `policy`.
fn prove(policy: Policy, shown: &SecretKey, prover: &SecretKey) -> Result<(), IdentityError> {
    let signature = prover.sign(MESSAGE);
    PeerVerifier::new(policy, Arc::default()).judge_possession(
        MESSAGE,
        &certificate_of(shown),
        SignatureScheme::ED25519,
        &signature,
    )
}

fn asked(answer: bool) -> Policy {
    Policy::Asked(Arc::new(move |_| answer))
}

#[test]
fn a_dialler_takes_the_node_it_dialled_and_no_other() {
    let (expected, other) = (key(1), key(2));
    assert_eq!(prove(Policy::Exactly(expected.node_id()), &expected, &expected), Ok(()));
    assert_eq!(
        prove(Policy::Exactly(expected.node_id()), &other, &other),
        Err(IdentityError::WrongIdentity { expected: expected.node_id(), got: other.node_id() })
    );
}

#[test]
fn an_acceptor_asks_the_application() {
    assert_eq!(prove(asked(true), &key(1), &key(1)), Ok(()));
    assert_eq!(prove(asked(false), &key(1), &key(1)), Err(IdentityError::NotAuthorized));
}

#[test]
fn a_template_trusts_nobody() {
    assert_eq!(prove(Policy::Nobody, &key(1), &key(1)), Err(IdentityError::NotAuthorized));
}

#[test]
fn another_s_certificate_proves_nothing_and_the_application_is_not_asked() {
    let policy = Policy::Asked(Arc::new(|_| panic!("asked about a node that proved nothing")));
    assert_eq!(prove(policy, &key(1), &key(2)), Err(IdentityError::CertificateVerify));
    let policy = Policy::Exactly(key(1).node_id());
    assert_eq!(prove(policy, &key(1), &key(2)), Err(IdentityError::CertificateVerify));
}

#[test]
fn a_certificate_s_own_signature_is_checked_once_and_any_other_bytes_again() {
    let known = Arc::new(Known::default());
    let verifier = PeerVerifier::new(asked(true), Arc::clone(&known));
    let proof = key(1).sign(MESSAGE);
    let judge = |certificate: &[u8]| {
        let certificate = CertificateDer::from(certificate);
        verifier.judge_possession(MESSAGE, &certificate, SignatureScheme::ED25519, &proof)
    };
    let good = certificate_of(&key(1));
    let mut bad = good.to_vec();
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(judge(&bad), Err(IdentityError::SelfSignature));
    assert!(!known.has(key(1).node_id(), &bad), "what does not hold is not remembered");
    for _ in 0..2 {
        assert_eq!(judge(&good), Ok(()));
        assert!(known.has(key(1).node_id(), &good));
        assert_eq!(judge(&bad), Err(IdentityError::SelfSignature));
    }
    assert!(known.has(key(1).node_id(), &good));
}

#[test]
fn who_is_refused_is_not_remembered() {
    let known = Arc::new(Known::default());
    for policy in [asked(false), Policy::Exactly(key(2).node_id()), Policy::Nobody] {
        let verifier = PeerVerifier::new(policy, Arc::clone(&known));
        let (shown, proof) = (certificate_of(&key(1)), key(1).sign(MESSAGE));
        assert!(verifier.judge_possession(MESSAGE, &shown, SignatureScheme::ED25519, &proof).is_err());
        assert!(!known.has(key(1).node_id(), &shown));
    }
}

#[test]
fn who_proved_nothing_is_not_remembered_and_neither_helped_nor_hindered_by_what_is() {
    let known = Arc::new(Known::default());
    let verifier = PeerVerifier::new(asked(true), Arc::clone(&known));
    let shown = certificate_of(&key(1));
    let judge = |prover: &SecretKey| {
        verifier.judge_possession(MESSAGE, &shown, SignatureScheme::ED25519, &prover.sign(MESSAGE))
    };
    assert_eq!(judge(&key(2)), Err(IdentityError::CertificateVerify));
    assert!(!known.has(key(1).node_id(), &shown));
    assert_eq!(judge(&key(1)), Ok(()));
    assert_eq!(judge(&key(2)), Err(IdentityError::CertificateVerify));
}

#[test]
fn any_flipped_bit_of_the_proof_is_noticed() {
    let verifier = PeerVerifier::new(asked(true), Arc::default());
    let certificate = certificate_of(&key(1));
    let signature = key(1).sign(MESSAGE);
    for bit in 0..512 {
        let mut flipped = signature;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let judged = verifier.judge_possession(MESSAGE, &certificate, SignatureScheme::ED25519, &flipped);
        assert_eq!(judged, Err(IdentityError::CertificateVerify), "bit {bit}");
    }
}

#[test]
fn a_proof_over_something_else_does_not_hold() {
    let judged = PeerVerifier::new(asked(true), Arc::default()).judge_possession(
        b"another handshake",
        &certificate_of(&key(1)),
        SignatureScheme::ED25519,
        &key(1).sign(MESSAGE),
    );
    assert_eq!(judged, Err(IdentityError::CertificateVerify));
}

#[test]
fn a_proof_of_another_length_does_not_hold() {
    let verifier = PeerVerifier::new(asked(true), Arc::default());
    for length in [0, 63, 65, 512] {
        let judged = verifier.judge_possession(
            MESSAGE,
            &certificate_of(&key(1)),
            SignatureScheme::ED25519,
            &vec![0; length],
        );
        assert_eq!(judged, Err(IdentityError::CertificateVerify), "{length} bytes");
    }
}

#[test]
fn a_proof_by_another_scheme_is_refused() {
    let verifier = PeerVerifier::new(asked(true), Arc::default());
    for scheme in [
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::RSA_PKCS1_SHA256,
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ED448,
        SignatureScheme::Unknown(0xfefe),
    ] {
        let judged =
            verifier.judge_possession(MESSAGE, &certificate_of(&key(1)), scheme, &key(1).sign(MESSAGE));
        assert_eq!(judged, Err(IdentityError::SignatureScheme), "{scheme:?}");
    }
}

#[test]
fn more_than_one_certificate_is_refused() {
    let (one, other) = (certificate_of(&key(1)), certificate_of(&key(2)));
    for others in [vec![one.clone()], vec![other.clone()], vec![other.clone(), one.clone()]] {
        assert_eq!(
            PeerVerifier::new(asked(true), Arc::default()).judge_form(&one, &others),
            Err(IdentityError::CertificateCount { got: others.len() + 1 })
        );
    }
}

#[test]
fn only_ed25519_is_offered() {
    let verifier = PeerVerifier::new(asked(true), Arc::default());
    assert_eq!(ServerCertVerifier::supported_verify_schemes(&verifier), [SignatureScheme::ED25519]);
    assert_eq!(ClientCertVerifier::supported_verify_schemes(&verifier), [SignatureScheme::ED25519]);
    assert!(ClientCertVerifier::client_auth_mandatory(&verifier));
}
