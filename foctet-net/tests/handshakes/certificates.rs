//! The table of identities: what a peer can show and prove wrongly, against our acceptor and against our dialler.

use std::sync::Arc;

use foctet_core::NodeIdError;
use foctet_net::{ConnectError, HandshakeError, IdentityError, Rejection, TlsError, Transport};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{CertificateError, SignatureScheme};

use crate::forge::*;
use crate::hostile::{self, Acceptor, Demands, Lie, LyingSigner, Peer};
use crate::ours::*;

/// A peer that is refused, why, and by which alert it learns of it.
struct Case {
    what: &'static str,
    peer: Peer,
    why: Why,
}

enum Why {
    Is(IdentityError),
    /// The point is bad in one of several ways.
    BadKey,
}

impl Why {
    fn check(&self, what: &str, transport: Transport, error: &TlsError) {
        match (self, error) {
            (Self::Is(expected), TlsError::Identity(error)) => {
                assert_eq!(error, expected, "{what} over {transport:?}");
            }
            (Self::BadKey, TlsError::Identity(IdentityError::Key(_))) => {}
            _ => panic!("{what} over {transport:?}: {error:?}"),
        }
    }
}

fn showing(forge: &Forge) -> Peer {
    Peer::showing(&peer(), forge.signed_by(&peer()))
}

fn case(what: &'static str, peer: Peer, why: IdentityError) -> Case {
    Case { what, peer, why: Why::Is(why) }
}

/// A peer with a key of another algorithm, honest in its way.
fn of_algorithm(algorithm: &'static rcgen::SignatureAlgorithm) -> Peer {
    let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let params = rcgen::CertificateParams::new([peer().node_id().to_string()]).unwrap();
    let certificate = params.self_signed(&pair).unwrap();
    let pkcs8 = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    let mut peer = Peer::honest(&peer());
    peer.certificates = vec![CertificateDer::from(certificate)];
    peer.signer = Arc::new(LyingSigner::other(any_supported_type(&pkcs8).unwrap()));
    peer
}

fn flipped(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 1;
    bytes
}

fn cases() -> Vec<Case> {
    let honest = || Forge::of(&peer());
    let certificate = || honest().signed_by(&peer());
    let id = peer().node_id().to_string();
    let others = Forge::of(&key(3)).signed_by(&key(3));
    let signature_at = certificate().len() - 1;
    let mut cases = vec![
        case(
            "two certificates",
            Peer::honest(&peer()).with_certificates(vec![certificate(), others]),
            IdentityError::CertificateCount { got: 2 },
        ),
        case(
            "the same certificate twice",
            Peer::honest(&peer()).with_certificates(vec![certificate(), certificate()]),
            IdentityError::CertificateCount { got: 2 },
        ),
        case("no certificate", Peer::honest(&peer()).with_certificates(vec![]), IdentityError::NoCertificate),
        case(
            "an empty certificate",
            Peer::honest(&peer()).with_certificates(vec![vec![]]),
            IdentityError::NotDer,
        ),
        case(
            "garbage for a certificate",
            Peer::honest(&peer()).with_certificates(vec![vec![0xff; 100]]),
            IdentityError::NotDer,
        ),
        case("an RSA key", of_algorithm(&rcgen::PKCS_RSA_SHA256), IdentityError::KeyAlgorithm),
        case("a P-256 key", of_algorithm(&rcgen::PKCS_ECDSA_P256_SHA256), IdentityError::KeyAlgorithm),
        case(
            "an Ed448 key",
            showing(&honest().with(|f| f.key_info = key_info(algorithm(ED448, &[]), &[7; 57]))),
            IdentityError::KeyAlgorithm,
        ),
        case(
            "an unknown key",
            showing(&honest().with(|f| f.key_info = key_info(algorithm(UNKNOWN, &[]), &[7; 32]))),
            IdentityError::KeyAlgorithm,
        ),
        case(
            "a signature of an unknown algorithm",
            showing(&honest().with(|f| f.outer_algorithm = algorithm(UNKNOWN, &[]))),
            IdentityError::SignatureAlgorithm,
        ),
        case(
            "a flipped bit in the self-signature",
            Peer::showing(&peer(), flipped(certificate(), signature_at)),
            IdentityError::SelfSignature,
        ),
        case(
            "a self-signature with S beyond L",
            Peer::showing(&peer(), honest().with_signature(&with_large_s(peer().sign(&honest().tbs())))),
            IdentityError::SelfSignature,
        ),
        case(
            "a certificate signed by another key",
            Peer::showing(&peer(), honest().signed_by(&key(3))),
            IdentityError::SelfSignature,
        ),
        case(
            "a victim's certificate",
            Peer::showing(&key(3), certificate()),
            IdentityError::CertificateVerify,
        ),
        case(
            "our own certificate",
            Peer::showing(&peer(), Forge::of(&own()).signed_by(&own())),
            IdentityError::CertificateVerify,
        ),
        case(
            "a flipped bit in CertificateVerify",
            Peer::honest(&peer()).lying(&peer(), Lie::FlippedBit(300)),
            IdentityError::CertificateVerify,
        ),
        case(
            "a CertificateVerify with S beyond L",
            Peer::honest(&peer()).lying(&peer(), Lie::LargeS),
            IdentityError::CertificateVerify,
        ),
        case(
            "an empty CertificateVerify",
            Peer::honest(&peer()).lying(&peer(), Lie::Empty),
            IdentityError::CertificateVerify,
        ),
        case(
            "a CertificateVerify said to be ECDSA",
            Peer::honest(&peer()).lying(&peer(), Lie::Scheme(SignatureScheme::ECDSA_NISTP256_SHA256)),
            IdentityError::SignatureScheme,
        ),
        case(
            "a CertificateVerify said to be RSA",
            Peer::honest(&peer()).lying(&peer(), Lie::Scheme(SignatureScheme::RSA_PSS_SHA256)),
            IdentityError::SignatureScheme,
        ),
        case(
            "a CertificateVerify of an unknown scheme",
            Peer::honest(&peer()).lying(&peer(), Lie::Scheme(SignatureScheme::Unknown(0xfefe))),
            IdentityError::SignatureScheme,
        ),
        case(
            "another's name",
            showing(&honest().named(&[dns(&key(3).node_id().to_string())])),
            IdentityError::NameMismatch,
        ),
        case(
            "an upper-case name",
            showing(&honest().named(&[dns(&id.to_uppercase())])),
            IdentityError::NameMismatch,
        ),
        case("no extensions", showing(&honest().with(|f| f.extensions = None)), IdentityError::MissingName),
        case(
            "two names",
            showing(&honest().named(&[dns(&id), dns("localhost")])),
            IdentityError::ForeignName,
        ),
        case(
            "a doubled extension",
            showing(&honest().and_extension(alt_name(&[dns(&id)]))),
            IdentityError::DoubledExtension,
        ),
        case(
            "an unknown critical extension",
            showing(&honest().and_extension(extension(UNKNOWN, TRUE, [0]))),
            IdentityError::UnknownCriticalExtension,
        ),
        case(
            "a trailing byte",
            Peer::showing(&peer(), [certificate(), vec![0]].concat()),
            IdentityError::NotDer,
        ),
        case(
            "a serial number that is not minimal",
            showing(&honest().with(|f| f.serial = tlv(0x02, [0, 1]))),
            IdentityError::NotDer,
        ),
        case("version 1", showing(&honest().with(|f| f.version.clear())), IdentityError::Version),
        case(
            "an authority as issuer",
            showing(&honest().with(|f| f.issuer = name("authority"))),
            IdentityError::NotSelfIssued,
        ),
        case(
            "a key not for signing",
            showing(&honest().and_extension(extension(KEY_USAGE, TRUE, tlv(0x03, [2, 0x04])))),
            IdentityError::KeyUsage,
        ),
        case(
            "an all-zero key",
            showing(&honest().with(|f| f.key_info = key_info(algorithm(ED25519, &[]), &[0; 32]))),
            IdentityError::Key(NodeIdError::SmallOrder),
        ),
        case(
            "a huge certificate",
            showing(&honest().and_extension(extension(UNKNOWN, &[], vec![0; 4000]))),
            IdentityError::TooLarge {
                size: honest().and_extension(extension(UNKNOWN, &[], vec![0; 4000])).signed_by(&peer()).len(),
            },
        ),
    ];
    cases.extend(BAD_KEYS.iter().map(|&(what, bytes)| Case {
        what,
        peer: showing(&honest().with(|f| f.key_info = key_info(algorithm(ED25519, &[]), &bytes))),
        why: Why::BadKey,
    }));
    cases
}

/// Which alert a hostile dialler gets: rustls has its own for a missing certificate.
fn alert(case: &Case) -> u8 {
    match case.why {
        Why::Is(IdentityError::NoCertificate) => CERTIFICATE_REQUIRED,
        _ => CERTIFICATE_UNKNOWN,
    }
}

async fn bad_diallers(transport: Transport) {
    let mut ours = Ours::new().await;
    for case in cases() {
        let what = case.what;
        let dialling = soon(what, hostile::dial(&case.peer, transport, ours.addr(transport)));
        let (seen, failure) = tokio::join!(dialling, ours.failure(what));
        match failure {
            HandshakeError::Tls(error) => case.why.check(what, transport, &error),
            other => panic!("{what} over {transport:?}: {other:?}"),
        }
        assert_eq!(seen.alert, Some(alert(&case)), "{what} over {transport:?}: {seen:?}");
        assert_eq!(seen.bytes, 0, "{what} over {transport:?}");
    }
}

#[tokio::test]
async fn diallers_with_a_bad_identity_are_refused_over_tcp() {
    bad_diallers(Transport::Tcp).await;
}

#[tokio::test]
async fn diallers_with_a_bad_identity_are_refused_over_quic() {
    bad_diallers(Transport::Quic).await;
}

async fn bad_acceptors(transport: Transport) {
    for case in cases() {
        let what = case.what;
        let acceptor = Acceptor::bind(&case.peer, transport).await;
        let dialling = dial(what, peer().node_id(), transport, acceptor.addr());
        let (seen, result) = tokio::join!(soon(what, acceptor.take()), dialling);
        case.why.check(what, transport, &tls(what, result));
        assert_eq!(seen.bytes, 0, "{what} over {transport:?}");
        assert!(!seen.believed, "{what} over {transport:?}: {seen:?}");
        if !matches!(case.why, Why::Is(IdentityError::NoCertificate)) {
            assert_eq!(seen.alert, Some(CERTIFICATE_UNKNOWN), "{what} over {transport:?}");
        }
    }
}

#[tokio::test]
async fn acceptors_with_a_bad_identity_are_refused_over_tcp() {
    bad_acceptors(Transport::Tcp).await;
}

#[tokio::test]
async fn acceptors_with_a_bad_identity_are_refused_over_quic() {
    bad_acceptors(Transport::Quic).await;
}

#[tokio::test]
async fn another_node_than_the_one_dialled_is_refused() {
    for transport in TRANSPORTS {
        // The last one holds our own key.
        for other in [key(3), key(4), own()] {
            let what = "another node";
            let acceptor = Acceptor::bind(&Peer::honest(&other), transport).await;
            let dialling = dial(what, peer().node_id(), transport, acceptor.addr());
            let (seen, result) = tokio::join!(soon(what, acceptor.take()), dialling);
            let (expected, got) = (peer().node_id(), other.node_id());
            assert_eq!(tls(what, result), TlsError::Identity(IdentityError::WrongIdentity { expected, got }));
            assert_eq!(seen, hostile::Seen { alert: Some(CERTIFICATE_UNKNOWN), ..Default::default() });
        }
    }
}

/// Whoever sends our own packets back to us does not become the node that we dialled.
#[tokio::test]
async fn a_reflected_dial_meets_its_own_identity() {
    for transport in TRANSPORTS {
        let ours = Ours::new().await;
        let addr = ours.addr(transport);
        let result = dial_from(&ours.endpoint, "reflection", peer().node_id(), transport, addr).await;
        let (expected, got) = (peer().node_id(), own().node_id());
        assert_eq!(
            tls("reflection", result),
            TlsError::Identity(IdentityError::WrongIdentity { expected, got })
        );
    }
}

#[tokio::test]
async fn a_node_does_not_dial_itself() {
    for transport in TRANSPORTS {
        let ours = Ours::new().await;
        let id = own().node_id();
        let result = dial_from(&ours.endpoint, "itself", id, transport, ours.addr(transport)).await;
        assert_eq!(result.map(|_| ()), Err(ConnectError::SelfConnect));
    }
}

/// What the acceptor's alert says is what `connect` says: there is no connection that then drops.
#[tokio::test]
async fn connect_tells_why_the_acceptor_refused() {
    for transport in TRANSPORTS {
        for (error, expected) in [
            (CertificateError::ApplicationVerificationFailure, Rejection::NotAuthorized),
            (CertificateError::BadEncoding, Rejection::Identity { alert: 42 }),
            (CertificateError::Expired, Rejection::Identity { alert: 45 }),
            (CertificateError::UnknownIssuer, Rejection::Identity { alert: 48 }),
            (CertificateError::BadSignature, Rejection::Identity { alert: 51 }),
        ] {
            let what = format!("{error:?} over {transport:?}");
            let server = Peer::honest(&peer());
            let config = server.server_config_judging(transport, Arc::new(Demands::refusing(error)));
            let acceptor = Acceptor::with(config, server.pushes, transport).await;
            let dialling = dial(&what, peer().node_id(), transport, acceptor.addr());
            let (seen, result) = tokio::join!(soon(&what, acceptor.take()), dialling);
            assert_eq!(tls(&what, result), TlsError::Rejected(expected));
            assert_eq!(seen, hostile::Seen::default(), "{what}");
        }
    }
}

#[tokio::test]
async fn a_node_that_the_application_refuses_is_told_so() {
    for transport in TRANSPORTS {
        let mut ours = Ours::authorizing(|id| id == key(3).node_id()).await;
        let what = "unauthorised";
        let honest = Peer::honest(&peer());
        let dialling = soon(what, hostile::dial(&honest, transport, ours.addr(transport)));
        let (seen, failure) = tokio::join!(dialling, ours.failure(what));
        assert_eq!(failure, HandshakeError::Tls(TlsError::Identity(IdentityError::NotAuthorized)));
        assert_eq!((seen.alert, seen.bytes), (Some(ACCESS_DENIED), 0));
    }
}

/// A stranger who waves another's certificate must not learn whether that other would be let in.
#[tokio::test]
async fn the_application_is_asked_only_about_proven_identities() {
    for transport in TRANSPORTS {
        let mut ours = Ours::authorizing(|id| panic!("asked about {id}")).await;
        let what = "victim's certificate";
        let victim = Peer::showing(&key(3), Forge::of(&peer()).signed_by(&peer()));
        let dialling = soon(what, hostile::dial(&victim, transport, ours.addr(transport)));
        let (seen, failure) = tokio::join!(dialling, ours.failure(what));
        assert_eq!(failure, HandshakeError::Tls(TlsError::Identity(IdentityError::CertificateVerify)));
        assert_eq!(seen.alert, Some(CERTIFICATE_UNKNOWN));
    }
}

/// Our dialler is refused by a foreign acceptor that wants somebody else.
#[tokio::test]
async fn connect_fails_when_the_acceptor_refuses_us() {
    for transport in TRANSPORTS {
        let what = "refused";
        let ours = Ours::authorizing(|_| false).await;
        let dialler = foctet_net::Endpoint::builder()
            .secret_key(peer())
            .alpns([ALPN])
            .bind((std::net::Ipv4Addr::LOCALHOST, 0).into())
            .build()
            .await
            .unwrap();
        let result = dial_from(&dialler, what, own().node_id(), transport, ours.addr(transport)).await;
        assert_eq!(tls(what, result), TlsError::Rejected(Rejection::NotAuthorized));
    }
}

/// Foreign, odd, and valid all the same: dates are ignored, and so is what common tools put in.
fn acceptable() -> Vec<(&'static str, Forge)> {
    let honest = || Forge::of(&peer());
    let dated = |from: &str, to: &str| honest().with(|f| f.validity = validity(from, to));
    vec![
        ("honest", honest()),
        ("expired", dated("700101000000Z", "700101000001Z")),
        ("not yet valid", dated("20990101000000Z", "99991231235959Z")),
        ("valid until 9999", dated("250101000000Z", "99991231235959Z")),
        ("ends before it begins", dated("99991231235959Z", "700101000000Z")),
        ("an unknown extension", honest().and_extension(extension(UNKNOWN, &[], [0]))),
        (
            "an authority's constraints",
            honest().and_extension(extension(BASIC_CONSTRAINTS, TRUE, sequence(&[TRUE.to_vec()]))),
        ),
    ]
}

#[tokio::test]
async fn odd_but_valid_diallers_are_taken() {
    for transport in TRANSPORTS {
        for (what, forge) in acceptable() {
            let ours = Ours::new().await;
            let dialler = showing(&forge).silent();
            let seen = soon(what, hostile::dial(&dialler, transport, ours.addr(transport))).await;
            assert_eq!(seen.alert, None, "{what} over {transport:?}");
            // Over TCP it is the acceptor's first mux frame that says so.
            let taken = match transport {
                Transport::Tcp => seen.bytes > 0,
                Transport::Quic => seen.confirmed,
            };
            assert!(taken, "{what} over {transport:?}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn odd_but_valid_acceptors_are_taken() {
    for transport in TRANSPORTS {
        for (what, forge) in acceptable() {
            let acceptor = Acceptor::bind(&showing(&forge), transport).await;
            let dialling = dial(what, peer().node_id(), transport, acceptor.addr());
            let (_held, connection) = tokio::join!(soon(what, acceptor.take_well()), dialling);
            let id = connection.map(|connection| connection.remote_id());
            assert_eq!(id, Ok(peer().node_id()), "{what} over {transport:?}");
        }
    }
}
