use foctet_core::{NodeId, NodeIdError};

/// Why a peer's identity was not accepted by this side. Each cause has its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The peer presented no certificate.
    #[error("the peer presented no certificate")]
    NoCertificate,
    /// The peer presented several certificates.
    #[error("the peer presented {got} certificates instead of one")]
    CertificateCount {
        /// How many.
        got: usize,
    },
    /// The certificate is larger than [`MAX_CERTIFICATE_SIZE`](crate::identity::MAX_CERTIFICATE_SIZE).
    #[error("the peer's certificate has {size} bytes, which is too large")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The certificate is no X.509 certificate in DER, to the letter.
    #[error("the peer's certificate is not well-formed DER")]
    NotDer,
    /// The certificate is of version 1 or 2.
    #[error("the peer's certificate is not of X.509 version 3")]
    Version,
    /// The certificate's key is not Ed25519, or its parameters are not absent.
    #[error("the peer's key is not an Ed25519 key")]
    KeyAlgorithm,
    /// The certificate is signed by another algorithm than Ed25519, or says so in one of two places.
    #[error("the peer's certificate is not signed by Ed25519")]
    SignatureAlgorithm,
    /// The certificate's key is no valid NodeId: a small-order or non-canonical point, for instance.
    #[error("the peer's key is no valid NodeId: {0}")]
    Key(NodeIdError),
    /// The certificate's signature does not hold under its own key.
    #[error("the peer's certificate is not signed by its own key")]
    SelfSignature,
    /// Subject and issuer differ, or are empty.
    #[error("the peer's certificate is not its own issuer")]
    NotSelfIssued,
    /// The certificate carries issuer or subject unique identifiers.
    #[error("the peer's certificate carries unique identifiers")]
    UniqueIdentifier,
    /// The certificate has no subject alternative name.
    #[error("the peer's certificate carries no name")]
    MissingName,
    /// The subject alternative name is something else than one dNSName.
    #[error("the peer's certificate carries other names than one NodeId")]
    ForeignName,
    /// The certificate's name is not the NodeId of its key.
    #[error("the name in the peer's certificate disagrees with its key")]
    NameMismatch,
    /// The same extension occurs twice.
    #[error("the peer's certificate carries an extension twice")]
    DoubledExtension,
    /// An extension is marked critical, and this implementation does not know it.
    #[error("the peer's certificate carries an unknown critical extension")]
    UnknownCriticalExtension,
    /// The certificate says that its key is not for signing.
    #[error("the peer's certificate forbids signing with its key")]
    KeyUsage,
    /// The proof of possession (CertificateVerify) is made by another scheme than Ed25519.
    #[error("the peer proved its key by another scheme than Ed25519")]
    SignatureScheme,
    /// The proof of possession (CertificateVerify) does not hold: the peer does not have the key.
    #[error("the peer does not hold the key that it claims")]
    CertificateVerify,
    /// The peer is a valid node, but another than the one dialled.
    #[error("expected node {expected}, but {got} answered")]
    WrongIdentity {
        /// The node that was dialled.
        expected: NodeId,
        /// The node that answered, and proved it.
        got: NodeId,
    },
    /// The peer is a valid node, and the application refused it.
    #[error("the application refused the peer")]
    NotAuthorized,
    /// This node's own certificate or configuration could not be made.
    #[error("cannot make this node's identity: {0}")]
    Unmakeable(Box<str>),
}

impl IdentityError {
    pub(super) fn unmakeable(cause: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self::Unmakeable(cause.into().to_string().into())
    }
}
