use std::sync::{Arc, LazyLock, Once};

use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// TLS 1.3 and nothing else, on both transports.
pub(super) static VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// The cryptography of every handshake, built once for the process and never installed as its default.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        Arc::new(CryptoProvider {
            cipher_suites: cipher_suites(has_aes()),
            // The hybrid first: what is recorded today stays sealed against a later quantum computer.
            kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519],
            // Certificates are judged by our own verifier; nothing else may verify anything.
            signature_verification_algorithms: WebPkiSupportedAlgorithms { all: &[], mapping: &[] },
            ..aws_lc_rs::default_provider()
        })
    });
    Arc::clone(&PROVIDER)
}

/// Does what the process's first handshake would else wait for, and takes as long as that: AWS-LC tests and fills its
/// source of randomness, some 20 ms of one core.
pub(super) fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        // If it fails, so will the handshakes, which can say so.
        provider().secure_random.fill(&mut [0; 1]).ok();
    });
}

/// Best first. QUIC protects its Initial packets with AES-128-GCM, so that one is always there.
fn cipher_suites(has_aes: bool) -> Vec<SupportedCipherSuite> {
    let mut suites = vec![
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    if !has_aes {
        suites.rotate_right(1);
    }
    suites
}

/// Whether the processor has AES instructions; without them ChaCha20 is several times faster.
fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// Dates are ignored, so the clock is not even read: a machine that believes in 1970 connects all the same.
#[derive(Debug)]
pub(super) struct NoClock;

impl TimeProvider for NoClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hybrid_key_exchange_comes_first() {
        let names: Vec<_> = provider().kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(names, [rustls::NamedGroup::X25519MLKEM768, rustls::NamedGroup::X25519]);
    }

    #[test]
    fn aes_comes_first_only_where_the_processor_has_it() {
        let first = |has_aes| cipher_suites(has_aes).first().map(SupportedCipherSuite::suite);
        assert_eq!(first(true), Some(rustls::CipherSuite::TLS13_AES_128_GCM_SHA256));
        assert_eq!(first(false), Some(rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256));
    }

    #[test]
    fn quic_finds_its_initial_suite_either_way() {
        for has_aes in [true, false] {
            assert!(cipher_suites(has_aes).contains(&cipher_suite::TLS13_AES_128_GCM_SHA256));
        }
    }
}
