//! rustls as it usually runs, and a handshake between it and ours.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::BytesMut;
use proptest::prelude::*;
use rustls::client::UnbufferedClientConnection;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::UnbufferedServerConnection;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme, SupportedCipherSuite,
};

use super::super::handshake::{Handshake, Party};
use super::super::records::Records;

/// Who is on which side, and how they talk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) suite: SupportedCipherSuite,
    /// Whether ours is the dialler.
    pub(super) dials: bool,
    /// How many tickets the acceptor sends, if it is rustls.
    pub(super) tickets: usize,
}

impl Ends {
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for suite in crate::identity::cipher_suites() {
            for dials in [true, false] {
                all.push(Self { suite, dials, tickets: 0 });
            }
        }
        assert_eq!(all.len(), 6);
        all
    }

    fn provider(&self) -> Arc<CryptoProvider> {
        Arc::new(CryptoProvider { cipher_suites: vec![self.suite], ..aws_lc_rs::default_provider() })
    }

    fn client(&self) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder_with_provider(self.provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        config.enable_secret_extraction = true;
        Arc::new(config)
    }

    fn server(&self) -> Arc<ServerConfig> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let certificate = rcgen::CertificateParams::new(["a.test".to_owned()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(self.provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.send_tls13_tickets = if self.dials { self.tickets } else { 0 };
        config.enable_secret_extraction = true;
        Arc::new(config)
    }
}

/// Any of them.
pub(super) fn every() -> impl Strategy<Value = Ends> {
    prop::sample::select(Ends::all())
}

/// Trusts everyone.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
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
        vec![SignatureScheme::ED25519]
    }
}

/// Our side after the handshake.
pub(super) struct Ours {
    pub(super) records: Records,
    /// What came and was not part of it.
    pub(super) input: BytesMut,
    /// How many bytes that was.
    pub(super) tickets: usize,
}

/// The other side.
pub(super) enum Theirs {
    Client(ClientConnection),
    Server(ServerConnection),
}

macro_rules! each {
    ($theirs:expr, $peer:ident => $what:expr) => {
        match $theirs {
            Theirs::Client($peer) => $what,
            Theirs::Server($peer) => $what,
        }
    };
}

impl Theirs {
    pub(super) fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// Takes what is on the wire, and gives the data in it.
    pub(super) fn hear(&mut self, mut wire: &[u8]) -> Result<Vec<u8>, Error> {
        let mut heard = Vec::new();
        while !wire.is_empty() {
            each!(self, peer => {
                peer.read_tls(&mut wire).unwrap();
                let state = peer.process_new_packets()?;
                let start = heard.len();
                heard.resize(start + state.plaintext_bytes_to_read(), 0);
                peer.reader().read_exact(&mut heard[start..]).unwrap();
            });
        }
        Ok(heard)
    }

    fn wire(&mut self) -> Vec<u8> {
        let mut wire = Vec::new();
        each!(self, peer => while peer.wants_write() {
            peer.write_tls(&mut wire).unwrap();
        });
        wire
    }

    /// What it puts on the wire to say this.
    pub(super) fn say(&mut self, data: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        for data in data.chunks(16 << 10) {
            each!(self, peer => peer.writer().write_all(data).unwrap());
            wire.extend(self.wire());
        }
        wire
    }

    pub(super) fn refresh(&mut self) {
        each!(self, peer => peer.refresh_traffic_keys().unwrap());
    }

    pub(super) fn close(&mut self) -> Vec<u8> {
        each!(self, peer => peer.send_close_notify());
        self.wire()
    }

    pub(super) fn has_heard_the_end(&mut self) -> bool {
        each!(self, peer => peer.process_new_packets().unwrap().peer_has_closed())
    }
}

/// Both sides after a handshake.
pub(super) fn pair(ends: &Ends) -> (Ours, Theirs) {
    let (client, server) = (ends.client(), ends.server());
    let name = ServerName::try_from("a.test").unwrap();
    if ends.dials {
        let ours = UnbufferedClientConnection::new(client, name).unwrap();
        handshake(ours, Theirs::Server(ServerConnection::new(server).unwrap()))
    } else {
        let ours = UnbufferedServerConnection::new(server).unwrap();
        handshake(ours, Theirs::Client(ClientConnection::new(client, name).unwrap()))
    }
}

fn handshake(party: impl Party, mut peer: Theirs) -> (Ours, Theirs) {
    let mut ours = Handshake::new(party);
    loop {
        let done = ours.advance().unwrap();
        let outgoing = std::mem::take(&mut ours.outgoing);
        assert_eq!(peer.hear(&outgoing).unwrap(), b"");
        ours.incoming.extend_from_slice(&peer.wire());
        if done {
            break;
        }
    }
    let (records, _, outgoing, input) = ours.finish().unwrap();
    assert!(outgoing.is_empty());
    (Ours { records, tickets: input.len(), input }, peer)
}
