//! Both directions of a connection whose handshake is done, without I/O.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use rustls::crypto::cipher::OutboundChunks;
use rustls::{AlertDescription, ContentType, Error, ExtractedSecrets, SupportedCipherSuite};

use super::alert;
use super::opener::{Opened, Opener};
use super::ratchet::{Ratchet, protection, split};
use super::sealer::{MAX_CONTENT, Sealer};

/// A KeyUpdate that asks for none in answer: RFC 8446, section 4.6.3.
const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];

/// What was received.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Never empty.
    Data(Bytes),
    /// The peer has closed its side.
    End,
    /// There is no whole record.
    Incomplete,
}

/// Opens what comes and seals what goes, and keeps the keys of both directions fresh.
pub(super) struct Records {
    opener: Opener,
    sealer: Sealer,
    ratchet: Box<dyn Ratchet>,
    /// Whether the peer has asked for new keys since we last sent some.
    owes_update: bool,
}

impl Records {
    pub(super) fn new(
        suite: SupportedCipherSuite,
        secrets: ExtractedSecrets,
        ratchet: Box<dyn Ratchet>,
    ) -> Result<Self, Error> {
        let suite = protection(suite)?;
        let ((sent, sending), (received, receiving)) = (secrets.tx, secrets.rx);
        if sent != 0 {
            // Nothing but tickets could have been sent under these keys, and we issue none.
            return Err(Error::General("a record was sent under the first keys".into()));
        }
        let ((key, iv), (opening_key, opening_iv)) = (split(sending)?, split(receiving)?);
        Ok(Self {
            opener: Opener::new(suite, opening_key, opening_iv, received),
            sealer: Sealer::new(suite, key, iv),
            ratchet,
            owes_update: false,
        })
    }

    #[cfg(test)]
    pub(super) fn sealer(&mut self) -> &mut Sealer {
        &mut self.sealer
    }

    /// Takes the next data off the front of `input`, and whatever is before it. Errors are those of [`Opener::open`].
    pub(super) fn open(&mut self, input: &mut BytesMut) -> Result<Received, Error> {
        loop {
            match self.opener.open(input)? {
                Opened::Data(data) => return Ok(Received::Data(data)),
                Opened::Closed => return Ok(Received::End),
                Opened::Incomplete => return Ok(Received::Incomplete),
                Opened::Ticket(content) => self.ratchet.ticket(&content)?,
                Opened::KeyUpdate { requested } => {
                    let (key, iv) = split(self.ratchet.receiving()?)?;
                    self.opener.rekey(key, iv);
                    // The answer goes before our next data (section 4.6.3), so that asking alone makes us write nothing.
                    self.owes_update |= requested;
                }
            }
        }
    }

    /// Puts `data`, in as few records as it fits, behind what `out` has.
    pub(super) fn seal(&mut self, data: &[&[u8]], out: &mut VecDeque<Vec<u8>>) -> Result<(), Error> {
        let mut rest = OutboundChunks::new(data);
        while !rest.is_empty() {
            if self.owes_update || self.sealer.is_worn() {
                self.update(out)?;
            }
            let (content, after) = rest.split_at(MAX_CONTENT);
            out.push_back(self.sealer.seal(ContentType::ApplicationData, content)?);
            rest = after;
        }
        Ok(())
    }

    fn update(&mut self, out: &mut VecDeque<Vec<u8>>) -> Result<(), Error> {
        out.push_back(self.sealer.seal(ContentType::Handshake, KEY_UPDATE.as_slice().into())?);
        let (key, iv) = split(self.ratchet.sending()?)?;
        self.sealer.rekey(key, iv);
        self.owes_update = false;
        Ok(())
    }

    /// Says that nothing more comes.
    pub(super) fn close(&mut self, out: &mut VecDeque<Vec<u8>>) -> Result<(), Error> {
        self.alert(AlertDescription::CloseNotify, out)
    }

    /// Tells the peer of an error in what it sent, if it should hear of it.
    pub(super) fn complain(&mut self, error: &Error, out: &mut VecDeque<Vec<u8>>) -> Result<(), Error> {
        alert::answer(error).map_or(Ok(()), |description| self.alert(description, out))
    }

    fn alert(&mut self, description: AlertDescription, out: &mut VecDeque<Vec<u8>>) -> Result<(), Error> {
        let content = alert::encode(description);
        out.push_back(self.sealer.seal(ContentType::Alert, content.as_slice().into())?);
        Ok(())
    }
}
