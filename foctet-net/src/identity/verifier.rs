use std::fmt;
use std::sync::Arc;

use foctet_core::NodeId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible,
    SignatureScheme,
};

use super::error::IdentityError;
use super::known::Known;
use super::profile;

/// Whether an application takes connections from a node.
pub type Authorize = dyn Fn(NodeId) -> bool + Send + Sync;

/// Whom this side is willing to talk to.
pub(super) enum Policy {
    /// Nobody: what a dial's configuration starts from.
    Nobody,
    /// A dialler's: the node that it dials.
    Exactly(NodeId),
    /// An acceptor's: whom the application authorises.
    Asked(Arc<Authorize>),
}

/// The one judge of peers, for both roles and both transports.
///
/// The certificate's form is judged first (`verify_*_cert`), then the proof that the peer holds its key
/// (`verify_tls13_signature`), then the certificate's own signature unless it is known to hold, and only then who the
/// peer is: a stranger who waves somebody else's certificate learns nothing about whom the application authorises or who
/// was here before, and the node named in [`IdentityError::WrongIdentity`] has proved its name.
pub(super) struct PeerVerifier {
    policy: Policy,
    known: Arc<Known>,
}

impl PeerVerifier {
    pub(super) fn new(policy: Policy, known: Arc<Known>) -> Self {
        Self { policy, known }
    }

    /// All but the certificate's own signature, which is worth its price only once the peer has proved its key.
    fn judge_form(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Result<(), IdentityError> {
        if !others.is_empty() {
            return Err(IdentityError::CertificateCount { got: others.len().saturating_add(1) });
        }
        profile::read(certificate, self.expected()).map(|_| ())
    }

    fn judge_possession(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        scheme: SignatureScheme,
        signature: &[u8],
    ) -> Result<(), IdentityError> {
        if scheme != SignatureScheme::ED25519 {
            return Err(IdentityError::SignatureScheme);
        }
        let read = profile::read(certificate, self.expected())?;
        let id = read.id();
        let signature = signature.try_into().map_err(|_| IdentityError::CertificateVerify)?;
        id.verify(message, signature).map_err(|_| IdentityError::CertificateVerify)?;
        let known = self.known.has(id, certificate);
        if !known {
            read.verify_self_signature()?;
        }
        self.judge_policy(id)?;
        if !known {
            // Not before: who is refused shall not displace who is not.
            self.known.add(id, certificate);
        }
        Ok(())
    }

    /// The node that the certificate will most likely be of.
    fn expected(&self) -> Option<NodeId> {
        match &self.policy {
            Policy::Exactly(expected) => Some(*expected),
            Policy::Nobody | Policy::Asked(_) => None,
        }
    }

    fn judge_policy(&self, id: NodeId) -> Result<(), IdentityError> {
        match &self.policy {
            Policy::Nobody => Err(IdentityError::NotAuthorized),
            Policy::Exactly(expected) if *expected == id => Ok(()),
            Policy::Exactly(expected) => Err(IdentityError::WrongIdentity { expected: *expected, got: id }),
            Policy::Asked(authorize) if authorize(id) => Ok(()),
            Policy::Asked(_) => Err(IdentityError::NotAuthorized),
        }
    }
}

/// As rustls wants it, which also chooses the alert: `access_denied` for a node that is refused by the
/// application, `certificate_unknown` for everything that is wrong with the identity itself.
fn refusal(error: IdentityError) -> Error {
    Error::InvalidCertificate(match error {
        IdentityError::NotAuthorized => CertificateError::ApplicationVerificationFailure,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    })
}

impl fmt::Debug for PeerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = match &self.policy {
            Policy::Nobody => "nobody".to_owned(),
            Policy::Exactly(id) => id.to_string(),
            Policy::Asked(_) => "whom the application authorises".to_owned(),
        };
        f.debug_struct("PeerVerifier").field("policy", &policy).finish()
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge_form(end_entity, intermediates).map_err(refusal)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge_possession(message, cert, dss.scheme, dss.signature()).map_err(refusal)?;
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge_form(end_entity, intermediates).map_err(refusal)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls13_signature(self, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(self)
    }
}

#[cfg(test)]
mod tests;
