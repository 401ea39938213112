//! What comes in, record by record: RFC 8446, section 5.

use bytes::{Buf, Bytes, BytesMut};
use rustls::crypto::cipher::{AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter};
use rustls::{
    ContentType, Error, HandshakeType, InvalidMessage, PeerMisbehaved, ProtocolVersion, Tls13CipherSuite,
};

use super::alert::{self, Notice};

/// What comes before every record's protected content, in bytes: its type, its version and its length.
pub(super) const HEADER: usize = 5;

/// The longest protected content, in bytes: section 5.2.
const MAX_PROTECTED: usize = (1 << 14) + 256;

/// A full record with a byte of type, the tag of every suite that we speak, and no padding, in bytes.
pub(super) const FULL_RECORD: usize = HEADER + (1 << 14) + 1 + 16;

/// How many records without data may come in a row: more than any stack has a reason for, and few enough to cost nothing.
pub(super) const MAX_IDLE: u8 = 32;

/// The longest handshake message, in bytes, with its header. Tickets have a few hundred, or thousands with the client's
/// certificates in them. Half of one may have to be held.
const MAX_MESSAGE: usize = 1 << 16;

/// What a handshake message begins with, in bytes: its type and its length.
const MESSAGE_HEADER: usize = 4;

/// What a record, or several, came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// Data, of one record, where it was received.
    Data(Bytes),
    /// The peer goes on with its next key, which must be given before anything else is opened
    /// (section 4.6.3), and may want us to do the same.
    KeyUpdate {
        /// Whether it does.
        requested: bool,
    },
    /// The content of a NewSessionTicket (section 4.6.1).
    Ticket(Vec<u8>),
    /// The peer has closed its side: what may still come is not looked at.
    Closed,
    /// Nothing: there is no whole record.
    Incomplete,
}

/// Opens records, under one key after another.
///
/// It looks at one record at a time, decrypts it in place, and holds nothing but the beginning of an unfinished handshake
/// message, at most 64 KiB. Whatever comes, it gives data that the peer protected, in order and once, or an error; once it
/// gave an error it is not to be used again.
pub struct Opener {
    suite: &'static Tls13CipherSuite,
    decrypter: Box<dyn MessageDecrypter>,
    sequence: u64,
    /// Handshake messages, as far as they have come.
    messages: BytesMut,
    /// Records without data since the last one with.
    idle: u8,
    closed: bool,
}

impl Opener {
    /// One that starts with this key, at the record of this number.
    pub fn new(suite: &'static Tls13CipherSuite, key: AeadKey, iv: Iv, sequence: u64) -> Self {
        Self {
            suite,
            decrypter: suite.aead_alg.decrypter(key, iv),
            sequence,
            messages: BytesMut::new(),
            idle: 0,
            closed: false,
        }
    }

    /// Goes on with another key.
    pub fn rekey(&mut self, key: AeadKey, iv: Iv) {
        self.decrypter = self.suite.aead_alg.decrypter(key, iv);
        self.sequence = 0;
    }

    /// Takes whole records off the front of `input` until one means something.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidMessage`]: no record, or no alert or handshake message in it, by its form;
    /// - [`Error::PeerSentOversizedRecord`];
    /// - [`Error::DecryptError`]: nothing that the peer protected, or not in this place;
    /// - [`Error::PeerMisbehaved`], [`Error::InappropriateMessage`] and [`Error::InappropriateHandshakeMessage`]: what must
    ///   not come here;
    /// - [`Error::AlertReceived`]: the peer has found an error.
    pub fn open(&mut self, input: &mut BytesMut) -> Result<Opened, Error> {
        loop {
            if self.closed {
                input.clear();
                return Ok(Opened::Closed);
            }
            if let Some(message) = self.next_message()? {
                return Ok(message);
            }
            let Some((typ, content)) = self.next_record(input)? else {
                return Ok(Opened::Incomplete);
            };
            if typ != ContentType::Handshake && !self.messages.is_empty() {
                // Section 5.1: "there MUST NOT be any other records between them".
                return Err(PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into());
            }
            match typ {
                ContentType::ApplicationData if content.is_empty() => {
                    self.idle(PeerMisbehaved::TooManyEmptyFragments)?;
                }
                ContentType::ApplicationData => {
                    self.idle = 0;
                    return Ok(Opened::Data(content));
                }
                ContentType::Alert => match alert::read(&content)? {
                    Notice::Closed => self.closed = true,
                    Notice::Canceled => self.idle(PeerMisbehaved::TooManyWarningAlertsReceived)?,
                },
                ContentType::Handshake => {
                    self.idle(PeerMisbehaved::TooManyKeyUpdateRequests)?;
                    if content.is_empty() {
                        // Section 5.1 forbids empty fragments of these.
                        return Err(InvalidMessage::InvalidEmptyPayload.into());
                    }
                    self.messages.extend_from_slice(&content);
                }
                got_type => {
                    return Err(Error::InappropriateMessage {
                        expect_types: vec![
                            ContentType::ApplicationData,
                            ContentType::Handshake,
                            ContentType::Alert,
                        ],
                        got_type,
                    });
                }
            }
        }
    }

    /// The type and the content of the next record, `None` while it is incomplete.
    fn next_record(&mut self, input: &mut BytesMut) -> Result<Option<(ContentType, Bytes)>, Error> {
        let Some(length) = protected_length(input)? else { return Ok(None) };
        if input.len() < HEADER + length {
            return Ok(None);
        }
        input.advance(HEADER);
        let mut record = input.split_to(length);
        let start = record.as_ptr();
        let message = InboundOpaqueMessage::new(
            ContentType::ApplicationData,
            ProtocolVersion::TLSv1_2,
            record.as_mut(),
        );
        let plain = self.decrypter.decrypt(message, self.sequence)?;
        // Overflow needs 2^64 records.
        self.sequence = self.sequence.checked_add(1).ok_or(Error::DecryptError)?;
        let (typ, length) = (plain.typ, plain.payload.len());
        if plain.payload.as_ptr() != start {
            // No cipher that we speak moves it.
            return Ok(Some((typ, Bytes::copy_from_slice(plain.payload))));
        }
        record.truncate(length);
        Ok(Some((typ, record.freeze())))
    }

    /// The first handshake message, once it is whole.
    fn next_message(&mut self) -> Result<Option<Opened>, Error> {
        let Some(&[typ, high, middle, low]) = self.messages.first_chunk::<MESSAGE_HEADER>() else {
            return Ok(None);
        };
        let length = MESSAGE_HEADER + u32::from_be_bytes([0, high, middle, low]) as usize;
        if length > MAX_MESSAGE {
            return Err(InvalidMessage::HandshakePayloadTooLarge.into());
        }
        if self.messages.len() < length {
            return Ok(None);
        }
        let message = self.messages.split_to(length);
        let content = message.get(MESSAGE_HEADER..).unwrap_or_default();
        match HandshakeType::from(typ) {
            HandshakeType::KeyUpdate => {
                let requested = match content {
                    [0] => false,
                    [1] => true,
                    _ => return Err(InvalidMessage::InvalidKeyUpdate.into()),
                };
                if !self.messages.is_empty() {
                    // Section 5.1: "Handshake messages MUST NOT span key changes".
                    return Err(PeerMisbehaved::KeyEpochWithPendingFragment.into());
                }
                Ok(Some(Opened::KeyUpdate { requested }))
            }
            HandshakeType::NewSessionTicket => Ok(Some(Opened::Ticket(content.to_vec()))),
            got_type => Err(Error::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::KeyUpdate, HandshakeType::NewSessionTicket],
                got_type,
            }),
        }
    }

    fn idle(&mut self, excess: PeerMisbehaved) -> Result<(), Error> {
        self.idle += 1;
        if self.idle > MAX_IDLE { Err(excess.into()) } else { Ok(()) }
    }
}

/// The length of the protected content of the record that `input` begins with, `None` while that is not there.
fn protected_length(input: &[u8]) -> Result<Option<usize>, Error> {
    let Some(&[typ, major, _, high, low]) = input.first_chunk::<HEADER>() else { return Ok(None) };
    match ContentType::from(typ) {
        ContentType::ApplicationData => {}
        ContentType::ChangeCipherSpec => {
            // Section 5: after the peer's Finished it is as unexpected as any other.
            return Err(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec.into());
        }
        _ => return Err(InvalidMessage::InvalidContentType.into()),
    }
    if major != 3 {
        return Err(InvalidMessage::UnknownProtocolVersion.into());
    }
    match usize::from(u16::from_be_bytes([high, low])) {
        0 => Err(InvalidMessage::InvalidEmptyPayload.into()),
        length if length > MAX_PROTECTED => Err(Error::PeerSentOversizedRecord),
        length => Ok(Some(length)),
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}
