//! What TLS itself has to agree on: the version, the application protocol, the key exchange, the signature scheme.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use foctet_net::{AttemptError, ConnectError, HandshakeError, TlsError, Transport};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::{NamedGroup, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::forge::Forge;
use crate::hostile::{self, Acceptor, Demands, Peer};
use crate::ours::*;

/// The alert for parameters that do not meet.
const HANDSHAKE_FAILURE: u8 = 40;

#[tokio::test]
async fn a_dialler_without_a_known_application_protocol_is_refused() {
    for transport in TRANSPORTS {
        let mut ours = Ours::new().await;
        for (what, alpn) in [("none", None), ("unknown", Some(b"unknown/1".as_slice()))] {
            let dialler = Peer::honest(&peer()).with_alpn(alpn);
            let dialling = soon(what, hostile::dial(&dialler, transport, ours.addr(transport)));
            let (seen, failure) = tokio::join!(dialling, ours.failure(what));
            assert_eq!(failure, HandshakeError::Tls(TlsError::NoAlpn), "{what} over {transport:?}");
            assert_eq!(seen.bytes, 0, "{what} over {transport:?}");
            // TLS on its own goes on without application protocols, and has no alert for it afterwards.
            let silently = transport == Transport::Tcp && alpn.is_none();
            let alert = (!silently).then_some(NO_APPLICATION_PROTOCOL);
            assert_eq!(seen.alert, alert, "{what} over {transport:?}");
        }
    }
}

#[tokio::test]
async fn an_acceptor_without_the_application_protocol_is_refused_over_tcp() {
    for (what, alpn) in [("none", None), ("unknown", Some(b"unknown/1".as_slice()))] {
        let acceptor = Acceptor::bind(&Peer::honest(&peer()).with_alpn(alpn), Transport::Tcp).await;
        let dialling = dial(what, peer().node_id(), Transport::Tcp, acceptor.addr());
        let (seen, result) = tokio::join!(soon(what, acceptor.take()), dialling);
        assert_eq!(result.map(|_| ()), Err(ConnectError::AlpnRefused), "{what}");
        assert_eq!(seen.bytes, 0, "{what}");
    }
}

/// A ClientHello with the hybrid key exchange takes two datagrams, and noq 1.4 sends no CONNECTION_CLOSE for what it
/// finds wrong in the second to an address that it has not validated yet. So the acceptor knows why, and the dialler
/// learns no more than that nobody would talk to it.
#[tokio::test]
async fn an_acceptor_without_the_application_protocol_is_not_reached_over_quic() {
    for (what, alpn) in [("none", None), ("unknown", Some(b"unknown/1".as_slice()))] {
        let acceptor = Acceptor::bind(&Peer::honest(&peer()).with_alpn(alpn), Transport::Quic).await;
        let endpoint = foctet_net::Endpoint::builder()
            .bind((Ipv4Addr::LOCALHOST, 0).into())
            .handshake_timeout(Duration::from_millis(500))
            .build()
            .await
            .unwrap();
        let dialling = dial_from(&endpoint, what, peer().node_id(), Transport::Quic, acceptor.addr());
        let (seen, result) = tokio::join!(soon(what, acceptor.take()), dialling);
        let error = result.unwrap_err();
        let attempts: Vec<_> = error.attempts().iter().map(|attempt| &attempt.error).collect();
        assert_eq!(attempts, [&AttemptError::TimedOut], "{what}: {error:?}");
        assert_eq!(seen.bytes, 0, "{what}");
    }
}

/// The name over TCP differs from the one over QUIC, so that neither can be taken for the other.
#[tokio::test]
async fn the_name_over_quic_is_unknown_over_tcp_and_the_other_way_round() {
    let mut ours = Ours::new().await;
    for (transport, name) in [(Transport::Tcp, b"test/1".as_slice()), (Transport::Quic, b"qmux-02.test/1")] {
        let what = "the other transport's name";
        let dialler = Peer::honest(&peer());
        let mut config = dialler.client_config(transport);
        config.alpn_protocols = vec![name.to_vec()];
        let dialling =
            soon(what, hostile::dial_with(config, dialler.pushes, transport, ours.addr(transport)));
        let (seen, failure) = tokio::join!(dialling, ours.failure(what));
        assert_eq!(failure, HandshakeError::Tls(TlsError::NoAlpn));
        assert_eq!(seen.alert, Some(NO_APPLICATION_PROTOCOL));
    }
}

#[tokio::test]
async fn a_dialler_that_knows_only_tls_1_2_is_refused() {
    let mut ours = Ours::new().await;
    let mut stream = TcpStream::connect(ours.addr(Transport::Tcp)).await.unwrap();
    stream.write_all(&client_hello_1_2()).await.unwrap();
    let failure = ours.failure("TLS 1.2").await;
    assert_eq!(failure, HandshakeError::Tls(TlsError::Version));
    let mut answer = Vec::new();
    soon("TLS 1.2", stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, PROTOCOL_VERSION]);
}

#[tokio::test]
async fn an_acceptor_that_answers_in_tls_1_2_is_refused() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let dialling = dial("TLS 1.2", peer().node_id(), Transport::Tcp, listener.local_addr().unwrap());
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let hello = read_record(&mut stream).await;
        stream.write_all(&server_hello_1_2(&hello)).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let (answer, result) = tokio::join!(soon("TLS 1.2", answering), dialling);
    assert_eq!(tls("TLS 1.2", result), TlsError::Version);
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, PROTOCOL_VERSION]);
}

/// What a client of 2010 sends: TLS 1.2, no extensions but the groups and signatures that it needs.
fn client_hello_1_2() -> Vec<u8> {
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 0x1d][..],                // supported_groups: x25519
        &[0, 13, 0, 6, 0, 4, 0x08, 0x07, 0x04, 0x03][..], // signature_algorithms: ed25519, ecdsa
    ]
    .concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    record(1, &body)
}

/// The answer of TLS 1.2 to `hello`, a whole record.
fn server_hello_1_2(hello: &[u8]) -> Vec<u8> {
    // The session id is behind the headers (5 + 4), the version (2) and the random bytes (32).
    let id_length = usize::from(hello[43]);
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend(&hello[43..44 + id_length]);
    body.extend([0xc0, 0x2b, 0]);
    record(2, &body)
}

/// A handshake message in a record of its own.
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 3];
    record.extend((length + 4).to_be_bytes());
    record.extend([kind, 0]);
    record.extend(length.to_be_bytes());
    record.extend(body);
    record
}

async fn read_record(stream: &mut TcpStream) -> Vec<u8> {
    let mut record = vec![0; 5];
    stream.read_exact(&mut record).await.unwrap();
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    stream.read_exact(&mut record[5..]).await.unwrap();
    record
}

/// A client that offers only another key exchange, or takes only other signatures.
#[tokio::test]
async fn parameters_that_do_not_meet_are_refused() {
    for transport in TRANSPORTS {
        let mut ours = Ours::new().await;
        let dialler = Peer::honest(&peer());
        let mut provider = default_provider();
        provider.kx_groups = vec![kx_group::SECP384R1];
        let mut other_group = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(hostile::BelievesAnything))
            .with_client_cert_resolver(Arc::new(dialler.clone()));
        other_group.alpn_protocols = dialler.alpns(transport);
        let what = "another group";
        let dialling =
            soon(what, hostile::dial_with(other_group, dialler.pushes, transport, ours.addr(transport)));
        let (seen, failure) = tokio::join!(dialling, ours.failure(what));
        assert!(matches!(failure, HandshakeError::Tls(TlsError::Protocol(_))), "{failure:?}");
        assert_eq!((seen.alert, seen.bytes), (Some(HANDSHAKE_FAILURE), 0), "{transport:?}");
    }
}

/// Our own nodes agree on the hybrid key exchange, and a dial shows nobody on the way whom it is for.
#[tokio::test]
async fn a_dial_offers_the_hybrid_first_and_names_no_node() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let dialling = dial("watched", peer().node_id(), Transport::Tcp, listener.local_addr().unwrap());
    let watching = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_record(&mut stream).await
    };
    let (hello, _) = tokio::join!(soon("watched", watching), dialling);
    let contains = |needle: &[u8]| hello.windows(needle.len()).any(|window| window == needle);
    for id in [peer().node_id(), own().node_id()] {
        assert!(!contains(id.as_bytes()));
        assert!(!contains(&id.to_string().as_bytes()[..10]));
    }
    assert!(contains(b"foctet"), "the server name");
    // supported_groups: X25519MLKEM768, X25519, and nothing else.
    assert!(contains(&[0, 10, 0, 6, 0, 4, 0x11, 0xec, 0x00, 0x1d]));
    // Key shares for both: 1184 + 32 bytes, and 32 bytes.
    assert!(contains(&[0x11, 0xec, 0x04, 0xc0]) && contains(&[0x00, 0x1d, 0x00, 0x20]));
    // signature_algorithms: ed25519, and nothing else.
    assert!(contains(&[0, 13, 0, 4, 0, 2, 0x08, 0x07]));
    // supported_versions: TLS 1.3, and nothing else.
    assert!(contains(&[0, 43, 0, 3, 2, 3, 4]));
}

/// Whoever dials gets the hybrid if it knows it, and is served without it.
#[tokio::test]
async fn the_hybrid_is_used_where_it_can_be() {
    use rustls::pki_types::ServerName;

    let ours = Ours::new().await;
    for (groups, expected) in [
        (vec![kx_group::X25519MLKEM768, kx_group::X25519], NamedGroup::X25519MLKEM768),
        (vec![kx_group::X25519], NamedGroup::X25519),
    ] {
        let dialler = Peer::honest(&peer());
        let mut provider = default_provider();
        provider.kx_groups = groups;
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(hostile::BelievesAnything))
            .with_client_cert_resolver(Arc::new(dialler.clone()));
        config.alpn_protocols = dialler.alpns(Transport::Tcp);
        let stream = TcpStream::connect(ours.addr(Transport::Tcp)).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("foctet").unwrap();
        let stream = soon("handshake", connector.connect(name, stream)).await.unwrap();
        let group = stream.get_ref().1.negotiated_key_exchange_group().map(|group| group.name());
        assert_eq!(group, Some(expected));
    }
}

/// The signature scheme is fixed: an acceptor gets no other proof out of us, whatever it asks for.
#[tokio::test]
async fn an_acceptor_that_takes_only_other_signatures_gets_nothing() {
    for transport in TRANSPORTS {
        let what = "no Ed25519";
        let server = Peer::honest(&peer());
        let judge = Arc::new(Demands::scheme(SignatureScheme::RSA_PSS_SHA256));
        let config = server.server_config_judging(transport, judge);
        let acceptor = Acceptor::with(config, server.pushes, transport).await;
        let dialling = dial(what, peer().node_id(), transport, acceptor.addr());
        let (seen, result) = tokio::join!(soon(what, acceptor.take()), dialling);
        assert!(matches!(tls(what, result), TlsError::Rejected(_) | TlsError::Protocol(_)), "{transport:?}");
        assert_eq!(seen.bytes, 0, "{transport:?}");
    }
}

#[test]
fn the_forger_writes_what_a_dialler_shows() {
    // The negative tables above mean something only if the forger's honest certificate is a good one.
    let certificate = Forge::of(&peer()).signed_by(&peer());
    assert_eq!(foctet_net::peer_node_id(&[certificate.into()]), Ok(peer().node_id()));
}
