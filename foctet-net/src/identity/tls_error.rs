use std::io;

use noq::ConnectionError;
use rustls::{AlertDescription, CertificateError, Error, OtherError, PeerIncompatible};

use super::error::IdentityError;

/// The first QUIC transport error code that carries a TLS alert, RFC 9000 section 20.1.
const QUIC_CRYPTO_ERROR: u64 = 0x100;

/// How a handshake failed: what this side found, or what the peer's alert says that it found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// This side did not accept the peer's identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The peer refused, and said why by an alert.
    #[error("{0}")]
    Rejected(Rejection),
    /// The peer names no application protocol, or none that is spoken here.
    #[error("no application protocol in common")]
    NoAlpn,
    /// The peer does not speak TLS 1.3.
    #[error("the peer does not speak TLS 1.3")]
    Version,
    /// Anything else: what the peer sent is not TLS as we speak it.
    #[error("TLS failed: {0}")]
    Protocol(Box<str>),
}

impl TlsError {
    /// From what rustls says.
    pub fn from_rustls(error: &Error) -> Self {
        if let Some(identity) = IdentityError::from_rustls(error) {
            return Self::Identity(identity);
        }
        match error {
            Error::AlertReceived(alert) => Self::Rejected(Rejection::from_alert(u8::from(*alert))),
            Error::NoApplicationProtocol => Self::NoAlpn,
            Error::PeerIncompatible(
                PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::Tls13RequiredForQuic,
            ) => Self::Version,
            other => Self::Protocol(other.to_string().into()),
        }
    }

    /// From what a read or write over TLS and TCP gave; `None` if TLS had no part in it. A dialler gets the
    /// acceptor's refusal from its first read, not from the handshake.
    pub fn from_io(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Error>().map(Self::from_rustls)
    }

    /// From how a QUIC connection ended; `None` if TLS had no part in it.
    pub fn from_quic(error: &ConnectionError) -> Option<Self> {
        match error {
            ConnectionError::TransportError(ours) => match &ours.crypto {
                Some(crypto) => crypto.downcast_ref::<Error>().map(Self::from_rustls),
                // rustls sends no alert for an empty list of a server's certificates, and noq keeps only
                // the words of an error without an alert.
                None => (ours.reason == format!("TLS error: {}", Error::NoCertificatesPresented))
                    .then_some(Self::Identity(IdentityError::NoCertificate)),
            },
            ConnectionError::ConnectionClosed(close) => {
                Rejection::from_quic_code(close.error_code.into()).map(Self::Rejected)
            }
            _ => None,
        }
    }
}

impl IdentityError {
    /// What our verifier said, out of the error that rustls wrapped it in; `None` if the error is not about
    /// an identity that this side judged.
    pub fn from_rustls(error: &Error) -> Option<Self> {
        match error {
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
                Some(Self::NotAuthorized)
            }
            Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
                cause.downcast_ref::<Self>().cloned()
            }
            Error::NoCertificatesPresented => Some(Self::NoCertificate),
            _ => None,
        }
    }
}

/// What the peer's alert means, RFC 8446 section 6.2. Anyone on the way can forge it before the peer is
/// known, so it is a cause to show and never a reason to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The peer's application does not want this node (access_denied).
    #[error("the peer refused this node")]
    NotAuthorized,
    /// The peer does not accept this node's identity, or expected another node (certificate_unknown and its
    /// kin).
    #[error("the peer does not accept this node's identity (alert {alert})")]
    Identity {
        /// The alert's number.
        alert: u8,
    },
    /// The peer saw no certificate of this node (certificate_required).
    #[error("the peer saw no certificate of this node")]
    NoCertificate,
    /// The peer speaks no application protocol that was offered (no_application_protocol).
    #[error("the peer does not speak this application protocol")]
    Alpn,
    /// The peer does not speak TLS 1.3 (protocol_version).
    #[error("the peer does not speak this version of TLS")]
    Version,
    /// Any other alert.
    #[error("the peer ended the handshake (alert {alert})")]
    Other {
        /// The alert's number.
        alert: u8,
    },
}

impl Rejection {
    /// The same, from somebody who has not proved to be the peer: its word does not count as the peer's own.
    pub(crate) fn unproved(self) -> Self {
        match self {
            Self::NotAuthorized => Self::Other { alert: u8::from(AlertDescription::AccessDenied) },
            other => other,
        }
    }

    /// From the number of a TLS alert.
    pub fn from_alert(alert: u8) -> Self {
        match AlertDescription::from(alert) {
            AlertDescription::AccessDenied => Self::NotAuthorized,
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError => Self::Identity { alert },
            AlertDescription::CertificateRequired => Self::NoCertificate,
            AlertDescription::NoApplicationProtocol => Self::Alpn,
            AlertDescription::ProtocolVersion => Self::Version,
            _ => Self::Other { alert },
        }
    }

    /// From the code of a QUIC CONNECTION_CLOSE frame; `None` if it carries no alert.
    pub fn from_quic_code(code: u64) -> Option<Self> {
        let alert = u8::try_from(code.checked_sub(QUIC_CRYPTO_ERROR)?).ok()?;
        Some(Self::from_alert(alert))
    }
}

#[cfg(test)]
mod tests;
