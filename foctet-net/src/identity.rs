//! Who a node is, as TLS sees it: one Ed25519 key, one self-signed certificate, one verifier.
//!
//! An endpoint makes one [`Identity`] and keeps it; [`Identity::client_config`] (one for each dial) and
//! [`Identity::server_config`] (one for all) give rustls configurations that serve QUIC and TCP alike. What
//! a handshake ended in is told by [`TlsError::from_io`] over TCP and by [`TlsError::from_quic`] over QUIC.
//!
//! How a transport uses it:
//! - dial with the server name [`SERVER_NAME`];
//! - after every handshake call [`require_alpn`] (over TCP rustls lets a peer without ALPN through) and
//!   [`peer_node_id`], before anything is read or written;
//! - a dialler believes in nothing before the acceptor's first byte (TCP) or HANDSHAKE_DONE (QUIC): until
//!   then the acceptor may still refuse, and the refusal is an alert that the next read yields as an
//!   [`io::Error`](std::io::Error) for [`TlsError::from_io`].
//!
//! The profile that a stranger has to meet is written down in `docs/spec/identity.md`.

mod certificate;
mod error;
mod key_file;
mod known;
mod profile;
mod provider;
mod signer;
mod tls_error;
mod verifier;

use std::fmt;
use std::sync::Arc;

use foctet_core::{NodeId, SecretKey};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig};

pub use self::error::IdentityError;
pub use self::key_file::{KeyFile, KeyFileError};
use self::known::Known;
pub use self::profile::MAX_CERTIFICATE_SIZE;
use self::signer::NodeSigner;
pub use self::tls_error::{Rejection, TlsError};
pub use self::verifier::Authorize;
use self::verifier::{PeerVerifier, Policy};

/// The server name of every handshake: a constant, so that a passive observer learns no identity from it.
pub const SERVER_NAME: &str = "foctet";

/// A node's key with everything that handshakes need, made once for an endpoint. Cloning is cheap.
#[derive(Clone)]
pub struct Identity {
    id: NodeId,
    certificate: CertificateDer<'static>,
    /// What every dial starts from; the verifier in it trusts nobody.
    client: Arc<ClientConfig>,
    resolver: Arc<SingleCertAndKey>,
    known: Arc<Known>,
}

impl Identity {
    /// Makes the certificate of `secret_key` and what surrounds it.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Unmakeable`] if the certificate cannot be made, which no valid key causes.
    pub fn new(secret_key: &SecretKey) -> Result<Self, IdentityError> {
        let signer = NodeSigner::new(secret_key.clone());
        let id = secret_key.node_id();
        let certificate = certificate::make(&signer)?;
        let key = CertifiedKey::new(vec![certificate.clone()], Arc::new(signer));
        let resolver = Arc::new(SingleCertAndKey::from(key));
        let known = Arc::new(Known::default());
        let nobody = PeerVerifier::new(Policy::Nobody, Arc::clone(&known));
        let mut client =
            ClientConfig::builder_with_details(provider::provider(), Arc::new(provider::NoClock))
                .with_protocol_versions(provider::VERSIONS)
                .map_err(IdentityError::unmakeable)?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(nobody))
                .with_client_cert_resolver(Arc::clone(&resolver) as _);
        client.resumption = Resumption::disabled();
        client.enable_early_data = false;
        // Over TCP records are opened and sealed by `tcp::tls`; QUIC takes the keys in its own way.
        client.enable_secret_extraction = true;
        Ok(Self { id, certificate, client: Arc::new(client), resolver, known })
    }

    /// Does what the process's first handshake would else wait for, some 20 ms. To be called where blocking is fine, on
    /// a thread that ends before the process does: AWS-LC may abort one that draws randomness during the exit.
    pub(crate) fn prepare() {
        provider::prepare();
    }

    /// The node's public name.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The node's self-signed certificate. The same key gives the same bytes.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What one dial to `expected` needs: any other node fails the handshake with
    /// [`IdentityError::WrongIdentity`]. `alpns` are the identifiers as they go over the wire, best first.
    pub fn client_config(&self, expected: NodeId, alpns: Vec<Vec<u8>>) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(&self.client);
        config.alpn_protocols = alpns;
        let verifier = PeerVerifier::new(Policy::Exactly(expected), Arc::clone(&self.known));
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        Arc::new(config)
    }

    /// What every acceptance needs. `authorize` is asked inside the handshake, after the dialler has proved
    /// that it holds its key; `false` refuses it with [`IdentityError::NotAuthorized`]. It must not block.
    /// `alpns` are the identifiers as they go over the wire, best first.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Unmakeable`] if rustls does not take the configuration, which nothing here causes.
    pub fn server_config(
        &self,
        alpns: Vec<Vec<u8>>,
        authorize: Arc<Authorize>,
    ) -> Result<Arc<ServerConfig>, IdentityError> {
        let verifier = Arc::new(PeerVerifier::new(Policy::Asked(authorize), Arc::clone(&self.known)));
        let mut config =
            ServerConfig::builder_with_details(provider::provider(), Arc::new(provider::NoClock))
                .with_protocol_versions(provider::VERSIONS)
                .map_err(IdentityError::unmakeable)?
                .with_client_cert_verifier(verifier)
                .with_cert_resolver(Arc::clone(&self.resolver) as _);
        config.alpn_protocols = alpns;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        config.send_half_rtt_data = false;
        config.enable_secret_extraction = true;
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The suites that connections may come to use.
#[cfg(test)]
pub(crate) fn cipher_suites() -> Vec<rustls::SupportedCipherSuite> {
    provider::provider().cipher_suites.clone()
}

/// The node at the other end of a connection whose handshake is complete, from the certificates that rustls
/// or noq (`peer_identity()`, a boxed `Vec<CertificateDer<'static>>`) keeps of it. Either role.
///
/// # Errors
///
/// What the handshake would have been refused for; never after a handshake with one of our configurations.
pub fn peer_node_id(certificates: &[CertificateDer<'_>]) -> Result<NodeId, IdentityError> {
    peer_node_id_near(certificates, None)
}

/// The same, cheaper if it is most likely this one.
pub(crate) fn peer_node_id_near(
    certificates: &[CertificateDer<'_>],
    expected: Option<NodeId>,
) -> Result<NodeId, IdentityError> {
    match certificates {
        [] => Err(IdentityError::NoCertificate),
        [one] => profile::read(one, expected).map(|certificate| certificate.id()),
        more => Err(IdentityError::CertificateCount { got: more.len() }),
    }
}

/// The application protocol that the handshake settled on. TLS goes on without one; foctet does not.
///
/// # Errors
///
/// [`TlsError::NoAlpn`] if there is none.
pub fn require_alpn(negotiated: Option<&[u8]>) -> Result<&[u8], TlsError> {
    negotiated.filter(|alpn| !alpn.is_empty()).ok_or(TlsError::NoAlpn)
}

#[cfg(test)]
mod tests;
