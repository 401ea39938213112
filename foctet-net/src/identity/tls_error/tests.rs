use std::sync::Arc;

use foctet_core::SecretKey;
use rustls::PeerMisbehaved;

use super::*;

fn wrong() -> IdentityError {
    let id = |seed| SecretKey::from_bytes([seed; 32]).node_id();
    IdentityError::WrongIdentity { expected: id(1), got: id(2) }
}

#[test]
fn what_the_verifier_says_survives_rustls_and_io() {
    let error = Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(wrong()))));
    assert_eq!(IdentityError::from_rustls(&error), Some(wrong()));
    let io = io::Error::new(io::ErrorKind::InvalidData, error);
    assert_eq!(TlsError::from_io(&io), Some(TlsError::Identity(wrong())));
}

#[test]
fn an_error_without_tls_is_none_of_ours() {
    assert_eq!(TlsError::from_io(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    assert_eq!(TlsError::from_io(&io::Error::other("something else")), None);
    assert_eq!(TlsError::from_quic(&ConnectionError::TimedOut), None);
    assert_eq!(TlsError::from_quic(&ConnectionError::Reset), None);
}

#[test]
fn another_verifier_s_words_are_no_identity_error() {
    let foreign = CertificateError::Other(OtherError(Arc::new(io::Error::other("foreign"))));
    assert_eq!(IdentityError::from_rustls(&Error::InvalidCertificate(foreign)), None);
}

#[test]
fn causes_keep_their_names() {
    for (error, expected) in [
        (Error::NoCertificatesPresented, TlsError::Identity(IdentityError::NoCertificate)),
        (
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure),
            TlsError::Identity(IdentityError::NotAuthorized),
        ),
        (Error::NoApplicationProtocol, TlsError::NoAlpn),
        (Error::PeerIncompatible(PeerIncompatible::Tls12NotOfferedOrEnabled), TlsError::Version),
        (Error::AlertReceived(AlertDescription::AccessDenied), TlsError::Rejected(Rejection::NotAuthorized)),
    ] {
        assert_eq!(TlsError::from_rustls(&error), expected);
    }
    let other = TlsError::from_rustls(&PeerMisbehaved::IncorrectBinder.into());
    assert!(matches!(other, TlsError::Protocol(_)), "{other:?}");
}

#[test]
fn alerts_mean_the_same_over_quic_as_over_tcp() {
    for (alert, expected) in [
        (49, Rejection::NotAuthorized),
        (42, Rejection::Identity { alert: 42 }),
        (46, Rejection::Identity { alert: 46 }),
        (51, Rejection::Identity { alert: 51 }),
        (116, Rejection::NoCertificate),
        (120, Rejection::Alpn),
        (70, Rejection::Version),
        (40, Rejection::Other { alert: 40 }),
        (255, Rejection::Other { alert: 255 }),
    ] {
        assert_eq!(Rejection::from_alert(alert), expected);
        assert_eq!(Rejection::from_quic_code(0x100 + u64::from(alert)), Some(expected));
    }
    for code in [0, 0xff, 0x200, u64::MAX] {
        assert_eq!(Rejection::from_quic_code(code), None);
    }
}

#[test]
fn a_refused_node_and_a_bad_identity_get_different_alerts() {
    let refused = AlertDescription::from(CertificateError::ApplicationVerificationFailure);
    let bad = AlertDescription::from(CertificateError::Other(OtherError(Arc::new(wrong()))));
    assert_eq!(Rejection::from_alert(refused.into()), Rejection::NotAuthorized);
    assert_eq!(Rejection::from_alert(bad.into()), Rejection::Identity { alert: 46 });
}
