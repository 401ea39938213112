use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use super::carrier::{self, Carrier};

/// What is left of a connection that was dropped: its carrier, until the peer has been told.
#[derive(Clone)]
pub(crate) enum Ending {
    Quic(noq::Connection),
    Tcp(foctet_mux::Connection),
}

impl Ending {
    /// Closes the carrier, as is done when it is dropped.
    pub(super) fn of(carrier: &Carrier) -> Self {
        match carrier {
            Carrier::Quic { connection } => {
                connection.close(noq::VarInt::from_u32(0), b"");
                Self::Quic((**connection).clone())
            }
            Carrier::Tcp { mux, .. } => {
                // It refuses codes above 2^62-1 alone.
                mux.close(0, b"").ok();
                Self::Tcp(mux.clone())
            }
        }
    }

    /// Whether nothing is to be awaited any more.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Quic(connection) => {
                let by_us = matches!(connection.close_reason(), Some(noq::ConnectionError::LocallyClosed));
                !by_us || connection.stats().frame_rx.connection_close > 0
            }
            // Nobody waits here, so no waker is needed.
            Self::Tcp(mux) => {
                pin!(mux.drained()).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
            }
        }
    }

    pub(crate) fn is_quic(&self) -> bool {
        matches!(self, Self::Quic(_))
    }

    /// Waits until the close is sent over QUIC, which the caller bounds.
    pub(crate) async fn told(&self) {
        if let Self::Quic(connection) = self {
            carrier::told(connection).await;
        }
    }

    /// Waits for the peer's answer to it, for as long as that may take.
    pub(crate) async fn answered(&self) {
        if let Self::Quic(connection) = self {
            carrier::answered(connection, connection.rtt(noq::PathId::ZERO).unwrap_or_default()).await;
        }
    }

    /// Waits until the peer has been told over TCP.
    pub(crate) async fn drained(&self) {
        if let Self::Tcp(mux) = self {
            mux.drained().await;
        }
    }
}
