//! A foreign implementation of TLS: OpenSSL as the dialler and as the acceptor, with certificates of its own making.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command as Blocking, Stdio};

use foctet_core::{NodeId, SecretKey};
use foctet_net::{HandshakeError, IdentityError, Rejection, TlsError, Transport};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::forge::{ED25519, sequence, tlv};
use crate::ours::*;

const TCP_ALPN: &str = "qmux-02.test/1";

/// OpenSSL's working directory with a node's key and certificate in it; `None` where there is no OpenSSL.
struct OpenSsl {
    directory: tempfile::TempDir,
}

impl OpenSsl {
    fn new() -> Option<Self> {
        let found =
            Blocking::new("openssl").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: openssl not found");
            return None;
        }
        Some(Self { directory: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs one command to its end.
    fn run(&self, args: &[&str]) {
        let output = Blocking::new("openssl").args(args).current_dir(self.directory.path()).output().unwrap();
        assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Hands OpenSSL the secret key of a node, in PKCS #8 (RFC 8410, section 7).
    fn import(&self, key: &SecretKey) {
        let seed = tlv(0x04, tlv(0x04, key.to_bytes().as_slice()));
        let pkcs8 = sequence(&[tlv(0x02, [0]), tlv(0x30, tlv(0x06, ED25519)), seed]);
        std::fs::File::create(self.path("key.der")).unwrap().write_all(&pkcs8).unwrap();
        self.run(&["pkey", "-inform", "DER", "-in", "key.der", "-out", "key.pem"]);
    }

    /// Has OpenSSL make and sign a certificate with `key.pem` that names `id`.
    fn certify(&self, id: NodeId) {
        let name = format!("subjectAltName=DNS:{id}");
        self.run(&[
            "req",
            "-x509",
            "-new",
            "-key",
            "key.pem",
            "-subj",
            "/CN=foreign",
            "-days",
            "1",
            "-addext",
            &name,
            "-out",
            "cert.pem",
        ]);
    }

    /// A node whose key and certificate OpenSSL holds.
    fn node(&self, key: &SecretKey) {
        self.import(key);
        self.certify(key.node_id());
    }

    fn client(&self, addr: SocketAddr, args: &[&str]) -> Child {
        self.spawn(
            &[&["s_client", "-connect", &addr.to_string(), "-servername", "foctet", "-msg"], args].concat(),
        )
    }

    fn spawn(&self, args: &[&str]) -> Child {
        Command::new("openssl")
            .args(args)
            .current_dir(self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Starts an acceptor on a port that was free a moment ago.
    async fn server(&self, args: &[&str]) -> (Child, SocketAddr) {
        let addr = {
            let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            probe.local_addr().unwrap()
        };
        let accept = addr.to_string();
        let mut child = self.spawn(&[&["s_server", "-accept", &accept, "-msg"], args].concat());
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        soon("s_server", async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("ACCEPT") {
                    return;
                }
            }
            panic!("s_server ended");
        })
        .await;
        (child, addr)
    }
}

const SHOWING: &[&str] = &["-key", "key.pem", "-cert", "cert.pem"];

fn showing<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [SHOWING, args].concat()
}

/// Everything that the program says until it ends, its input held open.
async fn said(child: &mut Child) -> String {
    let mut text = Vec::new();
    soon("openssl", child.stdout.as_mut().unwrap().read_to_end(&mut text)).await.unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether it says (`-msg`) that it got this alert, and a fatal one.
fn was_told(said: &str, alert: u8) -> bool {
    let wanted = format!("02 {alert:02x}");
    let mut lines = said.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("<<<")
            && line.contains("Alert")
            && lines.next().is_some_and(|line| line.trim() == wanted)
        {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn openssl_as_the_dialler_with_a_good_identity_is_taken() {
    let Some(openssl) = OpenSsl::new() else { return };
    openssl.node(&peer());
    let ours = Ours::new().await;
    let mut client =
        openssl.client(ours.addr(Transport::Tcp), &showing(&["-alpn", TCP_ALPN, "-tls1_3", "-quiet"]));
    // QMux: our transport parameters are the first thing that an accepted dialler reads.
    let mut output = client.stdout.take().unwrap();
    let opening = soon("our first frame", async {
        let mut seen = Vec::new();
        let mut byte = [0];
        while !seen.ends_with(b"\xff\x51\x53\x30\x0d\x0a\x0d\x0a") {
            assert_ne!(
                output.read(&mut byte).await.unwrap(),
                0,
                "closed after {:?}",
                seen.escape_ascii().to_string()
            );
            seen.push(byte[0]);
        }
        seen
    });
    assert!(!opening.await.is_empty());
    client.kill().await.unwrap();
}

#[tokio::test]
async fn openssl_as_the_dialler_with_a_bad_identity_is_refused() {
    let Some(openssl) = OpenSsl::new() else { return };
    let mut ours = Ours::new().await;
    let addr = ours.addr(Transport::Tcp);
    let identity = |error| HandshakeError::Tls(TlsError::Identity(error));
    let with_alpn = |args: &[&'static str]| [args, &["-alpn", TCP_ALPN]].concat();

    let mut expect = async |what: &str, args: &[&str], expected: HandshakeError, alert: Option<u8>| {
        let mut client = openssl.client(addr, args);
        assert_eq!(ours.failure(what).await, expected, "{what}");
        let said = said(&mut client).await;
        if let Some(alert) = alert {
            assert!(was_told(&said, alert), "{what}: {said}");
        }
    };

    expect(
        "no certificate",
        &with_alpn(&[]),
        identity(IdentityError::NoCertificate),
        Some(CERTIFICATE_REQUIRED),
    )
    .await;

    openssl.node(&peer());
    expect("no ALPN", SHOWING, HandshakeError::Tls(TlsError::NoAlpn), None).await;
    let other = showing(&["-alpn", "http/1.1"]);
    expect("another ALPN", &other, HandshakeError::Tls(TlsError::NoAlpn), Some(NO_APPLICATION_PROTOCOL))
        .await;
    let old = showing(&["-alpn", TCP_ALPN, "-tls1_2"]);
    expect("TLS 1.2", &old, HandshakeError::Tls(TlsError::Version), Some(PROTOCOL_VERSION)).await;

    openssl.certify(key(3).node_id());
    let shown = with_alpn(SHOWING);
    expect("another's name", &shown, identity(IdentityError::NameMismatch), Some(CERTIFICATE_UNKNOWN)).await;
}

/// OpenSSL does not sign with a key that our request for a certificate leaves no scheme for, so it shows nothing.
#[tokio::test]
async fn openssl_as_the_dialler_with_another_kind_of_key_is_refused() {
    let Some(openssl) = OpenSsl::new() else { return };
    let mut ours = Ours::new().await;
    for (what, kind) in [
        ("RSA", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..]),
        ("P-256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ("Ed448", &["-algorithm", "ED448"]),
    ] {
        openssl.run(&[&["genpkey"], kind, &["-out", "key.pem"]].concat());
        openssl.certify(peer().node_id());
        let args = showing(&["-alpn", TCP_ALPN]);
        let mut client = openssl.client(ours.addr(Transport::Tcp), &args);
        let failure = ours.failure(what).await;
        let HandshakeError::Tls(TlsError::Identity(error)) = failure else { panic!("{what}: {failure:?}") };
        assert!(
            matches!(error, IdentityError::NoCertificate | IdentityError::KeyAlgorithm),
            "{what}: {error:?}"
        );
        assert!(was_told(&said(&mut client).await, CERTIFICATE_REQUIRED), "{what}");
    }
}

#[tokio::test]
async fn openssl_as_the_acceptor_with_a_good_identity_is_taken() {
    let Some(openssl) = OpenSsl::new() else { return };
    openssl.node(&peer());
    let (mut server, addr) =
        openssl.server(&showing(&["-alpn", TCP_ALPN, "-Verify", "1", "-naccept", "1"])).await;
    // OpenSSL does not speak QMux, but it writes what we tell it to: a record with transport parameters that let one
    // stream be opened, which is for our hello.
    let parameters = b"\x04\x01\x3f\x07\x01\x3f\x09\x01\x01";
    let record = [b"\x12\xff\x51\x53\x30\x0d\x0a\x0d\x0a\x09", parameters.as_slice()].concat();
    let mut input = server.stdin.take().unwrap();
    input.write_all(&record).await.unwrap();
    let connection = dial("s_server", peer().node_id(), Transport::Tcp, addr).await.unwrap();
    assert_eq!(connection.remote_id(), peer().node_id());
    server.kill().await.unwrap();
}

#[tokio::test]
async fn openssl_as_the_acceptor_with_a_bad_identity_is_refused() {
    let Some(openssl) = OpenSsl::new() else { return };

    let expect = async |what: &str, args: &[&str], expected: TlsError, alert: Option<u8>| {
        let (mut server, addr) = openssl.server(&[args, &["-naccept", "1"]].concat()).await;
        let result = dial(what, peer().node_id(), Transport::Tcp, addr).await;
        assert_eq!(tls(what, result), expected, "{what}");
        let said = said(&mut server).await;
        if let Some(alert) = alert {
            assert!(was_told(&said, alert), "{what}: {said}");
        }
    };

    openssl.node(&peer());
    expect(
        "TLS 1.2",
        &showing(&["-alpn", TCP_ALPN, "-tls1_2"]),
        TlsError::Rejected(Rejection::Version),
        None,
    )
    .await;
    expect("another ALPN", &showing(&["-alpn", "http/1.1"]), TlsError::Rejected(Rejection::Alpn), None).await;
    expect("no ALPN", SHOWING, TlsError::Rejected(Rejection::Alpn), None).await;

    openssl.certify(key(3).node_id());
    let wrong = TlsError::Identity(IdentityError::NameMismatch);
    expect("another's name", &showing(&["-alpn", TCP_ALPN]), wrong, Some(CERTIFICATE_UNKNOWN)).await;

    openssl.node(&key(3));
    let (expected, got) = (peer().node_id(), key(3).node_id());
    let wrong = TlsError::Identity(IdentityError::WrongIdentity { expected, got });
    expect("another node", &showing(&["-alpn", TCP_ALPN]), wrong, Some(CERTIFICATE_UNKNOWN)).await;

    openssl.run(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem"]);
    openssl.certify(peer().node_id());
    // It finds no scheme to prove its key by among those that we take.
    let refused = TlsError::Rejected(Rejection::Other { alert: 40 });
    expect("RSA", &showing(&["-alpn", TCP_ALPN]), refused, None).await;
}

#[test]
fn the_certificate_of_openssl_meets_the_profile() {
    let Some(openssl) = OpenSsl::new() else { return };
    openssl.node(&peer());
    openssl.run(&["x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der"]);
    let certificate = std::fs::read(Path::new(&openssl.path("cert.der"))).unwrap();
    assert_eq!(foctet_net::peer_node_id(&[certificate.into()]), Ok(peer().node_id()));
}
