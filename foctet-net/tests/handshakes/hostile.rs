//! Peers that do what an honest node never does, on raw rustls and noq.

use std::any::Any;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use foctet_core::SecretKey;
use foctet_net::Transport;
use noq::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureAlgorithm, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::forge::{Forge, with_large_s};

/// What a hostile peer pushes at us as soon as it can, hoping that somebody reads it.
pub const SECRET: &[u8] = b"bytes that nobody may deliver";

/// What a peer shows of itself, and what it asks for.
#[derive(Clone)]
pub struct Peer {
    /// In the order of the Certificate message.
    pub certificates: Vec<CertificateDer<'static>>,
    pub signer: Arc<LyingSigner>,
    /// As over QUIC; the prefix is added over TCP.
    pub alpn: Option<&'static [u8]>,
    /// What it sends as soon as it can.
    pub pushes: &'static [u8],
}

impl Peer {
    /// A node like ours, with the honest certificate of another maker.
    pub fn honest(key: &SecretKey) -> Self {
        Self::showing(key, Forge::of(key).signed_by(key))
    }

    /// A peer that holds `key` and shows `certificate`.
    pub fn showing(key: &SecretKey, certificate: Vec<u8>) -> Self {
        Self {
            certificates: vec![certificate.into()],
            signer: Arc::new(LyingSigner::new(key, Lie::None)),
            alpn: Some(crate::ours::ALPN),
            pushes: SECRET,
        }
    }

    pub fn lying(mut self, key: &SecretKey, lie: Lie) -> Self {
        self.signer = Arc::new(LyingSigner::new(key, lie));
        self
    }

    pub fn with_certificates(mut self, certificates: Vec<Vec<u8>>) -> Self {
        self.certificates = certificates.into_iter().map(CertificateDer::from).collect();
        self
    }

    pub fn with_alpn(mut self, alpn: Option<&'static [u8]>) -> Self {
        self.alpn = alpn;
        self
    }

    /// As it is, but it only listens.
    pub fn silent(mut self) -> Self {
        self.pushes = b"";
        self
    }

    pub fn alpns(&self, transport: Transport) -> Vec<Vec<u8>> {
        let prefix: &[u8] = if transport == Transport::Tcp { b"qmux-02." } else { b"" };
        self.alpn.map(|alpn| [prefix, alpn].concat()).into_iter().collect()
    }

    pub fn client_config(&self, transport: Transport) -> rustls::ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(BelievesAnything));
        let mut config = if self.certificates.is_empty() {
            builder.with_no_client_auth()
        } else {
            builder.with_client_cert_resolver(Arc::new(self.clone()))
        };
        config.alpn_protocols = self.alpns(transport);
        config
    }

    pub fn server_config(&self, transport: Transport) -> rustls::ServerConfig {
        self.server_config_judging(transport, Arc::new(BelievesAnything))
    }

    /// With its own opinion of diallers.
    pub fn server_config_judging(
        &self,
        transport: Transport,
        judge: Arc<dyn ClientCertVerifier>,
    ) -> rustls::ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(judge)
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = self.alpns(transport);
        // Bytes right behind the server's flight, before the client could say anything.
        config.send_half_rtt_data = true;
        config
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey {
            cert: self.certificates.clone(),
            key: Arc::clone(&self.signer) as _,
            ocsp: None,
        })
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Peer")
    }
}

impl ResolvesClientCert for Peer {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.certified())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Peer {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certified())
    }
}

/// What is wrong with a CertificateVerify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    /// One bit of the signature is flipped.
    FlippedBit(usize),
    /// S is not reduced.
    LargeS,
    /// A good signature of Ed25519 under the name of another scheme.
    Scheme(SignatureScheme),
    /// No bytes at all.
    Empty,
}

#[derive(Debug, Clone)]
pub struct LyingSigner {
    key: Arc<Key>,
    lie: Lie,
}

#[derive(Debug)]
enum Key {
    Node(Box<SecretKey>),
    /// Of another algorithm, honest in its way.
    Other(Arc<dyn SigningKey>),
}

impl LyingSigner {
    pub fn new(key: &SecretKey, lie: Lie) -> Self {
        Self { key: Arc::new(Key::Node(Box::new(key.clone()))), lie }
    }

    pub fn other(key: Arc<dyn SigningKey>) -> Self {
        Self { key: Arc::new(Key::Other(key)), lie: Lie::None }
    }
}

impl SigningKey for LyingSigner {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        match &*self.key {
            Key::Node(_) => Some(Box::new(self.clone())),
            // Whatever was offered, it signs as it can.
            Key::Other(key) => {
                key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::ECDSA_NISTP256_SHA256])
            }
        }
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for LyingSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let Key::Node(key) = &*self.key else { unreachable!("other keys bring their own signer") };
        let mut signature = key.sign(message);
        match self.lie {
            Lie::None | Lie::Scheme(_) => {}
            Lie::FlippedBit(bit) => signature[bit / 8] ^= 1 << (bit % 8),
            Lie::LargeS => signature = with_large_s(signature),
            Lie::Empty => return Ok(Vec::new()),
        }
        Ok(signature.to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        match self.lie {
            Lie::Scheme(scheme) => scheme,
            _ => SignatureScheme::ED25519,
        }
    }
}

/// Believes anything that anybody claims to be.
#[derive(Debug)]
pub struct BelievesAnything;

const EVERY_SCHEME: &[SignatureScheme] = &[
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::ED448,
];

impl ServerCertVerifier for BelievesAnything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        EVERY_SCHEME.to_vec()
    }
}

impl ClientCertVerifier for BelievesAnything {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
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
        EVERY_SCHEME.to_vec()
    }
}

/// Demands a certificate whose key proves itself by one of its schemes.
#[derive(Debug)]
pub struct Demands {
    schemes: Vec<SignatureScheme>,
    refusal: Option<CertificateError>,
}

impl Demands {
    pub fn scheme(scheme: SignatureScheme) -> Self {
        Self { schemes: vec![scheme], refusal: None }
    }

    /// Refuses whatever it is shown.
    pub fn refusing(refusal: CertificateError) -> Self {
        Self { schemes: EVERY_SCHEME.to_vec(), refusal: Some(refusal) }
    }
}

impl ClientCertVerifier for Demands {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match &self.refusal {
            Some(refusal) => Err(refusal.clone().into()),
            None => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        unreachable!("TLS 1.3 only")
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// What a hostile peer got out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The alert that ended it.
    pub alert: Option<u8>,
    /// Application bytes that came.
    pub bytes: usize,
    /// The handshake was complete as far as it could see.
    pub believed: bool,
    /// Over QUIC: the other side has taken it, and said so. Only a silent peer looks.
    pub confirmed: bool,
}

impl Seen {
    fn note(&mut self, error: &std::io::Error) {
        let tls = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
        if let Some(Error::AlertReceived(alert)) = tls {
            self.alert = Some((*alert).into());
        }
    }

    fn note_quic(&mut self, error: &noq::ConnectionError) {
        if let noq::ConnectionError::ConnectionClosed(close) = error {
            let code = u64::from(close.error_code);
            self.alert = code.checked_sub(0x100).and_then(|alert| alert.try_into().ok());
        }
    }
}

/// Dials `addr` as `peer`, pushes what it has to push at whoever answers, and waits for the end, or for the first
/// bytes that come in return.
pub async fn dial(peer: &Peer, transport: Transport, addr: SocketAddr) -> Seen {
    dial_with(peer.client_config(transport), peer.pushes, transport, addr).await
}

pub async fn dial_with(
    config: rustls::ClientConfig,
    pushes: &'static [u8],
    transport: Transport,
    addr: SocketAddr,
) -> Seen {
    let mut seen = Seen::default();
    match transport {
        Transport::Tcp => {
            let stream = TcpStream::connect(addr).await.unwrap();
            let name = ServerName::try_from("foctet").unwrap();
            match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
                Ok(stream) => {
                    seen.believed = true;
                    push(stream, pushes, &mut seen).await;
                }
                Err(error) => seen.note(&error),
            }
        }
        Transport::Quic => {
            let endpoint = noq::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            let config = QuicClientConfig::try_from(config).unwrap();
            let config = noq::ClientConfig::new(Arc::new(config));
            match endpoint.connect_with(config, addr, "foctet").unwrap().await {
                Ok(connection) => {
                    seen.believed = true;
                    push_quic(connection, pushes, &mut seen).await;
                }
                Err(error) => seen.note_quic(&error),
            }
        }
    }
    seen
}

async fn push<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, pushes: &'static [u8], seen: &mut Seen) {
    // A peer that is gone already is not our trouble.
    stream.write_all(pushes).await.ok();
    stream.flush().await.ok();
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer).await {
        Ok(read) => seen.bytes += read,
        Err(error) => seen.note(&error),
    }
}

async fn push_quic(connection: noq::Connection, pushes: &'static [u8], seen: &mut Seen) {
    if !pushes.is_empty() {
        if let Ok(mut stream) = connection.open_uni().await {
            stream.write_all(pushes).await.ok();
            stream.finish().ok();
        }
        connection.send_datagram(pushes.into()).ok();
    } else if connection.handshake_confirmed().await.is_ok() {
        seen.confirmed = true;
        return;
    }
    tokio::select! {
        error = connection.closed() => seen.note_quic(&error),
        Ok(_) = connection.accept_uni() => seen.bytes += 1,
        Ok(_) = connection.accept_bi() => seen.bytes += 1,
        Ok(datagram) = connection.read_datagram() => seen.bytes += datagram.len(),
    }
}

/// Waits for one dialler as `peer`.
pub struct Acceptor {
    socket: Socket,
    pushes: &'static [u8],
}

enum Socket {
    Tcp(TcpListener, TlsAcceptor),
    Quic(noq::Endpoint),
}

impl Acceptor {
    pub async fn bind(peer: &Peer, transport: Transport) -> Self {
        Self::with(peer.server_config(transport), peer.pushes, transport).await
    }

    pub async fn with(config: rustls::ServerConfig, pushes: &'static [u8], transport: Transport) -> Self {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket = match transport {
            Transport::Tcp => {
                let listener = TcpListener::bind(local).await.unwrap();
                Socket::Tcp(listener, TlsAcceptor::from(Arc::new(config)))
            }
            Transport::Quic => {
                let config = QuicServerConfig::try_from(config).unwrap();
                let config = noq::ServerConfig::with_crypto(Arc::new(config));
                Socket::Quic(noq::Endpoint::server(config, local).unwrap())
            }
        };
        Self { socket, pushes }
    }

    pub fn addr(&self) -> SocketAddr {
        match &self.socket {
            Socket::Tcp(listener, _) => listener.local_addr().unwrap(),
            Socket::Quic(endpoint) => endpoint.local_addr().unwrap(),
        }
    }

    /// Takes one dialler, pushes what it has to push at it, and waits for the end, or for the first bytes.
    pub async fn take(&self) -> Seen {
        let mut seen = Seen::default();
        match &self.socket {
            Socket::Tcp(listener, acceptor) => {
                let (stream, _) = listener.accept().await.unwrap();
                match acceptor.accept(stream).await {
                    Ok(stream) => {
                        seen.believed = true;
                        push(stream, self.pushes, &mut seen).await;
                    }
                    Err(error) => seen.note(&error),
                }
            }
            Socket::Quic(endpoint) => match endpoint.accept().await.unwrap().await {
                Ok(connection) => {
                    seen.believed = true;
                    push_quic(connection, self.pushes, &mut seen).await;
                }
                Err(error) => seen.note_quic(&error),
            },
        }
        seen
    }

    /// Takes one dialler as a good acceptor does. The connection lasts as long as what this gives.
    pub async fn take_well(&self) -> Box<dyn Any> {
        match &self.socket {
            Socket::Tcp(listener, acceptor) => {
                let (stream, _) = listener.accept().await.unwrap();
                let stream = acceptor.accept(stream).await.unwrap();
                let config = foctet_mux::Config::default();
                Box::new(foctet_mux::Connection::new(stream, foctet_mux::Role::Server, config))
            }
            Socket::Quic(endpoint) => Box::new(endpoint.accept().await.unwrap().await.unwrap()),
        }
    }
}
