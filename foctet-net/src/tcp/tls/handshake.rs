//! The handshake, which is rustls's. It is given one record at a time, so that none of those behind it is opened there.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Buf, BytesMut};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{ClientConfig, CommonState, Error, InvalidMessage, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::opener::{FULL_RECORD, HEADER};
use super::records::Records;
use super::secured::Secured;

/// How much of a handshake may be unread, in bytes: the longest message that rustls takes, and a record. Ours has under
/// 3 KiB.
const MAX_INCOMING: usize = 0xffff + FULL_RECORD;

/// How much is read at once, in bytes.
const READ: usize = 4096;

/// What a handshake settled.
#[derive(Debug)]
pub(in crate::tcp) struct Agreed {
    pub(in crate::tcp) alpn: Option<Box<[u8]>>,
    pub(in crate::tcp) certificates: Vec<CertificateDer<'static>>,
}

/// Handshakes as the dialler. What it says last may go out with the first data, or the flush, of what is returned. Over a
/// failed handshake's stream an alert has been sent, if it could be at once.
pub(in crate::tcp) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    stream: S,
) -> Result<(Secured<S>, Agreed), (io::Error, S)> {
    match UnbufferedClientConnection::new(config, name) {
        Ok(party) => run(party, stream).await,
        Err(error) => Err((invalid(error), stream)),
    }
}

/// Handshakes as the acceptor; otherwise as [`connect`].
pub(in crate::tcp) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    config: Arc<ServerConfig>,
    stream: S,
) -> Result<(Secured<S>, Agreed), (io::Error, S)> {
    match UnbufferedServerConnection::new(config) {
        Ok(party) => run(party, stream).await,
        Err(error) => Err((invalid(error), stream)),
    }
}

async fn run<P: Party, S: AsyncRead + AsyncWrite + Unpin>(
    party: P,
    mut stream: S,
) -> Result<(Secured<S>, Agreed), (io::Error, S)> {
    let mut handshake = Handshake::new(party);
    loop {
        match handshake.advance() {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => {
                handshake.complain();
                let mut alert = pin!(stream.write_all(&handshake.outgoing));
                // Whoever does not take it at once, does not get it.
                poll_fn(|cx| Poll::Ready(alert.as_mut().poll(cx).is_ready())).await;
                return Err((invalid(error), stream));
            }
        }
        if let Err(error) = exchange(&mut handshake, &mut stream).await {
            return Err((error, stream));
        }
    }
    match handshake.finish() {
        Ok((records, agreed, outgoing, incoming)) => {
            Ok((Secured::new(stream, records, outgoing, incoming), agreed))
        }
        Err(error) => Err((invalid(error), stream)),
    }
}

/// Sends what there is, and waits for more.
async fn exchange<P, S: AsyncRead + AsyncWrite + Unpin>(
    handshake: &mut Handshake<P>,
    stream: &mut S,
) -> io::Result<()> {
    if !handshake.outgoing.is_empty() {
        stream.write_all(&handshake.outgoing).await?;
        handshake.outgoing.clear();
        stream.flush().await?;
    }
    if handshake.incoming.len() >= MAX_INCOMING {
        return Err(invalid(InvalidMessage::HandshakePayloadTooLarge.into()));
    }
    handshake.incoming.reserve(READ);
    match stream.read_buf(&mut handshake.incoming).await? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer ended within the handshake")),
        _ => Ok(()),
    }
}

/// As everything that reads or writes over TLS tells of its errors.
pub(super) fn invalid(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// One side of the handshake, without I/O.
pub(super) struct Handshake<P> {
    party: P,
    pub(super) incoming: BytesMut,
    /// How much of `incoming` the party may see.
    shown: usize,
    /// How much of that is whole records.
    whole: usize,
    pub(super) outgoing: Vec<u8>,
}

impl<P: Party> Handshake<P> {
    pub(super) fn new(party: P) -> Self {
        Self { party, incoming: BytesMut::new(), shown: 0, whole: 0, outgoing: Vec::new() }
    }

    /// Goes as far as it can with what has come; whether that was all of it.
    pub(super) fn advance(&mut self) -> Result<bool, Error> {
        loop {
            match self.step()? {
                Step::Again => {}
                Step::Done => return Ok(true),
                Step::Blocked if self.show_more() => {}
                Step::Blocked => return Ok(false),
            }
        }
    }

    fn step(&mut self) -> Result<Step, Error> {
        let shown = self.incoming.get_mut(..self.shown).unwrap_or_default();
        let (discard, step) = self.party.process(shown, &mut self.outgoing);
        let discard = discard.min(self.shown);
        self.incoming.advance(discard);
        self.shown -= discard;
        self.whole = self.whole.saturating_sub(discard);
        step
    }

    /// Shows the party the next record, or what there is of it, which may be enough to refuse it.
    fn show_more(&mut self) -> bool {
        let rest = self.incoming.get(self.whole..).unwrap_or_default();
        let length = rest
            .first_chunk::<HEADER>()
            .map(|&[.., high, low]| HEADER + usize::from(u16::from_be_bytes([high, low])));
        let before = self.shown;
        match length.filter(|length| *length <= rest.len()) {
            Some(length) => {
                self.whole += length;
                self.shown = self.whole;
                true
            }
            None => {
                self.shown = self.incoming.len();
                self.shown > before
            }
        }
    }

    /// After an error: has the alert for it ready. The party must see no more input than that alert needs, which is none.
    pub(super) fn complain(&mut self) {
        while self.party.wants_write()
            && let Ok(Step::Again) = self.step()
        {}
    }

    pub(super) fn finish(self) -> Result<(Records, Agreed, Vec<u8>, BytesMut), Error> {
        let (alpn, certificates) = (self.party.alpn_protocol(), self.party.peer_certificates());
        let agreed = Agreed {
            alpn: alpn.map(Into::into),
            certificates: certificates.unwrap_or_default().iter().map(|one| one.clone().into_owned()).collect(),
        };
        Ok((self.party.into_records()?, agreed, self.outgoing, self.incoming))
    }
}

/// What to do next.
pub(super) enum Step {
    Again,
    /// More input is needed.
    Blocked,
    Done,
}

/// rustls's connections of either role.
pub(super) trait Party: std::ops::Deref<Target: std::ops::Deref<Target = CommonState>> + Sized {
    /// Takes what it can of `incoming` and puts what is to be sent behind what `outgoing` has. Also how much of `incoming`
    /// is done with.
    fn process(&mut self, incoming: &mut [u8], outgoing: &mut Vec<u8>) -> (usize, Result<Step, Error>);

    fn into_records(self) -> Result<Records, Error>;
}

impl Party for UnbufferedClientConnection {
    fn process(&mut self, incoming: &mut [u8], outgoing: &mut Vec<u8>) -> (usize, Result<Step, Error>) {
        step(self.process_tls_records(incoming), outgoing)
    }

    fn into_records(self) -> Result<Records, Error> {
        let (secrets, kernel) = self.dangerous_into_kernel_connection()?;
        Records::new(kernel.negotiated_cipher_suite(), secrets, Box::new(kernel))
    }
}

impl Party for UnbufferedServerConnection {
    fn process(&mut self, incoming: &mut [u8], outgoing: &mut Vec<u8>) -> (usize, Result<Step, Error>) {
        step(self.process_tls_records(incoming), outgoing)
    }

    fn into_records(self) -> Result<Records, Error> {
        let (secrets, kernel) = self.dangerous_into_kernel_connection()?;
        Records::new(kernel.negotiated_cipher_suite(), secrets, Box::new(kernel))
    }
}

fn step<D>(status: UnbufferedStatus<'_, '_, D>, outgoing: &mut Vec<u8>) -> (usize, Result<Step, Error>) {
    let step = status.state.and_then(|state| match state {
        ConnectionState::EncodeTlsData(data) => encode(data, outgoing),
        ConnectionState::TransmitTlsData(data) => {
            // It goes before anything is read.
            data.done();
            Ok(Step::Again)
        }
        ConnectionState::BlockedHandshake => Ok(Step::Blocked),
        ConnectionState::WriteTraffic(_) => Ok(Step::Done),
        // Data before the end, which our configurations do not allow, or behind it, which is not shown.
        other => Err(Error::General(format!("{other:?} within the handshake"))),
    });
    (status.discard, step)
}

fn encode<D>(mut data: EncodeTlsData<'_, D>, outgoing: &mut Vec<u8>) -> Result<Step, Error> {
    let start = outgoing.len();
    loop {
        let room = outgoing.get_mut(start..).unwrap_or_default();
        match data.encode(room) {
            Ok(length) => {
                outgoing.truncate(start + length);
                return Ok(Step::Again);
            }
            Err(EncodeError::InsufficientSize(needs)) => outgoing.resize(start + needs.required_size, 0),
            Err(error @ EncodeError::AlreadyEncoded) => return Err(Error::General(error.to_string())),
        }
    }
}
