//! Where the keys after the first ones come from.

use rustls::client::ClientConnectionData;
use rustls::crypto::cipher::{AeadKey, Iv};
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{ConnectionTrafficSecrets, Error, HandshakeType, SupportedCipherSuite, Tls13CipherSuite};

/// What is left of a handshake: RFC 8446, section 7.2, and what a server says after it.
pub(super) trait Ratchet: Send {
    /// The next keys of what we send.
    fn sending(&mut self) -> Result<ConnectionTrafficSecrets, Error>;

    /// The next keys of what the peer sends.
    fn receiving(&mut self) -> Result<ConnectionTrafficSecrets, Error>;

    /// Takes the content of a NewSessionTicket (section 4.6.1), which nobody here resumes by.
    fn ticket(&mut self, content: &[u8]) -> Result<(), Error>;
}

impl Ratchet for KernelConnection<ClientConnectionData> {
    fn sending(&mut self) -> Result<ConnectionTrafficSecrets, Error> {
        Ok(self.update_tx_secret()?.1)
    }

    fn receiving(&mut self) -> Result<ConnectionTrafficSecrets, Error> {
        Ok(self.update_rx_secret()?.1)
    }

    fn ticket(&mut self, content: &[u8]) -> Result<(), Error> {
        self.handle_new_session_ticket(content)
    }
}

impl Ratchet for KernelConnection<ServerConnectionData> {
    fn sending(&mut self) -> Result<ConnectionTrafficSecrets, Error> {
        Ok(self.update_tx_secret()?.1)
    }

    fn receiving(&mut self) -> Result<ConnectionTrafficSecrets, Error> {
        Ok(self.update_rx_secret()?.1)
    }

    fn ticket(&mut self, _: &[u8]) -> Result<(), Error> {
        Err(Error::InappropriateHandshakeMessage {
            expect_types: vec![HandshakeType::KeyUpdate],
            got_type: HandshakeType::NewSessionTicket,
        })
    }
}

/// How records are protected: the suite, which must be one of TLS 1.3.
pub(super) fn protection(suite: SupportedCipherSuite) -> Result<&'static Tls13CipherSuite, Error> {
    suite.tls13().ok_or_else(|| Error::General("not a cipher suite of TLS 1.3".into()))
}

/// The key and the vector that nonces are made from.
pub(super) fn split(secrets: ConnectionTrafficSecrets) -> Result<(AeadKey, Iv), Error> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Ok((key, iv)),
        // The enum may grow.
        _ => Err(Error::General("a cipher that is not known here".into())),
    }
}
