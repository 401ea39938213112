//! Alerts: RFC 8446, section 6.

use rustls::{AlertDescription, Error, InvalidMessage, PeerMisbehaved};

/// AlertLevel `warning`.
const WARNING: u8 = 1;

/// AlertLevel `fatal`.
const FATAL: u8 = 2;

/// What an alert is on the wire. Only those that close or explain nothing are warnings (section 6.1).
pub(super) fn encode(description: AlertDescription) -> [u8; 2] {
    let level = match description {
        AlertDescription::CloseNotify | AlertDescription::UserCanceled => WARNING,
        _ => FATAL,
    };
    [level, description.into()]
}

/// What a peer said that ends nothing by force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// close_notify: nothing more comes.
    Closed,
    /// user_canceled, which says nothing: a close_notify is to follow.
    Canceled,
}

/// Reads the content of an alert record, which is one whole alert (section 5.1).
///
/// # Errors
///
/// [`Error::AlertReceived`] for any other than the two above, whatever level it claims (section 6).
pub(super) fn read(content: &[u8]) -> Result<Notice, Error> {
    let &[WARNING | FATAL, description] = content else {
        return Err(InvalidMessage::MissingData("AlertMessagePayload").into());
    };
    match AlertDescription::from(description) {
        AlertDescription::CloseNotify => Ok(Notice::Closed),
        AlertDescription::UserCanceled => Ok(Notice::Canceled),
        other => Err(Error::AlertReceived(other)),
    }
}

/// What a peer should hear of an error in what it sent; `None` if it knows already.
pub(super) fn answer(error: &Error) -> Option<AlertDescription> {
    match error {
        Error::AlertReceived(_) => None,
        Error::DecryptError => Some(AlertDescription::BadRecordMac),
        Error::PeerSentOversizedRecord => Some(AlertDescription::RecordOverflow),
        // Section 4.6.3.
        Error::InvalidMessage(InvalidMessage::InvalidKeyUpdate) => Some(AlertDescription::IllegalParameter),
        Error::InvalidMessage(InvalidMessage::InvalidContentType)
        | Error::PeerMisbehaved(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_) => Some(AlertDescription::UnexpectedMessage),
        Error::InvalidMessage(_) => Some(AlertDescription::DecodeError),
        _ => Some(AlertDescription::InternalError),
    }
}
