use std::time::Duration;

use rustls::pki_types::UnixTime;

use super::*;

fn key() -> SecretKey {
    SecretKey::from_bytes([0x5a; 32])
}

fn identity() -> Identity {
    Identity::new(&key()).unwrap()
}

fn alpns() -> Vec<Vec<u8>> {
    vec![b"a/1".to_vec(), b"b/1".to_vec()]
}

#[test]
fn nothing_is_kept_for_another_connection() {
    let server = identity().server_config(alpns(), Arc::new(|_| true)).unwrap();
    assert_eq!((server.send_tls13_tickets, server.max_early_data_size), (0, 0));
    assert!(!server.ticketer.enabled());
    assert!(!server.session_storage.can_cache());
    let client = identity().client_config(key().node_id(), alpns());
    assert!(!client.enable_early_data);
}

#[test]
fn the_clock_is_not_read() {
    let epoch = Some(UnixTime::since_unix_epoch(Duration::ZERO));
    let server = identity().server_config(alpns(), Arc::new(|_| true)).unwrap();
    assert_eq!(server.time_provider.current_time(), epoch);
    let client = identity().client_config(key().node_id(), alpns());
    assert_eq!(client.time_provider.current_time(), epoch);
}

#[test]
fn protocols_go_out_in_the_order_given() {
    assert_eq!(identity().client_config(key().node_id(), alpns()).alpn_protocols, alpns());
    let server = identity().server_config(alpns(), Arc::new(|_| true)).unwrap();
    assert_eq!(server.alpn_protocols, alpns());
}

#[test]
fn the_server_name_is_one_that_tls_takes() {
    assert!(rustls::pki_types::ServerName::try_from(SERVER_NAME).is_ok());
}

#[test]
fn a_peer_shows_one_certificate() {
    let one = identity().certificate().clone();
    assert_eq!(peer_node_id(std::slice::from_ref(&one)), Ok(key().node_id()));
    assert_eq!(peer_node_id(&[]), Err(IdentityError::NoCertificate));
    assert_eq!(peer_node_id(&[one.clone(), one]), Err(IdentityError::CertificateCount { got: 2 }));
}

#[test]
fn an_application_protocol_is_required() {
    assert_eq!(require_alpn(Some(b"a/1")), Ok(b"a/1".as_slice()));
    for none in [None, Some(b"".as_slice())] {
        assert_eq!(require_alpn(none), Err(TlsError::NoAlpn));
    }
}

#[test]
fn the_secret_is_never_shown() {
    let shown = format!("{:?} {:?}", identity(), NodeSigner::new(key()));
    assert!(shown.contains(&key().node_id().to_string()), "{shown}");
    for secret in ["90, 90", "5a5a", "5A5A"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
