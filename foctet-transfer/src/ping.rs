//! Connections that are only looked at.

use std::time::{Duration, Instant};

use foctet_core::TicketSecret;
use foctet_net::Connection;

use crate::control::{Control, FRAME_TIMEOUT, open_stream};
use crate::error::{ProtocolError, ReceiveError};
use crate::wire::{FailureCode, Frame};

/// A connection that is only looked at. The sender counts no receiver, and lets it be for as long as this lives, a day
/// at most.
#[derive(Debug)]
pub struct Ping {
    connection: Connection,
    control: Control,
    secret: TicketSecret,
}

impl Ping {
    /// Opens the control stream of a connection that nothing else was opened on.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::ConnectionLost`], or `Stalled`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn open(connection: &Connection, secret: &TicketSecret) -> Result<Self, ReceiveError> {
        let (send, recv) = open_stream(connection).await?;
        Ok(Self { connection: connection.clone(), control: Control::new(send, recv), secret: secret.clone() })
    }

    /// Asks the sender, which answers at once, and returns how long that took: a round trip and what both programs take.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]: `WrongSecret`, `Protocol` from a sender that does not know pings or is silent for 30 s, or
    /// `ConnectionLost`.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the answer would be taken for that of the next call.
    pub async fn round_trip(&mut self) -> Result<Duration, ReceiveError> {
        let start = Instant::now();
        self.control.send(&Frame::Ping { secret: self.secret.clone() }, FRAME_TIMEOUT).await?;
        match self.control.recv_within(FRAME_TIMEOUT).await? {
            Frame::Confirm => {
                self.connection.allow_direct();
                Ok(start.elapsed())
            }
            Frame::Fail(failure) if failure.code == FailureCode::WrongSecret => {
                Err(ReceiveError::WrongSecret)
            }
            _ => Err(ProtocolError::Unexpected { expected: "an answer to a ping" }.into()),
        }
    }
}
