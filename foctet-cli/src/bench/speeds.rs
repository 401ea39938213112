//! How fast one core seals and hashes.

use std::time::{Duration, Instant};

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};

/// Each is measured for so long: enough to be steady, too short to be a burden on whoever asks a server.
const TIME: Duration = Duration::from_millis(100);

/// Hashed at once: what a transfer hashes as one.
const GROUP: usize = 1 << 20;

/// Bytes a second, on one core.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Speeds {
    /// Sealed by the AEAD of the cipher suite.
    pub(super) seal: f64,
    /// Hashed by BLAKE3.
    pub(super) hash: f64,
}

/// Measures both, sealing `block` bytes at once. Blocks for a fifth of a second.
pub(super) fn measure(cipher_suite: &str, block: usize) -> Speeds {
    let mut group = vec![7; GROUP];
    let hash = rate(GROUP, || {
        let hash = blake3::hash(&group);
        group[0] ^= hash.as_bytes()[0];
    });
    Speeds { seal: seal(cipher_suite, block).unwrap_or(0.0), hash }
}

fn seal(cipher_suite: &str, block: usize) -> Option<f64> {
    let algorithm = algorithm(cipher_suite);
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &[7; 32][..algorithm.key_len()]).ok()?);
    let mut data = vec![0; block];
    let mut sequence: u64 = 0;
    Some(rate(block, || {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&sequence.to_be_bytes());
        sequence = sequence.wrapping_add(1);
        let tag =
            key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut data);
        debug_assert!(tag.is_ok());
    }))
}

/// The AEAD of a cipher suite of TLS 1.3.
fn algorithm(cipher_suite: &str) -> &'static Algorithm {
    if cipher_suite.contains("CHACHA20") {
        &CHACHA20_POLY1305
    } else if cipher_suite.contains("AES_256") {
        &AES_256_GCM
    } else {
        &AES_128_GCM
    }
}

/// Bytes a second of `work`, which does so many bytes each time.
fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    work();
    let start = Instant::now();
    let mut times: u64 = 0;
    loop {
        work();
        times = times.saturating_add(1);
        let elapsed = start.elapsed();
        if elapsed >= TIME {
            return times as f64 * bytes as f64 / elapsed.as_secs_f64();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cipher_suite_of_ours_is_measured() {
        for suite in
            ["TLS13_AES_128_GCM_SHA256", "TLS13_AES_256_GCM_SHA384", "TLS13_CHACHA20_POLY1305_SHA256"]
        {
            assert!(seal(suite, 1200).unwrap() > 0.0, "{suite}");
        }
        assert!(measure("TLS13_AES_128_GCM_SHA256", 16_384).hash > 0.0);
    }
}
