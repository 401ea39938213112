//! The dialler's hello: how an acceptor learns which of the raced connections was chosen.
//!
//! The dialler opens its first unidirectional stream, writes the hello on it and finishes it:
//!
//! ```text
//! hello    = version (varint) length (varint) body (that many bytes)
//! body v1  = features (varint) and whatever later versions append
//! ```
//!
//! Varints are those of RFC 9000, section 16. One feature is defined: [`Hello::takes_notices`]. Unknown ones and what
//! follows them are ignored. See `docs/spec/connection.md`.

use bytes::{Buf, Bytes};

use crate::connection::Connection;
use crate::error::{ConnectionError, HandshakeError};

/// The version that we write, and the newest that we read.
const VERSION: u64 = 1;

/// The longest hello that is read, in bytes. Ours has three; the rest is room to grow.
const MAX_LENGTH: usize = 256;

/// Close codes that foctet uses for itself: "FOCTET" in ASCII and one byte more, so that they meet no
/// application's.
const CODES: u64 = 0x0046_4f43_5445_5400;
/// From a dialler: another connection of the race was chosen.
pub(crate) const NOT_CHOSEN: u64 = CODES | 1;
/// From an acceptor: no hello came in time.
pub(crate) const NO_HELLO: u64 = CODES | 2;
/// From an acceptor: the hello makes no sense.
pub(crate) const BAD_HELLO: u64 = CODES | 3;
/// From an acceptor: the hello's version is newer than any that it knows.
pub(crate) const NEWER_HELLO: u64 = CODES | 4;

/// The feature bit of [`Hello::takes_notices`].
const NOTICES: u64 = 1;

/// What a dialler says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hello {
    /// Its first bidirectional stream is for the acceptor's notices. Over QUIC with several paths only.
    pub(crate) takes_notices: bool,
}

/// Says hello on a connection that was chosen.
pub(crate) async fn say(connection: &Connection, hello: Hello) -> Result<(), ConnectionError> {
    let mut stream = connection.open_uni().await?;
    // Before everything else, whatever the application has queued by then.
    stream.set_priority(i32::MAX).ok();
    match stream.write_all(&encode(hello)).await {
        Ok(()) => {
            stream.finish().ok();
            Ok(())
        }
        Err(crate::WriteError::ConnectionLost(error)) => Err(error),
        // The acceptor has no reason to stop the stream, but if it does, it has been opened: that will do.
        Err(_) => Ok(()),
    }
}

/// Waits for the peer's hello. The caller bounds the time, and closes with [`close_code`] after an error.
pub(crate) async fn hear(connection: &Connection) -> Result<Hello, HandshakeError> {
    let lost = HandshakeError::ConnectionLost;
    let mut stream = connection.accept_uni().await.map_err(lost)?;
    match stream.read_to_end(MAX_LENGTH).await {
        Ok(hello) => decode(&hello),
        Err(crate::ReadToEndError::Read(crate::ReadError::ConnectionLost(error))) => Err(lost(error)),
        Err(_) => Err(HandshakeError::BadHello),
    }
}

/// With which code an acceptor drops a connection that it will not hand out.
pub(crate) fn close_code(error: &HandshakeError) -> u64 {
    match error {
        HandshakeError::NewerHello { .. } => NEWER_HELLO,
        HandshakeError::BadHello => BAD_HELLO,
        _ => NO_HELLO,
    }
}

/// What a close by the peer's application, or by the peer's foctet in its name, means to us.
pub(crate) fn application_closed(code: u64, reason: Bytes) -> ConnectionError {
    match code {
        NEWER_HELLO => ConnectionError::UnsupportedByPeer,
        _ => ConnectionError::ApplicationClosed { code, reason },
    }
}

fn encode(hello: Hello) -> [u8; 3] {
    const BODY_LENGTH: u8 = 1;
    let features = if hello.takes_notices { NOTICES } else { 0 };
    // All three are below 64, and a varint below 64 is one byte of its value.
    [VERSION as u8, BODY_LENGTH, features as u8]
}

fn decode(mut hello: &[u8]) -> Result<Hello, HandshakeError> {
    let version = varint(&mut hello).ok_or(HandshakeError::BadHello)?;
    if version > VERSION {
        return Err(HandshakeError::NewerHello { version });
    }
    let length = varint(&mut hello).ok_or(HandshakeError::BadHello)?;
    if version != VERSION || usize::try_from(length) != Ok(hello.len()) {
        return Err(HandshakeError::BadHello);
    }
    let features = varint(&mut hello).ok_or(HandshakeError::BadHello)?;
    Ok(Hello { takes_notices: features & NOTICES != 0 })
}

/// Takes one varint off the front (RFC 9000, section 16).
fn varint(from: &mut &[u8]) -> Option<u64> {
    let first = *from.first()?;
    let length = 1_usize << (first >> 6);
    if from.len() < length {
        return None;
    }
    let value = from.get_uint(length);
    // The two highest bits are the length.
    Some(value & (u64::MAX >> (64 - 8 * length + 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_say_is_what_we_hear() {
        for (takes_notices, bytes) in [(false, [1, 1, 0]), (true, [1, 1, 1])] {
            let hello = Hello { takes_notices };
            assert_eq!(encode(hello), bytes);
            assert_eq!(decode(&bytes), Ok(hello));
        }
    }

    #[test]
    fn a_newer_hello_is_told_from_a_malformed_one() {
        assert_eq!(decode(&[2]), Err(HandshakeError::NewerHello { version: 2 }));
        assert_eq!(decode(&[0x40, 0x41, 9, 9]), Err(HandshakeError::NewerHello { version: 65 }));
        let most = HandshakeError::NewerHello { version: (1 << 62) - 1 };
        assert_eq!(decode(&[0xff; 8]), Err(most));
        for malformed in
            [&[][..], &[1], &[1, 0], &[1, 2, 0], &[1, 1, 0, 0], &[0, 1, 0], &[1, 1, 0x40], &[0x80, 1]]
        {
            assert_eq!(decode(malformed), Err(HandshakeError::BadHello), "{malformed:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_is_a_hello_or_an_error(bytes in proptest::collection::vec(0_u8.., 0..MAX_LENGTH)) {
            if decode(&bytes).is_ok() {
                proptest::prop_assert_eq!(varint(&mut &bytes[..]), Some(VERSION));
            }
        }
    }

    #[test]
    fn unknown_features_and_later_fields_are_ignored() {
        let hello = |takes_notices| Ok(Hello { takes_notices });
        assert_eq!(decode(&[1, 1, 0x3f]), hello(true));
        assert_eq!(decode(&[1, 1, 0x3e]), hello(false));
        assert_eq!(decode(&[1, 4, 0x40, 0xfe, 7, 7]), hello(false));
    }
}
