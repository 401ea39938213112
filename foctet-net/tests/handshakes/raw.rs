//! Bytes that are no handshake, or only part of one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use foctet_net::{AttemptError, ConnectError, HandshakeError, TlsError, Transport};
use noq::crypto::rustls::QuicClientConfig;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::time::Instant;

use crate::hostile::{self, Peer};
use crate::ours::*;

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How far off a deadline may be: time runs while sockets are set up, and stands still afterwards.
const SLACK: Duration = Duration::from_secs(2);

/// Handshakes that one address may have under way.
const PER_ADDRESS: usize = 64;

fn session() -> ClientConnection {
    let config = Arc::new(Peer::honest(&peer()).client_config(Transport::Tcp));
    ClientConnection::new(config, ServerName::try_from("foctet").unwrap()).unwrap()
}

/// A good ClientHello, in its record.
fn client_hello() -> Vec<u8> {
    let mut hello = Vec::new();
    session().write_tls(&mut hello).unwrap();
    hello
}

/// Whether the other side ended the connection, whatever it said first.
async fn ended(stream: &mut TcpStream) {
    // A reset is an end too.
    stream.read_to_end(&mut Vec::new()).await.ok();
}

fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    let huge = {
        // A handshake message of 16 MiB - 1, in records of the largest size.
        let mut bytes = vec![22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
        bytes.resize(5 + 0x4000, 0);
        bytes
    };
    let over_64_kib = {
        let mut bytes = Vec::new();
        for record in 0..5_u8 {
            bytes.extend([22, 3, 1, 0x40, 0]);
            let start = bytes.len();
            if record == 0 {
                bytes.extend([1, 1, 0, 1, 3, 3]);
            }
            bytes.resize(start + 0x4000, record);
        }
        bytes
    };
    vec![
        ("zeroes", vec![0; 1000]),
        ("ones", vec![0xff; 1000]),
        ("an HTTP request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("an SSH banner", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        ("a hello of SSL 2", [&[0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10][..], &[7; 37]].concat()),
        ("application data first", [&[23, 3, 3, 0, 5][..], b"hello"].concat()),
        ("a ServerHello", [&[22, 3, 3, 0, 42, 2, 0, 0, 38][..], &[3; 38]].concat()),
        ("an alert", vec![21, 3, 3, 0, 2, 2, 80]),
        ("an unknown record", vec![99, 3, 3, 0, 2, 2, 80]),
        ("an empty handshake record", vec![22, 3, 1, 0, 0]),
        ("a record beyond the largest", [&[22, 3, 1, 0xff, 0xff][..], &[0; 0xffff]].concat()),
        ("a hello of 16 MiB", huge),
        ("a hello of over 64 KiB", over_64_kib),
        ("a hello with a length that lies", {
            let mut hello = client_hello();
            // The length of the list of ciphers, behind the session id.
            hello[76] ^= 0x55;
            hello
        }),
    ]
}

#[tokio::test]
async fn nonsense_is_refused_at_once() {
    let mut ours = Ours::new().await;
    for (what, bytes) in nonsense() {
        let mut stream = TcpStream::connect(ours.addr(Transport::Tcp)).await.unwrap();
        // It may be cut off in the middle.
        stream.write_all(&bytes).await.ok();
        let failure = ours.failure(what).await;
        assert!(
            matches!(failure, HandshakeError::Tls(TlsError::Protocol(_) | TlsError::Rejected(_))),
            "{what}: {failure:?}"
        );
        soon(what, ended(&mut stream)).await;
    }
}

#[tokio::test]
async fn a_dialler_that_goes_away_is_noticed_at_once() {
    let mut ours = Ours::new().await;
    let hello = client_hello();
    for sent in [0, 1, 5, 100, hello.len()] {
        let what = format!("gone after {sent} bytes");
        let mut stream = TcpStream::connect(ours.addr(Transport::Tcp)).await.unwrap();
        stream.write_all(&hello[..sent]).await.unwrap();
        drop(stream);
        let failure = ours.failure(&what).await;
        assert_eq!(failure, HandshakeError::Abandoned, "{what}");
    }
}

#[tokio::test]
async fn an_acceptor_that_answers_nonsense_is_refused_at_once() {
    for (what, bytes) in nonsense() {
        // To a dialler an alert is an answer, and a ServerHello that is cut short is waited for.
        if what == "an alert" {
            continue;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let answering = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(&bytes).await.ok();
            ended(&mut stream).await;
        };
        let ((), result) =
            tokio::join!(soon(what, answering), dial(what, peer().node_id(), Transport::Tcp, addr));
        assert!(matches!(tls(what, result), TlsError::Protocol(_)), "{what}");
    }
}

/// TLS may cut a handshake message into records as it likes; a ClientHello of one-byte records is slow to write and
/// no more than that.
#[tokio::test]
async fn a_hello_in_one_byte_records_is_read() {
    let ours = Ours::new().await;
    let addr = ours.addr(Transport::Tcp);
    let shaking = tokio::task::spawn_blocking(move || {
        let mut session = session();
        let mut hello = Vec::new();
        session.write_tls(&mut hello).unwrap();
        let crumbs: Vec<u8> = hello[5..].iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]).collect();
        let mut socket = std::net::TcpStream::connect(addr).unwrap();
        socket.set_read_timeout(Some(GENEROUS)).unwrap();
        socket.write_all(&crumbs).unwrap();
        let mut bytes = [0; 64];
        rustls::Stream::new(&mut session, &mut socket).read(&mut bytes).unwrap()
    });
    assert_ne!(shaking.await.unwrap(), 0, "no mux frame came");
}

/// From here on time stands still but for timers: the next one fires whenever nothing else is left to do.
fn stop_the_clock() {
    tokio::time::pause();
}

#[track_caller]
fn assert_on_time(what: &str, since: Instant) {
    let elapsed = since.elapsed();
    assert!(
        (HANDSHAKE_TIMEOUT - SLACK..HANDSHAKE_TIMEOUT + SLACK).contains(&elapsed),
        "{what}: after {elapsed:?}"
    );
}

#[tokio::test]
async fn a_handshake_stalled_at_any_byte_is_given_up() {
    let hello = client_hello();
    // Every byte of the headers, then every seventh.
    let cuts: Vec<usize> = (0..48).chain((48..=hello.len()).step_by(7)).collect();
    for cuts in cuts.chunks(PER_ADDRESS / 2) {
        let mut ours = Ours::new().await;
        let begun = Instant::now();
        let mut stalled = Vec::new();
        for cut in cuts {
            let mut stream = TcpStream::connect(ours.addr(Transport::Tcp)).await.unwrap();
            stream.write_all(&hello[..*cut]).await.unwrap();
            stalled.push(stream);
        }
        stop_the_clock();
        for _ in cuts {
            assert_eq!(ours.failures.recv().await.unwrap().error, HandshakeError::TimedOut);
        }
        assert_on_time("stalled", begun);
        tokio::time::resume();
        for mut stream in stalled {
            soon("the end", ended(&mut stream)).await;
        }
    }
}

/// The dialler has our flight, and says nothing more; or its own flight breaks off.
#[tokio::test]
async fn a_handshake_stalled_after_our_flight_is_given_up() {
    let mut ours = Ours::new().await;
    let mut stream = TcpStream::connect(ours.addr(Transport::Tcp)).await.unwrap();
    let begun = Instant::now();
    stream.write_all(&client_hello()).await.unwrap();
    soon("our flight", stream.read_exact(&mut [0; 500])).await.unwrap();
    stop_the_clock();
    assert_eq!(ours.failures.recv().await.unwrap().error, HandshakeError::TimedOut);
    assert_on_time("stalled", begun);
}

/// A byte now and then does not buy time.
#[tokio::test]
async fn a_trickle_does_not_extend_the_deadline() {
    let mut ours = Ours::new().await;
    let mut stream = TcpStream::connect(ours.addr(Transport::Tcp)).await.unwrap();
    let begun = Instant::now();
    let trickling = async {
        for byte in client_hello() {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(900)).await;
        }
        std::future::pending::<()>().await;
    };
    stop_the_clock();
    let failure = tokio::select! {
        () = trickling => unreachable!(),
        failure = ours.failures.recv() => failure.unwrap().error,
    };
    assert_eq!(failure, HandshakeError::TimedOut);
    assert_on_time("a trickle", begun);
}

#[tokio::test]
async fn an_acceptor_that_never_answers_is_given_up() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    for (transport, addr) in
        [(Transport::Tcp, listener.local_addr().unwrap()), (Transport::Quic, silent.local_addr().unwrap())]
    {
        let endpoint = Ours::new().await.endpoint;
        let begun = Instant::now();
        stop_the_clock();
        let options = foctet_net::ConnectOptions::default().prefer(foctet_net::Prefer::Only(transport));
        let result = endpoint.connect_with(node(peer().node_id(), transport, addr), ALPN, options).await;
        let error = result.unwrap_err();
        assert!(
            matches!(error, ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. }),
            "{transport:?}: {error:?}"
        );
        let attempts: Vec<_> = error.attempts().iter().map(|attempt| &attempt.error).collect();
        assert_eq!(attempts, [&AttemptError::TimedOut], "{transport:?}");
        assert_on_time("silence", begun);
        tokio::time::resume();
    }
}

/// One address gets so many handshakes at once and no more; others are served meanwhile, and so is it when it has
/// let go.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn half_open_handshakes_are_bounded() {
    let mut ours = Ours::new().await;
    let addr = ours.addr(Transport::Tcp);
    let mut stalled = Vec::new();
    for _ in 0..PER_ADDRESS {
        stalled.push(TcpStream::connect(addr).await.unwrap());
    }
    let mut excess = TcpStream::connect(addr).await.unwrap();
    assert_eq!(ours.failure("one too many").await, HandshakeError::Overloaded);
    soon("one too many", ended(&mut excess)).await;

    // Loopback is a whole network on Linux.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
    let stream = socket.connect(addr).await.unwrap();
    assert_ne!(soon("another address", first_bytes(stream)).await, 0);

    drop(stalled);
    for _ in 0..PER_ADDRESS {
        assert_eq!(ours.failure("let go").await, HandshakeError::Abandoned);
    }
    let dialler = Peer::honest(&peer()).silent();
    let seen = soon("the same address again", hostile::dial(&dialler, Transport::Tcp, addr)).await;
    assert_ne!(seen.bytes, 0);
}

/// How many bytes come first after an honest handshake.
async fn first_bytes(stream: TcpStream) -> usize {
    let config = Arc::new(Peer::honest(&peer()).client_config(Transport::Tcp));
    let name = ServerName::try_from("foctet").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await.unwrap();
    stream.read(&mut [0; 64]).await.unwrap()
}

/// Sends on what a QUIC dialler sends, up to a number of datagrams, and nothing in return.
#[tokio::test]
async fn a_quic_handshake_stalled_after_any_datagram_is_given_up() {
    for datagrams in 1..=3 {
        let what = format!("stalled after {datagrams} datagrams");
        let mut ours = Ours::new().await;
        let middle = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let config = QuicClientConfig::try_from(hybrid_client()).unwrap();
        let config = noq::ClientConfig::new(Arc::new(config));
        let dialler = noq::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let connecting = dialler.connect_with(config, middle.local_addr().unwrap(), "foctet").unwrap();
        let mut buffer = [0; 2048];
        for _ in 0..datagrams {
            let (length, _) = soon(&what, middle.recv_from(&mut buffer)).await.unwrap();
            middle.send_to(&buffer[..length], ours.addr(Transport::Quic)).await.unwrap();
        }
        let begun = Instant::now();
        // Something came back: the handshake has begun over there.
        soon(&what, middle.recv_from(&mut buffer)).await.unwrap();
        stop_the_clock();
        assert_eq!(ours.failures.recv().await.unwrap().error, HandshakeError::TimedOut, "{what}");
        assert_on_time(&what, begun);
        tokio::time::resume();
        drop(connecting);
    }
}

/// As one of ours dials: its first flight takes two datagrams.
fn hybrid_client() -> rustls::ClientConfig {
    use rustls::crypto::aws_lc_rs::{default_provider, kx_group};

    let dialler = Peer::honest(&peer());
    let mut provider = default_provider();
    provider.kx_groups = vec![kx_group::X25519MLKEM768, kx_group::X25519];
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(hostile::BelievesAnything))
        .with_client_cert_resolver(Arc::new(dialler.clone()));
    config.alpn_protocols = dialler.alpns(Transport::Quic);
    config
}

/// Datagrams that are no QUIC, or QUIC of another version, cost nobody anything.
#[tokio::test]
async fn datagrams_of_nonsense_are_ignored() {
    let ours = Ours::new().await;
    let addr = ours.addr(Transport::Quic);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    for (_, bytes) in nonsense() {
        socket.send_to(&bytes[..bytes.len().min(1400)], addr).await.unwrap();
    }
    for length in [0, 1, 20, 21, 1199, 1200, 1400] {
        for first in [0x00, 0x40, 0x80, 0xc0, 0xff] {
            let mut bytes = vec![0x5a; length];
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            socket.send_to(&bytes, addr).await.unwrap();
        }
    }
    // It is alive and well.
    let dialler = Peer::honest(&peer()).silent();
    let seen = soon("an honest dialler", hostile::dial(&dialler, Transport::Quic, addr)).await;
    assert!(seen.confirmed);
}
