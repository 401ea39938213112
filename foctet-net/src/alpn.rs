//! How application protocols are named on the wire (RFC 7301).
//!
//! `X` over QUIC and `qmux-02.X` over TCP: the name must differ from the one over QUIC, and other speakers of QMux use
//! this prefix.

/// Before the application's name over TCP.
const OVER_TCP: &[u8] = b"qmux-02.";

/// The longest name of an application protocol, in bytes: TLS takes 255, and the prefix goes off.
pub const MAX_ALPN_LENGTH: usize = 255 - OVER_TCP.len();

/// Whether it can name an application protocol.
pub(crate) fn is_valid(alpn: &[u8]) -> bool {
    (1..=MAX_ALPN_LENGTH).contains(&alpn.len())
}

/// What an application protocol is called over TCP.
pub(crate) fn over_tcp(alpn: &[u8]) -> Vec<u8> {
    [OVER_TCP, alpn].concat()
}

/// The application protocol behind a name that was agreed on over TCP.
pub(crate) fn from_tcp(alpn: &[u8]) -> Option<&[u8]> {
    alpn.strip_prefix(OVER_TCP)
}
