//! The certificate profile: what a certificate must be to name a node.

mod usual;

use der::oid::AssociatedOid;
use der::{Decode, Encode, Tagged};
use foctet_core::NodeId;
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};
use x509_cert::spki::{AlgorithmIdentifierOwned, ObjectIdentifier};

use super::error::IdentityError;

/// The largest certificate that is looked at, in bytes. Ours have about 310; one that the usual tools make
/// has under 500.
pub const MAX_CERTIFICATE_SIZE: usize = 2048;

/// id-Ed25519, RFC 8410 section 3: the algorithm of keys and of signatures.
const ID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A certificate that meets the profile in everything but its signature.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct NodeCertificate {
    id: NodeId,
    /// The bytes that are signed, exactly as they came.
    signed: Vec<u8>,
    signature: [u8; 64],
}

impl NodeCertificate {
    /// The node that the certificate names.
    pub(super) fn id(&self) -> NodeId {
        self.id
    }

    /// Whether the key of the certificate has signed it.
    pub(super) fn verify_self_signature(&self) -> Result<(), IdentityError> {
        self.id.verify(&self.signed, &self.signature).map_err(|_| IdentityError::SelfSignature)
    }
}

/// Reads a certificate and holds it against the profile, all but the signature. The dates must be
/// well-formed, from 1970 to 9999, and are ignored: an identity is a key, not a lease. Whoever has a node in mind says so,
/// which makes reading its certificate cheaper, and nothing else.
pub(super) fn read(bytes: &[u8], expected: Option<NodeId>) -> Result<NodeCertificate, IdentityError> {
    match usual::read(bytes, expected) {
        Some(certificate) => Ok(certificate),
        None => read_any(bytes),
    }
}

fn read_any(bytes: &[u8]) -> Result<NodeCertificate, IdentityError> {
    if bytes.len() > MAX_CERTIFICATE_SIZE {
        return Err(IdentityError::TooLarge { size: bytes.len() });
    }
    let certificate = Certificate::from_der(bytes).map_err(|_| IdentityError::NotDer)?;
    let tbs = certificate.tbs_certificate();
    // What does not come out as it went in was not DER, however lenient the reader is.
    if certificate.to_der().ok().as_deref() != Some(bytes) {
        return Err(IdentityError::NotDer);
    }
    if !is_canonical(tbs) {
        return Err(IdentityError::NotDer);
    }
    let signed = tbs.to_der().map_err(|_| IdentityError::NotDer)?;

    if tbs.version() != Version::V3 {
        return Err(IdentityError::Version);
    }
    let id = subject_key(tbs)?;
    if !is_ed25519(tbs.signature()) || !is_ed25519(certificate.signature_algorithm()) {
        return Err(IdentityError::SignatureAlgorithm);
    }
    let signature = certificate
        .signature()
        .as_bytes()
        .and_then(|signature| signature.try_into().ok())
        .ok_or(IdentityError::SelfSignature)?;
    if tbs.issuer().is_empty() || tbs.issuer() != tbs.subject() {
        return Err(IdentityError::NotSelfIssued);
    }
    if tbs.issuer_unique_id().is_some() || tbs.subject_unique_id().is_some() {
        return Err(IdentityError::UniqueIdentifier);
    }
    check_extensions(tbs, id)?;
    Ok(NodeCertificate { id, signed, signature })
}

/// Where the reader keeps bytes as they came, so that they come out the same whatever they are: object
/// identifiers, and the values of a name's attributes.
fn is_canonical(tbs: &TbsCertificate) -> bool {
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let mut attributes = tbs.issuer().iter().chain(tbs.subject().iter());
    extensions.iter().all(|extension| is_minimal(extension.extn_id))
        && attributes.all(|attribute| is_minimal(attribute.oid) && !attribute.value.tag().is_constructed())
}

/// Whether no arc starts with a zero digit, ITU-T X.690 section 8.19.2.
fn is_minimal(oid: ObjectIdentifier) -> bool {
    let mut within = false;
    oid.as_bytes().iter().all(|byte| {
        let padded = !within && *byte == 0x80;
        within = byte & 0x80 != 0;
        !padded
    })
}

/// RFC 8410, section 3: the parameters are absent.
fn is_ed25519(algorithm: &AlgorithmIdentifierOwned) -> bool {
    algorithm.oid == ID_ED25519 && algorithm.parameters.is_none()
}

fn subject_key(tbs: &TbsCertificate) -> Result<NodeId, IdentityError> {
    let info = tbs.subject_public_key_info();
    if !is_ed25519(&info.algorithm) {
        return Err(IdentityError::KeyAlgorithm);
    }
    let key = info
        .subject_public_key
        .as_bytes()
        .and_then(|key| key.try_into().ok())
        .ok_or(IdentityError::KeyAlgorithm)?;
    NodeId::from_bytes(key).map_err(IdentityError::Key)
}

fn check_extensions(tbs: &TbsCertificate, id: NodeId) -> Result<(), IdentityError> {
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let mut named = false;
    for (at, extension) in extensions.iter().enumerate() {
        // The size bound keeps this at a few dozen.
        if extensions.iter().take(at).any(|earlier| earlier.extn_id == extension.extn_id) {
            return Err(IdentityError::DoubledExtension);
        }
        match extension.extn_id {
            SubjectAltName::OID => {
                check_name(extension, id)?;
                named = true;
            }
            // No chains are built, so what it says does not matter; tools put it in, and mark it critical.
            BasicConstraints::OID => {
                strict::<BasicConstraints>(extension)?;
            }
            KeyUsage::OID => check_key_usage(extension)?,
            _ if extension.critical => return Err(IdentityError::UnknownCriticalExtension),
            _ => {}
        }
    }
    if named { Ok(()) } else { Err(IdentityError::MissingName) }
}

fn check_name(extension: &Extension, id: NodeId) -> Result<(), IdentityError> {
    let SubjectAltName(names) = strict(extension)?;
    match names.as_slice() {
        [] => Err(IdentityError::MissingName),
        [GeneralName::DnsName(name)] if name.as_str() == id.to_string() => Ok(()),
        [GeneralName::DnsName(_)] => Err(IdentityError::NameMismatch),
        _ => Err(IdentityError::ForeignName),
    }
}

fn check_key_usage(extension: &Extension) -> Result<(), IdentityError> {
    if strict::<KeyUsage>(extension)?.digital_signature() { Ok(()) } else { Err(IdentityError::KeyUsage) }
}

/// An extension's content, which must be DER to the letter as well.
fn strict<T: for<'a> Decode<'a> + Encode>(extension: &Extension) -> Result<T, IdentityError> {
    let bytes = extension.extn_value.as_bytes();
    let value = T::from_der(bytes).map_err(|_| IdentityError::NotDer)?;
    if value.to_der().ok().as_deref() == Some(bytes) { Ok(value) } else { Err(IdentityError::NotDer) }
}

#[cfg(test)]
mod tests;
