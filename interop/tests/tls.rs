//! Under TLS, where ALPN decides which protocol is spoken: ours is spelt as the other library spells it.
#![forbid(unsafe_code)]

use std::sync::Arc;

use foctet_interop::{Payload, Peer, Settings, patience};
use foctet_mux::{Connection, Role};
use qmux::Version;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use web_transport_trait::Session as _;

/// As over QUIC.
const PROTOCOL: &str = "foctet-interop/1";
/// As over TCP.
const ALPN: &[u8] = b"qmux-02.foctet-interop/1";

fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let certificate =
        rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

fn configurations() -> (ClientConfig, ServerConfig) {
    let (certificate, key) = certificate();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    client.alpn_protocols = vec![ALPN.to_vec()];
    server.alpn_protocols = vec![ALPN.to_vec()];
    (client, server)
}

async fn exchange(opener: Peer, other: Peer) {
    let (there, back) = (Payload::new(1, 1_000_000), Payload::new(2, 1_000_000));
    let (mut send, mut recv) = opener.open_bi().await.unwrap();
    let answer = async {
        let (mut send, mut recv) = other.accept_bi().await.unwrap();
        tokio::join!(back.send(&mut send), there.expect(&mut recv));
    };
    tokio::join!(there.send(&mut send), back.expect(&mut recv), answer);
}

#[tokio::test]
async fn the_other_library_negotiates_our_alpn_as_a_client() {
    let (client, server) = configurations();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TlsAcceptor::from(Arc::new(server)).accept(stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(ALPN));
        Connection::new(stream, Role::Server, Settings::default().for_foctet())
    };
    let connect = async {
        qmux::tls::Client::new(Arc::new(client))
            .with_protocol(PROTOCOL, &[Version::QMux02])
            .require_protocol()
            .with_session_config(Settings::default().for_qmux())
            .connect(address, "localhost")
            .await
            .unwrap()
    };
    patience(async {
        let (foctet, qmux) = tokio::join!(accept, connect);
        assert_eq!(qmux.protocol(), Some(PROTOCOL));
        exchange(Peer::Qmux(qmux.into()), Peer::Foctet(foctet)).await;
    })
    .await;
}

#[tokio::test]
async fn the_other_library_negotiates_our_alpn_as_a_server() {
    let (client, server) = configurations();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async {
        let (stream, _) = listener.accept().await.unwrap();
        let server = qmux::tls::Server::new(Arc::new(server));
        server.with_session_config(Settings::default().for_qmux()).accept(stream).await.unwrap()
    };
    let connect = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(ALPN));
        Connection::new(stream, Role::Client, Settings::default().for_foctet())
    };
    patience(async {
        let (qmux, foctet) = tokio::join!(accept, connect);
        assert_eq!(qmux.protocol(), Some(PROTOCOL));
        exchange(Peer::Foctet(foctet), Peer::Qmux(qmux.into())).await;
    })
    .await;
}
