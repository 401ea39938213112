use std::fmt;

use foctet_core::{NodeId, SecretKey};
use rustls::pki_types::{SubjectPublicKeyInfoDer, alg_id};
use rustls::sign::{Signer, SigningKey, public_key_to_spki};
use rustls::{SignatureAlgorithm, SignatureScheme};

/// The node's key as rustls (CertificateVerify) and rcgen (the certificate) want to sign with it, so that
/// the secret lives in one place only.
#[derive(Clone)]
pub(super) struct NodeSigner {
    secret_key: SecretKey,
    id: NodeId,
}

impl NodeSigner {
    pub(super) fn new(secret_key: SecretKey) -> Self {
        let id = secret_key.node_id();
        Self { secret_key, id }
    }

    pub(super) fn id(&self) -> NodeId {
        self.id
    }
}

impl fmt::Debug for NodeSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeSigner").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey for NodeSigner {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ED25519).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(public_key_to_spki(&alg_id::ED25519, self.id.as_bytes()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for NodeSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(self.secret_key.sign(message).to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

impl rcgen::PublicKeyData for NodeSigner {
    fn der_bytes(&self) -> &[u8] {
        self.id.as_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl rcgen::SigningKey for NodeSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.secret_key.sign(message).to_vec())
    }
}
