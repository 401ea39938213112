//! What a peer that holds the keys may send, and what anyone on the way may make of it: whatever comes out was protected,
//! in that order and once.
//!
//! An operation is two bytes, what and how much, and what it carries.

use bytes::BytesMut;
use foctet_net::records::{Opened, Opener, Sealer};
use rustls::crypto::aws_lc_rs::cipher_suite::{TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256};
use rustls::crypto::cipher::{AeadKey, Iv};
use rustls::{ContentType, Tls13CipherSuite};

/// The longest handshake message that may be held, and the records that one look may leave.
const MAX_HELD: usize = 1 << 17;

/// The keys of one generation.
fn keys(generation: u8) -> (AeadKey, Iv) {
    (AeadKey::from([generation; 32]), Iv::from([generation; 12]))
}

struct Run {
    suite: &'static Tls13CipherSuite,
    sealer: Sealer,
    opener: Opener,
    /// The generation that the opener is at.
    opening: u8,
    wire: BytesMut,
    /// The data that was sealed and has not come out.
    sealed: Vec<u8>,
    over: bool,
}

impl Run {
    fn seal(&mut self, typ: ContentType, content: &[u8]) {
        if let Ok(record) = self.sealer.seal(typ, content.into()) {
            self.wire.extend_from_slice(&record);
            if typ == ContentType::ApplicationData {
                self.sealed.extend_from_slice(content);
            }
        }
    }

    fn open(&mut self) {
        while !self.over {
            match self.opener.open(&mut self.wire) {
                Ok(Opened::Data(data)) => {
                    assert!(!data.is_empty() && self.sealed.starts_with(&data), "data from nowhere");
                    self.sealed.drain(..data.len());
                }
                Ok(Opened::KeyUpdate { .. }) => {
                    self.opening = self.opening.wrapping_add(1);
                    let (key, iv) = keys(self.opening);
                    self.opener.rekey(key, iv);
                }
                Ok(Opened::Ticket(content)) => assert!(content.len() < MAX_HELD),
                Ok(Opened::Incomplete) => return,
                Ok(Opened::Closed) | Err(_) => self.over = true,
            }
        }
    }
}

pub(crate) fn run(data: &[u8]) {
    let Some((&first, mut data)) = data.split_first() else { return };
    let suite = if first & 1 == 0 { TLS13_CHACHA20_POLY1305_SHA256 } else { TLS13_AES_256_GCM_SHA384 };
    let Some(suite) = suite.tls13() else { return };
    let ((key, iv), (opening_key, opening_iv)) = (keys(0), keys(0));
    let mut run = Run {
        suite,
        sealer: Sealer::new(suite, key, iv),
        opener: Opener::new(suite, opening_key, opening_iv, 0),
        opening: 0,
        wire: BytesMut::new(),
        sealed: Vec::new(),
        over: false,
    };
    let mut sending = 0_u8;
    while let [what, length, rest @ ..] = data {
        let (content, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        match what % 10 {
            0 => run.seal(ContentType::ApplicationData, content),
            1 => run.seal(ContentType::ApplicationData, &content.repeat(200)),
            2 => run.seal(ContentType::Handshake, content),
            3 => run.seal(ContentType::Alert, content),
            4 => run.seal(ContentType::from(*length), content),
            5 => {
                run.seal(ContentType::Handshake, &[24, 0, 0, 1, length & 1]);
                sending = sending.wrapping_add(1);
                let (key, iv) = keys(sending);
                run.sealer = Sealer::new(run.suite, key, iv);
            }
            6 => run.wire.extend_from_slice(content),
            7 => {
                let at = usize::from(*length) % run.wire.len().max(1);
                if let Some(byte) = run.wire.get_mut(at) {
                    *byte ^= what | 1;
                }
            }
            8 => run.wire.truncate(run.wire.len().saturating_sub(usize::from(*length))),
            _ => run.open(),
        }
    }
    run.open();
}
